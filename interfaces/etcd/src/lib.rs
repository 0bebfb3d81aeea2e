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
