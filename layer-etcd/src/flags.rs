//! The flags of the layer: its whole persistent state, and who owns what.

use charm::prelude::*;
use interface_etcd::{Peers, Provides};
use interface_tls_certificates::Requires;

use crate::names::endpoints;

/// The options have usable values. Recomputed at the start of every dispatch.
pub const OPTIONS_VALID: Flag = Flag::new("etcd.options.valid");
/// etcd and etcdctl are on the machine.
pub const INSTALLED: Flag = Flag::new("etcd.installed");
/// The five certificate files are on disk.
pub const CERTIFICATES_SAVED: Flag = Flag::new("etcd.certificates.saved");
/// The peers' bag holds a committed claim. Recomputed at the start of every dispatch.
pub const CLAIMED: Flag = Flag::new("etcd.cluster.claimed");
/// The unit is a voting member of the cluster.
pub const REGISTERED: Flag = Flag::new("etcd.registered");
/// The unit holds evidence against its own membership and keeps etcd stopped.
pub const CONTRARY: Flag = Flag::new("etcd.cluster.contrary");
/// The unit is being removed: its relations end first, and its `stop` hook will leave the cluster.
pub const DEPARTING: Flag = Flag::new("etcd.unit.departing");
/// The member is new, or its addresses are, since this hook began: everybody has to hear of it.
pub const MOVED: Flag = Flag::new("etcd.service.moved");
/// The unit has left the cluster, or is about to.
pub const LEAVING: Flag = Flag::new("etcd.cluster.leaving");

/// The certificate authority.
pub const CERTIFICATES: Requires = Requires::new(endpoints::CERTIFICATES);
/// The applications that use the cluster.
pub const DB: Provides = Provides::new(endpoints::DB);
/// The other units.
pub const PEERS: Peers = Peers::new(endpoints::CLUSTER);
