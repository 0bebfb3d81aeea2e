//! Charm packages as data: the YAML files of a charm, their rules, and the `.charm` archive around them.
//!
//! Start at [`CharmInfo`], everything Juju reads from a charm: [`Metadata`] (what it is and which endpoints it has),
//! [`ConfigOptions`], [`Actions`] and [`Manifest`]. Each parses one file with [`yaml`], checks it by Juju's rules and
//! answers in Juju's words. [`pack`] and [`unpack`] turn a directory or a list of [`Entry`]s into an archive and back.
//!
//! Nothing here talks to Juju; the types are plain values that can be stored and compared.
//!
//! ```
//! use package::{CharmInfo, Parts};
//!
//! let charm = CharmInfo::from_parts(Parts {
//!     metadata: "{name: app, summary: s, description: d, provides: {db: {interface: kv}}}",
//!     config: Some("options: {port: {type: int, default: 80}}"),
//!     actions: Some("backup: {params: {name: {type: string, default: latest}}}"),
//!     ..Parts::default()
//! })?;
//! assert_eq!(charm.metadata.endpoint("db").map(|endpoint| endpoint.interface.as_str()), Some("kv"));
//! // What an operator types is read by the option's type, and refused in Juju's words.
//! assert_eq!(charm.config.validate("port", "8080"), Ok(8080.into()));
//! let error = charm.config.validate("port", "many").unwrap_err();
//! assert_eq!(error.to_string(), r#"option "port" expected int, got "many""#);
//! // The parameters of an action are checked and completed.
//! let parameters = charm.actions.validate("backup", Default::default()).unwrap();
//! assert_eq!(parameters["name"], "latest");
//! # Ok::<(), package::PackageError>(())
//! ```

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
