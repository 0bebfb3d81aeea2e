//! What people and tools see of a model: `juju status`, `juju config`, task results. Field names and order are Juju's.

mod build;
mod config;
mod table;
mod tabular;
mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use config::{ConfigView, Setting};

/// `juju status --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FullStatus {
    /// The model.
    pub model: ModelStatus,
    /// The machines by number.
    pub machines: BTreeMap<u32, MachineStatus>,
    /// The applications by name.
    pub applications: BTreeMap<String, ApplicationStatus>,
    /// The controller.
    pub controller: ControllerStatus,
    /// The relations, for `juju status --relations`; not part of the JSON.
    #[serde(skip)]
    pub relations: Vec<RelationStatus>,
}

/// The model in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelStatus {
    /// The name without owner.
    pub name: String,
    /// Always `iaas`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The controller's name.
    pub controller: String,
    /// The cloud's name.
    pub cloud: String,
    /// The region, if the cloud was given as `cloud/region`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The agent version.
    pub version: String,
    /// `available`, or `destroying`.
    pub model_status: StatusInfo,
    /// The service level; gone in Juju 4.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<String>,
}

/// The controller in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ControllerStatus {
    /// The time of the status.
    pub timestamp: String,
}

/// A status with what belongs to it; empty parts are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusInfo {
    /// The status word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current: String,
    /// The message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// The agent version, for agents.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `dying` or `dead`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub life: String,
}

/// The operating system release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseStatus {
    /// The system: `ubuntu`.
    pub name: String,
    /// The release: `22.04`.
    pub channel: String,
}

/// A machine in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MachineStatus {
    /// The machine's agent.
    pub juju_status: StatusInfo,
    /// Its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The address to reach it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// All its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// Its name in the cloud; `pending` before it has one.
    pub instance_id: String,
    /// The machine itself.
    pub machine_status: StatusInfo,
    /// Changes to the machine; nothing ever changes here.
    pub modification_status: StatusInfo,
    /// What it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseStatus>,
}

/// An application in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ApplicationStatus {
    /// The charm's URL.
    pub charm: String,
    /// What its units run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseStatus>,
    /// Always `local`.
    pub charm_origin: String,
    /// The charm's name.
    pub charm_name: String,
    /// The charm's revision.
    pub charm_rev: u32,
    /// The text of the charm's `version` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm_version: Option<String>,
    /// Whether it is exposed.
    pub exposed: bool,
    /// `dying`; left out while alive.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub life: String,
    /// Its status.
    pub application_status: StatusInfo,
    /// By endpoint, who is at the other end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<String, Vec<RelatedApplication>>,
    /// Its units by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, UnitStatus>,
    /// The version of the workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The network space of each endpoint; the empty name is the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoint_bindings: BTreeMap<String, String>,
}

/// The other end of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RelatedApplication {
    /// The application there.
    pub related_application: String,
    /// The interface spoken.
    pub interface: String,
    /// `global` or `container`.
    pub scope: String,
}

/// A unit in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitStatus {
    /// The workload; `error` while a failed hook is not resolved.
    pub workload_status: StatusInfo,
    /// The agent.
    pub juju_status: StatusInfo,
    /// Whether it leads; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leader: bool,
    /// Its machine.
    pub machine: String,
    /// The opened ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_ports: Vec<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<String>,
}

/// A relation in the table of `juju status --relations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationStatus {
    /// `application:endpoint` of the provider, or of the peers.
    pub provider: String,
    /// `application:endpoint` of the requirer, or of the peers.
    pub requirer: String,
    /// The interface spoken.
    pub interface: String,
    /// `regular` or `peer`.
    pub kind: String,
    /// `dying` while it is being removed.
    pub message: String,
}
