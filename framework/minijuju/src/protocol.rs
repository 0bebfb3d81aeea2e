//! What the command line and the daemon say to each other on `ctl.sock`.
//!
//! One JSON object per line in both directions. The client sends one [`Request`]; the daemon sends any number of
//! [`Answer::Progress`], [`Answer::Stdout`] and [`Answer::Log`] and ends with one [`Answer::Done`] or
//! [`Answer::Error`], after which the connection may be used for the next request. A client that hangs up
//! withdraws its waiting; what it asked for goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One request of the command line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Is the daemon there? `Done.json` = [`DaemonInfo`].
    Ping,
    /// Deploy the charm at an absolute path (a directory or a `.charm` archive). `Done.json` = [`Deployed`].
    Deploy {
        /// Absolute path of the charm.
        charm: PathBuf,
        /// Name of the application; the charm's name if absent.
        #[serde(default)]
        application: Option<String>,
        /// Number of units; `None` = 1 (0 for subordinates).
        #[serde(default)]
        units: Option<u32>,
        /// Option values as typed by the user.
        #[serde(default)]
        config: BTreeMap<String, String>,
    },
    /// Give an application another charm. `Done.json` = [`Deployed`].
    Refresh {
        /// The application.
        application: String,
        /// Absolute path of the new charm.
        charm: PathBuf,
    },
    /// Relate two applications, each `app` or `app:endpoint`. `Done.json` = `{"relation": 3}`.
    Integrate {
        /// One side.
        a: String,
        /// The other side.
        b: String,
    },
    /// Remove a relation.
    RemoveRelation {
        /// Two of `app[:endpoint]`, or the one number of the relation.
        endpoints: Vec<String>,
        /// Go on although hooks fail.
        #[serde(default)]
        force: bool,
    },
    /// Add units to an application. `Done.json` = `["etcd/3"]`.
    AddUnit {
        /// The application.
        application: String,
        /// How many.
        count: u32,
    },
    /// Remove units.
    RemoveUnit {
        /// Unit names.
        units: Vec<String>,
        /// Do not wait for their hooks.
        #[serde(default)]
        force: bool,
    },
    /// Remove applications.
    RemoveApplication {
        /// Application names.
        applications: Vec<String>,
        /// Do not wait for the units' hooks.
        #[serde(default)]
        force: bool,
    },
    /// Trust an application, or stop it.
    Trust {
        /// The application.
        application: String,
        /// The wanted state.
        trust: bool,
    },
    /// The options of an application; `source` is `user`, `default` or `unset`. `Done.json` = `{"application", "charm", "settings": {name: {type, value, default, source, description}}}`.
    ConfigGet {
        /// The application.
        application: String,
    },
    /// Set and reset options of an application.
    ConfigSet {
        /// The application.
        application: String,
        /// New values as typed by the user.
        #[serde(default)]
        set: BTreeMap<String, String>,
        /// Options to reset to their default.
        #[serde(default)]
        reset: Vec<String>,
    },
    /// The actions of an application. `Done.json` = `{name: {description, title, parallel, execution_group, schema}}`.
    Actions {
        /// The application.
        application: String,
    },
    /// Run an action. `Done.json` = [`OperationReport`]; units that refused stand in `errors`.
    Run {
        /// Units, also `app/leader`.
        units: Vec<String>,
        /// The action.
        action: String,
        /// Its parameters.
        #[serde(default)]
        params: Map<String, Value>,
        /// How long to wait for the end of all tasks; `None` = do not wait (`--background`).
        #[serde(default)]
        wait_ms: Option<u64>,
    },
    /// Run a shell command in the hook environment. Results as for [`Request::Run`].
    Exec {
        /// Units, also `app/leader`.
        #[serde(default)]
        units: Vec<String>,
        /// All units of these applications.
        #[serde(default)]
        applications: Vec<String>,
        /// The units on these machines.
        #[serde(default)]
        machines: Vec<String>,
        /// Every unit of the model.
        #[serde(default)]
        all: bool,
        /// The command, given to `/bin/bash -c`.
        #[serde(rename = "command-line")]
        command: String,
        /// How long to wait; `None` = do not wait.
        #[serde(default)]
        wait_ms: Option<u64>,
    },
    /// One task. `Done.json` = [`TaskReport`].
    ShowTask {
        /// Its id.
        task: String,
        /// Wait for its end at most so long; `None` = answer at once.
        #[serde(default)]
        wait_ms: Option<u64>,
    },
    /// One operation. `Done.json` = [`OperationReport`].
    ShowOperation {
        /// Its id.
        operation: String,
        /// Wait for its end at most so long; `None` = answer at once.
        #[serde(default)]
        wait_ms: Option<u64>,
    },
    /// All operations. `Done.json` = array of [`OperationReport`].
    Operations,
    /// Cancel tasks that are pending or running.
    CancelTask {
        /// Task ids.
        tasks: Vec<String>,
    },
    /// The model's status. `Done.json` = `model::status::FullStatus`, as `juju status --format json`, and beside it
    /// `relation-rows`: provider, requirer, interface, kind and message of each relation.
    Status,
    /// A unit with its relation data. `Done.json` as `juju show-unit --format json`.
    ShowUnit {
        /// The unit, also `app/leader`.
        unit: String,
    },
    /// Wait for a condition; progress says what is awaited. `Done.json` as for [`Request::Status`].
    Wait {
        /// What to wait for; all of them must hold.
        conditions: Vec<WaitFor>,
        /// How long; then `Error` names what was missing.
        timeout_ms: u64,
    },
    /// The model's log as [`Answer::Log`] records.
    DebugLog {
        /// From the beginning.
        #[serde(default)]
        replay: bool,
        /// Otherwise: the last so many records that pass the filter.
        #[serde(default)]
        lines: u64,
        /// Go on until the client hangs up.
        #[serde(default)]
        follow: bool,
        /// Least level shown; `None` = INFO.
        #[serde(default)]
        level: Option<Level>,
        /// Only these entities: a tag (`unit-foo-0`), a unit name, or a prefix ending in `*`; empty = all.
        #[serde(default)]
        include: Vec<String>,
        /// Not these entities.
        #[serde(default)]
        exclude: Vec<String>,
    },
    /// Retry, or give up, the failed hook of units.
    Resolve {
        /// Unit names.
        #[serde(default)]
        units: Vec<String>,
        /// Every unit in error.
        #[serde(default)]
        all: bool,
        /// Run the hook again; false = treat it as done.
        retry: bool,
    },
    /// Expose an application, or stop it.
    Expose {
        /// The application.
        application: String,
        /// The wanted state.
        exposed: bool,
    },
    /// Where a unit or machine lives, for `ssh` and `scp`. `Done.json` = [`Target`].
    Target {
        /// `etcd/0`, `etcd/leader` or `0`.
        target: String,
    },
    /// Fault: kill the hook that makes the `at`-th tool call of the unit, before it is answered; counted from now over all
    /// matching hooks. One shot. The unit need not exist yet.
    KillHook {
        /// The unit.
        unit: String,
        /// Hook or action name; `None` = any.
        #[serde(default)]
        hook: Option<String>,
        /// Which tool call, from 1.
        at: u64,
    },
    /// Fault: make a unit the leader, whatever the others believe.
    SkewLeader {
        /// The unit.
        unit: String,
    },
    /// The last hook runs. `Done.json` = array of [`HookRun`].
    Hooks {
        /// Only of this unit.
        #[serde(default)]
        unit: Option<String>,
    },
    /// Remove the model: its units go through their removal hooks first, then every process of the model is ended, its
    /// directories are removed and the daemon ends. Progress as Juju prints it.
    DestroyModel {
        /// No hooks: end everything at once.
        #[serde(default)]
        force: bool,
        /// Give up (with an error; the removal goes on) after so long; `None` = never.
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
    /// End the daemon; machines, services and all state stay.
    Shutdown,
}

/// One thing to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum WaitFor {
    /// Every unit of the model (or only of one application): workload active, agent idle, nothing queued.
    Active {
        /// Only this application.
        #[serde(default)]
        application: Option<String>,
    },
    /// Every unit's agent idle and nothing dying, whatever the workload says; a failed hook is no idleness.
    Idle {
        /// Only this application.
        #[serde(default)]
        application: Option<String>,
    },
    /// The application has exactly so many units.
    Units {
        /// The application.
        application: String,
        /// The number.
        count: u64,
    },
    /// A unit's (or every unit's of an application) workload status.
    Status {
        /// `etcd/0` or `etcd`.
        entity: String,
        /// `active`, `blocked`, `waiting`, `maintenance`, `error`, `terminated`, `unknown`.
        status: String,
    },
    /// The application, or the unit, is gone.
    Gone {
        /// `etcd` or `etcd/0`.
        entity: String,
    },
}

/// One line of the daemon's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// For the user's stderr.
    Progress {
        /// One line.
        text: String,
    },
    /// For the user's stdout.
    Stdout {
        /// Text as is.
        text: String,
    },
    /// One record of the model's log.
    Log(LogRecord),
    /// The end: it worked.
    Done {
        /// Exit code for the command line.
        code: i32,
        /// The result; its form is told at the request.
        json: Value,
    },
    /// The end: it did not work.
    Error {
        /// Juju's text, without `ERROR`.
        text: String,
        /// Exit code for the command line.
        code: i32,
    },
}

/// A record of the model's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The speaking agent: `unit-foo-0`, `machine-0` or `controller-0`.
    pub entity: String,
    /// Severity.
    pub level: Level,
    /// Logger, such as `unit.foo/0.juju-log`.
    pub module: String,
    /// The text.
    pub message: String,
}

/// Severity of a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Finest.
    Trace,
    /// What a hook prints to stdout.
    Debug,
    /// Normal.
    Info,
    /// What a hook prints to stderr.
    Warning,
    /// Failed.
    Error,
}

impl Level {
    /// Juju's name of the level.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        }
    }

    /// The level of a name in any case; `CRITICAL` counts as an error.
    #[must_use]
    pub fn parse(name: &str) -> Option<Level> {
        Some(match name.to_ascii_uppercase().as_str() {
            "TRACE" => Level::Trace,
            "DEBUG" => Level::Debug,
            "INFO" => Level::Info,
            "WARNING" | "WARN" => Level::Warning,
            "ERROR" | "CRITICAL" => Level::Error,
            _ => return None,
        })
    }
}

/// Answer to [`Request::Ping`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// Process id of the daemon.
    pub pid: u32,
    /// The model's name.
    pub model: String,
    /// The model's UUID.
    pub uuid: String,
    /// The Juju version it plays.
    pub juju_version: String,
}

/// Answer to [`Request::Deploy`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The charm's name.
    pub charm: String,
    /// Revision: how many charms of that name were uploaded before.
    pub revision: u32,
    /// The application's name.
    pub application: String,
    /// `ubuntu@22.04/stable`.
    pub base: String,
}

/// An operation: one `run` or `exec`, with a task per unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Its id.
    pub id: String,
    /// `run <action> on <units>`.
    pub summary: String,
    /// The worst status of its tasks.
    pub status: String,
    /// Action name; `juju-exec` for commands.
    pub action: String,
    /// The action's parameters.
    pub parameters: Map<String, Value>,
    /// Its tasks in order.
    pub tasks: Vec<TaskReport>,
    /// Why units got no task.
    pub errors: Vec<String>,
    /// The wait ended before the tasks did.
    pub timed_out: bool,
}

/// A task: one action or command on one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Its id.
    pub id: String,
    /// The operation it belongs to.
    pub operation: String,
    /// The unit.
    pub unit: String,
    /// `pending`, `running`, `completed`, `failed`, `cancelled`, `aborting`, `aborted`.
    pub status: String,
    /// Why it failed.
    pub message: String,
    /// What `action-set` said, and `return-code`, `stdout`, `stderr`.
    pub results: Map<String, Value>,
    /// `action-log` lines: Unix milliseconds and text.
    pub log: Vec<(u64, String)>,
    /// Unix milliseconds.
    pub enqueued_ms: u64,
    /// Unix milliseconds.
    pub started_ms: Option<u64>,
    /// Unix milliseconds.
    pub completed_ms: Option<u64>,
}

/// Where a unit or machine lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The machine's id.
    pub machine: String,
    /// The unit, if one was named.
    pub unit: Option<String>,
    /// The machine's directory.
    pub machine_dir: PathBuf,
    /// The machine's root directory; `/home/ubuntu` lies below it.
    pub root: PathBuf,
    /// Environment for a process in that machine, to be laid over the caller's own.
    pub env: BTreeMap<String, String>,
    /// Its loopback address.
    pub address: String,
}

/// One finished hook, action or command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// The unit.
    pub unit: String,
    /// Hook or action name, `juju-exec` for commands.
    pub hook: String,
    /// Start, Unix milliseconds.
    pub started_ms: u64,
    /// Wall time in microseconds.
    pub duration_us: u64,
    /// The hook tools it called, in order (a request that is repeated with stdin counts twice).
    pub tools: Vec<String>,
    /// `0`, `exit status 3`, `killed`.
    pub exit: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_objects_with_a_command() {
        let request: Request = serde_json::from_str(r#"{"command":"exec","all":true,"command-line":"ls"}"#).unwrap();
        assert!(matches!(&request, Request::Exec { all: true, command, .. } if command == "ls"));
        assert_eq!(serde_json::to_string(&Request::Ping).unwrap(), r#"{"command":"ping"}"#);
        let wait = Request::Wait {
            conditions: vec![WaitFor::Units {
                application: "a".into(),
                count: 3,
            }],
            timeout_ms: 5,
        };
        let text = serde_json::to_string(&wait).unwrap();
        assert_eq!(
            text,
            r#"{"command":"wait","conditions":[{"for":"units","application":"a","count":3}],"timeout_ms":5}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), wait);
    }

    #[test]
    fn log_answers_carry_their_record() {
        let record = LogRecord {
            time_ms: 1,
            entity: "unit-a-0".into(),
            level: Level::Info,
            module: "m".into(),
            message: "x".into(),
        };
        let text = serde_json::to_string(&Answer::Log(record.clone())).unwrap();
        assert!(
            text.contains(r#""answer":"log""#) && text.contains(r#""level":"INFO""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), Answer::Log(record));
    }
}
