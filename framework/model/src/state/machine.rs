//! Machines, of whatever kind the driver makes them.

use serde::{Deserialize, Serialize};

use super::{Life, Status};
use crate::time::Time;

/// A machine. Each unit gets one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its number; never given out again.
    pub number: u32,
    /// `Dying` asks the driver to stop and remove it; then [`MachineRemoved`](crate::Event::MachineRemoved) ends it.
    pub life: Life,
    /// How far it has come.
    pub state: MachineState,
    /// Its address, once started.
    pub address: Option<String>,
    /// Its host name, once started.
    pub hostname: Option<String>,
    /// Whether a unit asked for a reboot that the driver has not made yet (see [`MachineStarted`](crate::Event::MachineStarted)).
    pub reboot_wanted: bool,
    /// How often it has booted.
    pub boots: u32,
    /// When it was added to the model.
    pub added: Time,
    /// The status of the machine itself, as `juju status` shows it.
    pub status: Status,
    /// The status of the agent on it, as `juju status` shows it.
    pub agent: Status,
}

/// How far a machine has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// Wanted; the driver has not made it yet.
    Pending,
    /// Up, with an address.
    Started,
    /// It could not be made; the status has the reason.
    Failed,
}

impl Machine {
    /// Whether it is up.
    pub fn is_started(&self) -> bool {
        self.state == MachineState::Started
    }
}
