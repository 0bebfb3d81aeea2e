//! Port ranges as `open-port` names them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A range of ports of one protocol. The order is Juju's: by protocol, then by number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// The first port.
    pub from: u16,
    /// The last port.
    pub to: u16,
}

impl PortRange {
    /// Whether two ranges share a port of the same protocol. ICMP has no ports; all its ranges are the same.
    pub fn overlaps(&self, other: &PortRange) -> bool {
        self.protocol == other.protocol && (self.protocol == "icmp" || (self.from <= other.to && other.from <= self.to))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol.as_str() {
            "icmp" => f.write_str("icmp"),
            protocol if self.from == self.to => write!(f, "{}/{protocol}", self.from),
            protocol => write!(f, "{}-{}/{protocol}", self.from, self.to),
        }
    }
}

/// A port range opened for one endpoint, or for all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpenedPort {
    /// The range.
    pub range: PortRange,
    /// The endpoint; empty = all endpoints.
    pub endpoint: String,
}
