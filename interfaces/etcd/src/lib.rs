#![doc = include_str!("../README.md")]

pub mod peer_wire;
pub mod wire;

mod peers;
mod provides;
mod requires;

pub use peer_wire::{Claim, ClaimedMember, MemberInfo, PeerData, Phase, SharedData, WireError};
pub use peers::Peers;
pub use provides::Provides;
pub use requires::Requires;
pub use wire::Connection;

/// The relations of an endpoint; nothing else is asked about them.
fn relations(ctx: &mut reactive::Context, endpoint: &str) -> reactive::Result<Vec<juju::RelationId>> {
    Ok(ctx.tools().relation_ids(&juju::EndpointName::try_from(endpoint)?)?)
}
