//! What the stories share: a model of one's own that is destroyed on drop ([`Sandbox`]), the packed charms, and etcd as an
//! operator sees it ([`Cluster`]).

mod charms;
mod cluster;
mod sandbox;

pub(crate) use charms::{binary, charm};
pub(crate) use cluster::Cluster;
pub(crate) use sandbox::{Sandbox, eventually};
