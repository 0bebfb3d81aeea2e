#![doc = include_str!("../README.md")]

pub mod wire;

mod provides;
mod requires;

pub use provides::{Provides, Request};
pub use requires::Requires;
pub use wire::{KeyPair, RequestKind, ServerRequest, WireError};

/// The relations of an endpoint; nothing else is asked about them.
fn relations(ctx: &mut reactive::Context, endpoint: &str) -> reactive::Result<Vec<juju::RelationId>> {
    Ok(ctx.tools().relation_ids(&juju::EndpointName::try_from(endpoint)?)?)
}
