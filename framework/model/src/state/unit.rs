//! Units, and what each unit's agent remembers between hooks.

use std::collections::{BTreeMap, BTreeSet};

use juju::UnitName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Life, OpenedPort, Status};
use crate::operation::{HookRun, Operation};
use crate::time::Time;

/// A unit of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// The machine that it lives on.
    pub machine: u32,
    /// The driver's key of the charm that it runs; differs from the application's while `upgrade-charm` is to come.
    pub charm_id: String,
    /// Whether it is being removed.
    pub life: Life,
    /// Whether removal skips what fails.
    pub force: bool,
    /// Whether its agent has come up with the charm unpacked.
    pub agent_started: bool,
    /// The workload status, without regard to a failed hook (see [`FailedHook`]).
    pub workload: Status,
    /// Whether the charm has set the workload status itself.
    pub workload_set: bool,
    /// The agent status.
    pub agent: Status,
    /// What `application-version-set` reported here.
    pub workload_version: String,
    /// The opened ports.
    pub ports: BTreeSet<OpenedPort>,
    /// What `state-set` keeps.
    pub charm_state: BTreeMap<String, String>,
    /// What the agent remembers.
    pub uniter: Uniter,
}

/// What a unit's agent remembers between hooks: what it has run, and what the charm has been told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Uniter {
    /// `install` has succeeded.
    pub installed: bool,
    /// `start` has succeeded.
    pub started: bool,
    /// The machine has rebooted since, and `start` has not been run again yet.
    pub rebooted: bool,
    /// `stop` has succeeded.
    pub stopped: bool,
    /// `remove` has succeeded.
    pub removed: bool,
    /// The configuration and addresses at the last successful `config-changed`.
    pub config_seen: Option<ConfigSeen>,
    /// `leader-elected` has been run for the present leadership.
    pub leader: bool,
    /// The version of the leader settings that the charm has been told of.
    pub leader_settings_seen: Option<u64>,
    /// The relations of which the charm knows, by number.
    pub relations: BTreeMap<u32, LocalRelation>,
    /// The hook to run next, before anything else.
    pub queued: Option<HookRun>,
    /// The hook that failed and has not been resolved.
    pub failed: Option<FailedHook>,
    /// What is being run now.
    pub running: Option<Running>,
    /// When `update-status` is due.
    pub update_status_at: Option<Time>,
    /// How many `update-status` deadlines there have been.
    pub update_status_count: u64,
}

/// What `config-changed` shows to a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSeen {
    /// The values of all options that have one.
    pub config: BTreeMap<String, Value>,
    /// Whether the application is trusted.
    pub trust: bool,
    /// The address of the machine.
    pub address: Option<String>,
}

/// What a charm has been told of one relation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LocalRelation {
    /// `relation-created` has been run.
    pub created: bool,
    /// `relation-broken` has been run; nothing more happens here.
    pub broken: bool,
    /// Remote units of which the charm has been told, with the version of the bag it was told of (0 = none).
    pub members: BTreeMap<UnitName, u64>,
    /// The unit whose `joined` was run and whose `changed` must come next.
    pub changed_pending: Option<UnitName>,
    /// The version of the remote application's bag that the charm has been told of.
    pub application_version: u64,
}

/// A hook that failed and waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedHook {
    /// What to run again.
    pub hook: HookRun,
    /// How often it has failed in a row.
    pub failures: u32,
    /// When it failed last.
    pub at: Time,
    /// When it is run again.
    pub retry_at: Time,
    /// Why: `exit status 1`, or what went wrong with the commit.
    pub reason: String,
}

/// What a unit is running now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The hook, action or command.
    pub operation: Operation,
    /// The context that it runs in.
    pub context_id: String,
    /// Since when.
    pub since: Time,
    /// What of the model counts as seen once it has succeeded.
    pub seen: Seen,
    /// Whether `juju-reboot --now` was called: the hook is killed and run again after the boot.
    pub reboot_now: bool,
}

/// What the charm gets to see in a run, as it was at the start. Later changes give further hooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Nothing that needs to be remembered.
    Nothing,
    /// For `config-changed`.
    Config(ConfigSeen),
    /// For `leader-settings-changed`: the version.
    LeaderSettings(u64),
    /// For `relation-changed`: the version of the bag of the remote unit or application.
    Bag(u64),
}

impl Unit {
    /// Whether a failed hook waits to be resolved.
    pub fn is_in_error(&self) -> bool {
        self.uniter.failed.is_some()
    }

    /// The hook that failed and is not running again now.
    pub fn failed_hook(&self) -> Option<&FailedHook> {
        self.uniter.failed.as_ref()
    }

    /// What it is running now.
    pub fn running(&self) -> Option<&Running> {
        self.uniter.running.as_ref()
    }
}
