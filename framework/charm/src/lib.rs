#![doc = include_str!("../README.md")]
//!
//! # Map of the code
//!
//! [`run`] is a charm's `main`: in a hook it is the hook mode (`hook`), otherwise the charm's tool (`tool`: `pack`, `graph`,
//! `check`). [`prelude`] is what a layer imports; the crates behind it are re-exported whole.

mod check;
mod hook;
mod pack;
pub mod prelude;
mod tool;

use std::process::ExitCode;

pub use host;
pub use juju;
pub use package;
pub use reactive;
pub use store;

use reactive::CharmBuilder;

pub use check::Finding;
pub use pack::PackError;

/// The files of a charm beside its binary, as texts that are compiled in with `include_str!`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assets {
    /// `metadata.yaml`
    pub metadata: &'static str,
    /// `config.yaml`; empty if there is none.
    pub config: &'static str,
    /// `actions.yaml`; empty if there is none.
    pub actions: &'static str,
    /// `manifest.yaml`; empty if there is none.
    pub manifest: &'static str,
    /// Other files: paths below the charm's directory, and contents.
    pub files: &'static [(&'static str, &'static [u8])],
}

/// The `main` of a charm whose binary is called `name`.
///
/// In a hook or action (`JUJU_DISPATCH_PATH` is set) it dispatches; otherwise it is the charm's tool, see `--help`.
pub fn run(name: &'static str, assets: Assets, build: fn() -> CharmBuilder) -> ExitCode {
    let is_hook =
        juju::env::of_process().any(|(variable, value)| variable == juju::env::DISPATCH_PATH && !value.is_empty());
    match is_hook {
        true => hook::run(build),
        false => tool::run(name, &assets, build),
    }
}

/// The examples in the README of the repository are true.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
