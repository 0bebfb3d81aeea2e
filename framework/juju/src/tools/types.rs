//! The values that hook tools take and give.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::names::UnitName;

/// The workload states that a charm can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadStatus {
    /// The workload does its work.
    Active,
    /// The unit waits for something outside, such as a relation's other end.
    Waiting,
    /// The unit is at work on itself.
    Maintenance,
    /// Only an operator can help.
    Blocked,
}

impl WorkloadStatus {
    /// Juju's word.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkloadStatus::Active => "active",
            WorkloadStatus::Waiting => "waiting",
            WorkloadStatus::Maintenance => "maintenance",
            WorkloadStatus::Blocked => "blocked",
        }
    }
}

impl fmt::Display for WorkloadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How important a line in the model's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For who looks for a mistake.
    Debug,
    /// For operators (kept by default, as everything above).
    Info,
    /// Something is odd.
    Warning,
    /// Something went wrong.
    Error,
    /// Nothing works any more.
    Critical,
}

impl LogLevel {
    /// Juju's word.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warning => "WARNING",
            LogLevel::Error => "ERROR",
            LogLevel::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The addresses behind an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkInfo {
    /// Addresses of the unit's machine in the endpoint's space, to listen at.
    pub bind_addresses: Vec<IpAddr>,
    /// Addresses (or host names) to give to others, the best first.
    pub ingress_addresses: Vec<String>,
    /// Subnets from which the unit's own connections come.
    pub egress_subnets: Vec<String>,
}

/// What the operator has asked for: the units and relations that exist or will exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GoalState {
    /// All units of the own application, the local one included.
    #[serde(default)]
    pub units: BTreeMap<UnitName, GoalStatus>,
    /// By endpoint (peers are not listed): the remote application and each of its units.
    #[serde(default)]
    pub relations: BTreeMap<String, BTreeMap<String, GoalStatus>>,
}

/// The state of one unit, or of one relation, in [`GoalState`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GoalStatus {
    /// Of a unit the workload's status, or `dying`; of a relation `joined`, `joining`, `suspended` and so on.
    #[serde(default)]
    pub status: String,
    /// Since when, such as `2024-01-02 15:04:05Z`.
    #[serde(default)]
    pub since: Option<String>,
}

/// A protocol in which ports are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, which has no ports.
    Icmp,
}

impl Protocol {
    /// Juju's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
        }
    }
}

/// A range of ports in one protocol: `2379/tcp`, `10-20/udp`, `icmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    protocol: Protocol,
    from: u16,
    to: u16,
}

/// A text that is no range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid port range {text:?}")]
pub struct PortRangeError {
    text: String,
}

impl PortRange {
    /// One TCP port.
    pub fn tcp(port: u16) -> PortRange {
        PortRange {
            protocol: Protocol::Tcp,
            from: port,
            to: port,
        }
    }

    /// One UDP port.
    pub fn udp(port: u16) -> PortRange {
        PortRange {
            protocol: Protocol::Udp,
            from: port,
            to: port,
        }
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The first port; 0 for ICMP.
    pub fn from(&self) -> u16 {
        self.from
    }

    /// The last port; 0 for ICMP.
    pub fn to(&self) -> u16 {
        self.to
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<PortRange, PortRangeError> {
        let invalid = || PortRangeError { text: text.to_owned() };
        if text == "icmp" {
            return Ok(PortRange {
                protocol: Protocol::Icmp,
                from: 0,
                to: 0,
            });
        }
        let (ports, protocol) = match text.split_once('/') {
            None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some(_) => return Err(invalid()),
        };
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        let port = |text: &str| text.parse::<u16>().map_err(|_| invalid());
        let (from, to) = (port(from)?, port(to)?);
        if from > to {
            Err(invalid())
        } else {
            Ok(PortRange { protocol, from, to })
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortRange {
                protocol: Protocol::Icmp,
                ..
            } => f.write_str("icmp"),
            PortRange { protocol, from, to } if from == to => write!(f, "{from}/{}", protocol.as_str()),
            PortRange { protocol, from, to } => write!(f, "{from}-{to}/{}", protocol.as_str()),
        }
    }
}

/// A storage instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StorageInfo {
    /// `filesystem` or `block`.
    pub kind: String,
    /// The mount point or device.
    pub location: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges() {
        for (text, shown) in [
            ("80", "80/tcp"),
            ("2379/tcp", "2379/tcp"),
            ("10-20/udp", "10-20/udp"),
            ("7-7/tcp", "7/tcp"),
            ("icmp", "icmp"),
        ] {
            assert_eq!(text.parse::<PortRange>().expect(text).to_string(), shown);
        }
        for bad in ["", "x", "80/sctp", "20-10/tcp", "65536/tcp", "-1", "1-", "80/tcp/tcp"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad}");
        }
        assert_eq!(PortRange::tcp(2379), "2379".parse().expect("a port"));
        assert_eq!(PortRange::udp(53).to_string(), "53/udp");
    }

    #[test]
    fn goal_state_tolerates_absent_parts() {
        let state: GoalState =
            serde_json::from_str(r#"{"units":{"a/1":{"status":"dying","since":null}}}"#).expect("JSON");
        assert_eq!(state.units.len(), 1);
        assert!(state.relations.is_empty());
    }
}
