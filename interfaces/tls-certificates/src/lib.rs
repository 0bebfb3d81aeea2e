#![doc = include_str!("../README.md")]

pub mod wire;

mod provides;
mod requires;

pub use provides::{Provides, Request};
pub use requires::Requires;
pub use wire::{KeyPair, RequestKind, ServerRequest, WireError};
