//! The machine as a port.
//!
//! Charm code reaches files, commands, services, packages and the clock only through [`Host`], with absolute paths as
//! the charm sees them. [`RealHost`] maps these below the machine's root; [`SimulatedHost`] keeps them in memory, so
//! that handlers are tested without touching the machine that runs the tests.
//!
//! ```
//! use std::path::Path;
//! use host::{ActiveState, Command, Host, HostError, Output, ServiceAction, SimulatedHost};
//!
//! /// As a handler has it: it knows the port, not which machine is behind it.
//! fn serve(host: &dyn Host, port: u16) -> Result<String, HostError> {
//!     let file = Path::new("/etc/app/app.conf");
//!     if host.write(file, format!("port={port}\n").as_bytes(), 0o644)? {
//!         host.service("app", ServiceAction::Restart)?; // only if the content or the mode has changed
//!     }
//!     let version = Command::new("app").arg("--version");
//!     Ok(host.run(&version)?.checked(&version)?.stdout_text())
//! }
//!
//! let machine = SimulatedHost::new();
//! machine.answer("app --version", Output::ok("1.2"));
//! machine.write_unit_file("app", "[Service]\nExecStart=/usr/bin/app\n")?;
//! assert_eq!(serve(&machine, 80)?, "1.2");
//! assert_eq!(machine.service_state("app")?.active, ActiveState::Active);
//! # Ok::<(), HostError>(())
//! ```

mod command;
mod error;
mod real;
mod simulated;

pub use command::{Command, Output};
pub use error::HostError;
pub use real::RealHost;
pub use simulated::SimulatedHost;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a charm may do with its machine.
///
/// Paths are absolute and name places of the unit's machine; [`Host::resolve`] tells where such a place really is, which
/// is needed only for paths that are handed to programs.
pub trait Host {
    /// Where a path of the machine is in the file system of this process. A path that is already resolved stays.
    fn resolve(&self, path: &Path) -> PathBuf;

    /// Whether there is a file or directory (symbolic links are followed).
    fn exists(&self, path: &Path) -> bool;

    /// A file's content, `None` if there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError>;

    /// Makes the file have this content and this mode, atomically and durably: at no moment can anybody see another
    /// content than the old or the new, or the new one with other permissions. Missing parents are created with mode 0755.
    /// A symbolic link at the path itself is replaced by the file, not followed. Returns whether anything had to be changed.
    fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError>;

    /// Makes the directory exist with this mode; missing parents are created with mode 0755.
    fn create_dir(&self, path: &Path, mode: u32) -> Result<(), HostError>;

    /// Renames a file or directory, durably. As `rename(2)`: an existing file at the target is replaced, and so is an
    /// existing empty directory by a directory.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError>;

    /// Removes a file or a whole tree. That there is none is fine. Symbolic links are removed, not followed.
    fn remove(&self, path: &Path) -> Result<(), HostError>;

    /// The names in a directory, sorted; none if there is no such directory.
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError>;

    /// Runs a program to its end. A program that fails is an [`Output`], not an error; see [`Output::success`].
    fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// The program of this name on `PATH`.
    fn which(&self, program: &str) -> Option<PathBuf>;

    /// The machine's host name.
    fn hostname(&self) -> String;

    /// The time.
    fn now(&self) -> SystemTime;

    /// Waits.
    fn sleep(&self, duration: Duration);

    /// Installs distribution packages that are not installed yet. Services in them are not started.
    fn install_packages(&self, packages: &[&str]) -> Result<(), HostError>;

    /// Does something to a service. `name` is without the suffix `.service`.
    fn service(&self, name: &str, action: ServiceAction) -> Result<(), HostError>;

    /// Writes `/etc/systemd/system/<name>.service` and makes the service manager read it. Returns whether it changed.
    fn write_unit_file(&self, name: &str, content: &str) -> Result<bool, HostError>;

    /// The state of a service. A service that does not exist is inactive.
    fn service_state(&self, name: &str) -> Result<ServiceState, HostError>;
}

/// What can be done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceAction {
    /// Start it and wait until it says that it is ready.
    Start,
    /// Ask for its start and do not wait.
    StartNoBlock,
    /// Stop it.
    Stop,
    /// Stop it if it runs, then start it.
    Restart,
    /// Start it at boot from now on.
    Enable,
    /// No longer start it at boot.
    Disable,
    /// Let it read its configuration again.
    Reload,
}

impl ServiceAction {
    /// The verb of `systemctl`.
    pub fn verb(self) -> &'static str {
        match self {
            ServiceAction::Start | ServiceAction::StartNoBlock => "start",
            ServiceAction::Stop => "stop",
            ServiceAction::Restart => "restart",
            ServiceAction::Enable => "enable",
            ServiceAction::Disable => "disable",
            ServiceAction::Reload => "reload",
        }
    }
}

/// What a service does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// Whether it runs.
    pub active: ActiveState,
    /// Its main process, if it has one.
    pub main_pid: Option<u32>,
    /// How it ended the last time, in systemd's words: `success`, `exit-code`, `signal`, `timeout` and so on.
    pub result: String,
}

/// Whether a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActiveState {
    /// It is up (systemd's `active` and `reloading`).
    Active,
    /// It is on its way up or, having failed, waits to be started again (`activating`).
    Activating,
    /// It is not running or is being stopped (`inactive`, `deactivating`); in the latter case it still has a main process.
    Inactive,
    /// It ended with an error and nobody will start it again (`failed`).
    Failed,
}
