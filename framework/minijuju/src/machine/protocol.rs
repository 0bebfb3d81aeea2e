//! The messages at a machine's socket: one JSON object a line, one request and one reply a connection.

use serde::{Deserialize, Serialize};

/// What can be asked of `minit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum Request {
    /// Are you there?
    Ping,
    /// Change units; the reply comes when all jobs are done, or at once with `no_block`.
    Act {
        /// What to do.
        verb: Verb,
        /// Unit names, complete (`etcd.service`).
        units: Vec<String>,
        /// Do not wait for the jobs.
        no_block: bool,
    },
    /// Change what starts at boot.
    Install {
        /// What to change.
        change: InstallChange,
        /// Unit names.
        units: Vec<String>,
    },
    /// Send a signal.
    Kill {
        /// Unit names.
        units: Vec<String>,
        /// The signal's number.
        signal: i32,
        /// Only the main process.
        main_only: bool,
    },
    /// Report on units; no names: all that are loaded.
    Query {
        /// Unit names.
        units: Vec<String>,
        /// With the last lines of the log.
        log_lines: usize,
    },
    /// The text of unit files.
    Cat {
        /// Unit names.
        units: Vec<String>,
    },
    /// Read all unit files again.
    DaemonReload,
    /// Stop all services, then end.
    Shutdown,
}

/// The jobs of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Start unless active.
    Start,
    /// Stop.
    Stop,
    /// Stop, then start.
    Restart,
    /// Restart only what is active.
    TryRestart,
    /// Run `ExecReload`.
    Reload,
    /// Reload where possible, else restart.
    ReloadOrRestart,
    /// Forget failure and counters.
    ResetFailed,
}

/// Changes of what starts at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstallChange {
    /// Start at boot.
    Enable,
    /// Do not start at boot.
    Disable,
    /// Cannot be started at all.
    Mask,
    /// Undo `Mask`.
    Unmask,
}

/// The answer to every request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Reports, in the order asked.
    pub units: Vec<UnitReport>,
    /// What went wrong, in systemd's words.
    pub errors: Vec<UnitError>,
    /// Lines to show (links made by `enable`, texts of `cat`).
    pub output: Vec<String>,
    /// Remarks for stderr that are no errors.
    pub warnings: Vec<String>,
}

/// Why one unit's request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitError {
    /// The unit.
    pub unit: String,
    /// The exit status that `systemctl` ends with.
    pub code: i32,
    /// The text.
    pub text: String,
}

/// What is known about a unit; texts are systemd's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitReport {
    /// `etcd.service`
    pub id: String,
    /// `Description=`, or the name.
    pub description: String,
    /// `loaded`, `not-found`, `bad-setting`, `masked`
    pub load_state: String,
    /// Why it could not be loaded.
    pub load_error: String,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`
    pub active_state: String,
    /// `running`, `exited`, `dead`, `failed`, `start`, `auto-restart`, …
    pub sub_state: String,
    /// `success`, `exit-code`, `signal`, `core-dump`, `timeout`, `start-limit-hit`, `resources`, `protocol`
    pub result: String,
    /// `enabled`, `disabled`, `static`, `masked`, or empty
    pub unit_file_state: String,
    /// The file.
    pub fragment_path: String,
    /// Drop-ins.
    pub drop_in_paths: Vec<String>,
    /// `Type=`
    pub kind: String,
    /// `Restart=`
    pub restart: String,
    /// 0 = none.
    pub main_pid: u32,
    /// The last main process.
    pub exec_main_pid: u32,
    /// 0 = never ended, 1 = exited, 2 = killed, 3 = dumped
    pub exec_main_code: i32,
    /// Exit status or signal of the last main process.
    pub exec_main_status: i32,
    /// Automatic restarts since the last start by hand.
    pub n_restarts: u32,
    /// `STATUS=` of the service itself.
    pub status_text: String,
    /// Since when in this active state, Unix milliseconds; 0 = never.
    pub since: u64,
    /// The unit file changed after it was read.
    pub need_daemon_reload: bool,
    /// Settings that are not honoured here.
    pub notes: Vec<String>,
    /// The last lines of the log.
    pub log: Vec<String>,
}
