//! Everything that can happen to a model. Events are what a driver journals.

use std::collections::BTreeMap;

use juju::{ApplicationName, UnitName};
use package::CharmInfo;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::changes::{Changes, Effect};
use crate::operation::Operation;

/// Something that happens to a model: a request of the user, or news from the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// `juju deploy`.
    Deploy {
        /// What the charm declares.
        charm: Box<CharmInfo>,
        /// `local:<name>-<revision>`; see [`Model::next_charm_revision`](crate::Model::next_charm_revision).
        url: String,
        /// The application's name.
        application: ApplicationName,
        /// How many units.
        units: u32,
        /// Options as typed by the user. `trust` sets the application's trust.
        config: BTreeMap<String, String>,
        /// The driver's key of the stored charm.
        charm_id: String,
    },
    /// `juju integrate a b`.
    Integrate {
        /// `application[:endpoint]`.
        a: String,
        /// `application[:endpoint]`.
        b: String,
    },
    /// `juju remove-relation`.
    RemoveRelation {
        /// Two of `application[:endpoint]`, or one relation number.
        endpoints: Vec<String>,
        /// Go on although hooks fail.
        force: bool,
    },
    /// `juju add-unit`.
    AddUnits {
        /// The application.
        application: ApplicationName,
        /// How many more.
        count: u32,
    },
    /// `juju remove-unit`.
    RemoveUnits {
        /// The units.
        units: Vec<UnitName>,
        /// Go on although hooks fail.
        force: bool,
    },
    /// `juju remove-application`.
    RemoveApplication {
        /// The application.
        application: ApplicationName,
        /// Go on although hooks fail.
        force: bool,
    },
    /// `juju config`.
    SetConfig {
        /// The application.
        application: ApplicationName,
        /// Options to set, as typed by the user.
        set: BTreeMap<String, String>,
        /// Options to return to their defaults.
        reset: Vec<String>,
    },
    /// `juju trust`.
    Trust {
        /// The application.
        application: ApplicationName,
        /// Given or taken away.
        trust: bool,
    },
    /// `juju run`.
    EnqueueAction {
        /// `etcd/0` or `etcd/leader`.
        units: Vec<String>,
        /// The action's name.
        action: String,
        /// Its parameters as typed.
        params: Map<String, Value>,
    },
    /// `juju exec`.
    EnqueueExec {
        /// `etcd/0` or `etcd/leader`.
        units: Vec<String>,
        /// The command for `bash -c`.
        command: String,
    },
    /// `juju cancel-task`. A running task becomes `aborting`; the driver kills its process.
    CancelTask {
        /// The task.
        task: u64,
    },
    /// `juju resolve`.
    Resolve {
        /// The unit.
        unit: UnitName,
        /// Run the hook again now, or (`--no-retry`) treat it as done.
        retry: bool,
    },
    /// `juju expose` and `juju unexpose`.
    Expose {
        /// The application.
        application: ApplicationName,
        /// Exposed or not.
        exposed: bool,
    },
    /// `juju refresh`: other charm, same application.
    Refresh {
        /// The application.
        application: ApplicationName,
        /// What the new charm declares.
        charm: Box<CharmInfo>,
        /// Its URL.
        url: String,
        /// The driver's key of the stored charm.
        charm_id: String,
    },
    /// `juju destroy-model`.
    DestroyModel,
    /// Leadership moves to this unit, as after the leader's lease ran out.
    SetLeader {
        /// The new leader.
        unit: UnitName,
    },
    /// A machine has booted. For a machine that was up already this is a reboot: its started units run `start` again.
    MachineStarted {
        /// Its number.
        machine: u32,
        /// The address under which others reach it.
        address: String,
        /// Its host name.
        hostname: String,
    },
    /// A machine could not be made.
    MachineFailed {
        /// Its number.
        machine: u32,
        /// Why.
        message: String,
    },
    /// A machine is gone, wanted or not. Units that were left on it are removed without hooks.
    MachineRemoved {
        /// Its number.
        machine: u32,
    },
    /// A unit's agent is up, its charm unpacked.
    AgentStarted {
        /// The unit.
        unit: UnitName,
    },
    /// The agent starts what [`next_operation`](crate::Model::next_operation) said.
    OperationStarted {
        /// The unit.
        unit: UnitName,
        /// What it runs.
        operation: Operation,
        /// Its context.
        context_id: String,
    },
    /// What was started has ended.
    OperationFinished {
        /// The unit.
        unit: UnitName,
        /// The context that it ran in.
        context_id: String,
        /// How it ended.
        exit: Exit,
        /// What it had buffered.
        changes: Changes,
        /// What it printed. Kept for actions and commands only; may be empty for hooks.
        #[serde(default, with = "crate::bytes", skip_serializing_if = "Vec::is_empty")]
        stdout: Vec<u8>,
        /// What it printed on standard error.
        #[serde(default, with = "crate::bytes", skip_serializing_if = "Vec::is_empty")]
        stderr: Vec<u8>,
    },
    /// A hook tool did something that holds at once.
    ToolEffect {
        /// The unit.
        unit: UnitName,
        /// What.
        effect: Effect,
    },
    /// The driver came back: whatever was running is not running any more.
    AgentRestarted,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by SIGKILL or SIGTERM.
    Killed,
    /// There was nothing to run: no such script in the charm.
    MissingScript,
}

/// What an event gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing more to say.
    Done,
    /// The units that were added.
    UnitsAdded(Vec<UnitName>),
    /// The number of the new relation.
    Related(u32),
    /// The tasks that were scheduled.
    Enqueued {
        /// The number of the operation.
        operation: u64,
        /// The tasks with their units, in the order asked for.
        tasks: Vec<(u64, UnitName)>,
        /// Units for which nothing could be scheduled, and why.
        failures: Vec<String>,
    },
}
