//! Charm packages as data: the YAML files of a charm, their rules, and the `.charm` archive around them.
//!
//! Start at [`CharmInfo`], everything Juju reads from a charm: [`Metadata`] (what it is and which endpoints it has),
//! [`ConfigOptions`], [`Actions`] and [`Manifest`]. Each parses one file with [`yaml`], checks it by Juju's rules and
//! answers in Juju's words. [`pack`] and [`unpack`] turn a directory or a list of [`Entry`]s into an archive and back.
//!
//! Nothing here talks to Juju; the types are plain values that can be stored and compared.

pub mod actions;
pub mod archive;
mod check;
pub mod config;
pub mod info;
pub mod manifest;
pub mod metadata;
mod names;
pub mod schema;
pub mod storage;
pub mod yaml;

pub use actions::{ActionError, ActionSpec, Actions};
pub use archive::{ArchiveError, Content, Entry, pack, pack_dir, unpack};
pub use config::{ConfigError, ConfigOptions, OptionSpec, OptionType};
pub use info::{CharmInfo, PackageError, Parts};
pub use manifest::{Base, Manifest};
pub use metadata::{Endpoint, Metadata, MetadataError, ResourceKind, ResourceSpec, Role, Scope};
pub use storage::{CountRange, StorageKind, StorageSpec};
pub use yaml::YamlError;
