//! A `process` machine: a directory, and a small init (`minit`) that keeps its services running.
//!
//! Start here: [`start`] starts the `minit` of a machine if none answers, [`stop`] ends it with its services. `minit` outlives
//! whoever started it: services keep running while the model's daemon is away. It is told everything by its environment
//! ([`MachinePaths::from_env`]), and by argv\[0\] it is also `systemctl`.
//!
//! Inside: [`unit_file`] reads unit files, `catalog` finds them below the machine's root, `service` is the state of one
//! service, `supervisor` owns all services and handles one event at a time, `server` and [`systemctl`] are the two ends of
//! the machine's socket, whose messages are in [`protocol`].

mod catalog;
mod exec;
mod notify;
pub mod processes;
pub mod protocol;
mod server;
mod service;
mod state;
mod supervisor;
pub mod systemctl;
mod systemctl_text;
mod timespan;
pub mod unit_file;
mod words;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub use server::run as run_init;

use crate::paths::MachinePaths;

/// Marks the processes of a service; the value is the unit's name, `etcd.service`.
pub const SERVICE_VARIABLE: &str = "MINIJUJU_SERVICE";

/// How long [`start`] waits for the socket.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long [`stop`] waits for the services to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// Why a machine could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file or a process of the machine.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// `minit` ended at once, or never answered.
    #[error("cannot start the init of machine {machine}: {reason}")]
    Start {
        /// The machine's number.
        machine: String,
        /// The end of its log, or the time-out.
        reason: String,
    },
    /// `minit` did not end in time.
    #[error("the init of machine {machine} did not stop within {} seconds", .waited.as_secs())]
    Stop {
        /// The machine's number.
        machine: String,
        /// How long was waited.
        waited: Duration,
    },
}

/// Makes the machine's directories and its `systemctl` (a link to `minit`). Does nothing where they exist.
pub fn prepare(machine: &MachinePaths, minit: &Path) -> Result<(), MachineError> {
    let root = machine.root();
    for dir in [
        root.join("etc/systemd/system"),
        root.join("tmp"),
        machine.home(),
        machine.bin(),
        machine.log(),
    ] {
        fs_err::create_dir_all(dir)?;
    }
    let link = machine.bin().join("systemctl");
    if fs_err::read_link(&link).ok().as_deref() != Some(minit) {
        match fs_err::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => symlink(minit, &link)?,
        }
    }
    Ok(())
}

/// Does the machine's `minit` answer?
pub fn is_alive(machine: &MachinePaths) -> bool {
    systemctl::ask(machine.socket(), &protocol::Request::Ping).is_ok()
}

/// Starts the machine's `minit` unless it answers already, detached from the caller (own session, not its child), and waits
/// until it answers. `environment` is laid over the machine's own. Blocks.
pub fn start(machine: &MachinePaths, minit: &Path, environment: &BTreeMap<String, String>) -> Result<(), MachineError> {
    prepare(machine, minit)?;
    if is_alive(machine) {
        return Ok(());
    }
    let log = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(machine.log().join("minit.log"))?
        .into_file();
    let status = Command::new(minit)
        .arg("--detach")
        .envs(machine.environment())
        .envs(environment)
        .current_dir(machine.dir())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()?;
    let deadline = Instant::now() + START_TIMEOUT;
    while status.success() {
        if is_alive(machine) {
            return Ok(());
        }
        if Instant::now() > deadline {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(start_error(machine))
}

/// Stops the services in an orderly way, then `minit` itself, and waits until it is gone. No `minit`: nothing to do. Blocks.
pub fn stop(machine: &MachinePaths) -> Result<(), MachineError> {
    if systemctl::ask(machine.socket(), &protocol::Request::Shutdown).is_err() {
        return Ok(());
    }
    let deadline = Instant::now() + STOP_TIMEOUT;
    while is_alive(machine) {
        if Instant::now() > deadline {
            return Err(MachineError::Stop {
                machine: machine.id().to_owned(),
                waited: STOP_TIMEOUT,
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn start_error(machine: &MachinePaths) -> MachineError {
    let log = fs_err::read_to_string(machine.log().join("minit.log")).unwrap_or_default();
    let reason = match log.lines().next_back() {
        Some(line) => line.to_owned(),
        None => format!("no answer within {} seconds", START_TIMEOUT.as_secs()),
    };
    MachineError::Start {
        machine: machine.id().to_owned(),
        reason,
    }
}
