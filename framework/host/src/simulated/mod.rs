//! A machine in memory, for tests.
//!
//! ```
//! use std::path::Path;
//!
//! use host::{Command, Host, Output, ServiceAction, SimulatedHost};
//!
//! let machine = SimulatedHost::new();
//! machine.answer("etcdctl endpoint health", Output::ok("healthy"));
//! machine.write(Path::new("/etc/app.conf"), b"port = 1", 0o600)?;
//! machine.write_unit_file("app", "[Service]")?;
//! machine.service("app", ServiceAction::Start)?;
//!
//! assert_eq!(machine.mode(Path::new("/etc/app.conf")), Some(0o600));
//! assert!(machine.run(&Command::new("etcdctl").args(["endpoint", "health"]))?.success());
//! assert_eq!(machine.commands().len(), 1);
//! # Ok::<(), host::HostError>(())
//! ```
//!
//! Clones are handles to the same machine: one goes to the code under test, another stays with the test. Time stands
//! still except for [`Host::sleep`] and [`SimulatedHost::advance`].

mod files;
mod services;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use self::files::Files;
use self::services::Services;
use crate::{Command, Host, HostError, Output, ServiceAction, ServiceState};

/// A machine in memory.
#[derive(Clone)]
pub struct SimulatedHost {
    state: Rc<RefCell<State>>,
}

/// A test's stand-in for a program.
type Program = dyn FnMut(&SimulatedHost, &Command) -> Result<Output, HostError>;
/// What a test does when something was done to a service.
type Watcher = dyn FnMut(&SimulatedHost, &str, ServiceAction);

struct State {
    files: Files,
    services: Services,
    commands: Vec<Command>,
    answers: BTreeMap<String, VecDeque<Output>>,
    programs: BTreeMap<String, Rc<RefCell<Program>>>,
    watcher: Option<Rc<RefCell<Watcher>>>,
    packages: BTreeSet<String>,
    package_failure: Option<String>,
    hostname: String,
    now: SystemTime,
}

impl Default for SimulatedHost {
    fn default() -> SimulatedHost {
        SimulatedHost::new()
    }
}

impl SimulatedHost {
    /// A machine without files, programs and services. It is 2023-11-14 22:13:20 UTC.
    pub fn new() -> SimulatedHost {
        let state = State {
            files: Files::default(),
            services: Services::default(),
            commands: Vec::new(),
            answers: BTreeMap::new(),
            programs: BTreeMap::new(),
            watcher: None,
            packages: BTreeSet::new(),
            package_failure: None,
            hostname: "simulated".to_owned(),
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        SimulatedHost {
            state: Rc::new(RefCell::new(state)),
        }
    }

    /// Answers commands whose line (program and arguments joined with spaces) is this or begins with this and a space;
    /// of several the longest counts. Further answers to the same line are given in turn, and the last is repeated.
    pub fn answer(&self, line: &str, output: Output) {
        self.state
            .borrow_mut()
            .answers
            .entry(line.to_owned())
            .or_default()
            .push_back(output);
    }

    /// Lets a function play a program, which is known by its file name or by its path. The function may use the machine.
    /// [`SimulatedHost::answer`] goes first.
    pub fn program(
        &self,
        name: &str,
        program: impl FnMut(&SimulatedHost, &Command) -> Result<Output, HostError> + 'static,
    ) {
        self.state
            .borrow_mut()
            .programs
            .insert(name.to_owned(), Rc::new(RefCell::new(program)));
    }

    /// The commands that were run, in order.
    pub fn commands(&self) -> Vec<Command> {
        self.state.borrow().commands.clone()
    }

    /// The lines of the commands that were run, in order.
    pub fn command_lines(&self) -> Vec<String> {
        self.state.borrow().commands.iter().map(ToString::to_string).collect()
    }

    /// The mode of a file or directory.
    pub fn mode(&self, path: &Path) -> Option<u32> {
        self.state.borrow().files.mode(path)
    }

    /// All files (not directories) of the machine.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state.borrow().files.paths()
    }

    /// Lets every change at or below this path fail, until [`SimulatedHost::mend`].
    pub fn break_path(&self, path: &Path, kind: io::ErrorKind) {
        self.state.borrow_mut().files.break_path(path, kind);
    }

    /// Ends the effect of [`SimulatedHost::break_path`].
    pub fn mend(&self, path: &Path) {
        self.state.borrow_mut().files.mend(path);
    }

    /// Declares a service that exists without a unit file under `/etc/systemd/system`, as those of packages do.
    pub fn add_service(&self, name: &str) {
        self.state.borrow_mut().services.add(name);
    }

    /// Lets each start of a service fail with this result (such as `exit-code`), or lets it succeed again.
    pub fn fail_service(&self, name: &str, result: Option<&str>) {
        self.state.borrow_mut().services.fail(name, result);
    }

    /// Ends a running service as if its process had died: it is failed, with this result (such as `signal`).
    pub fn crash_service(&self, name: &str, result: &str) {
        self.state.borrow_mut().services.crash(name, result);
    }

    /// What was successfully done to services, in order.
    pub fn service_actions(&self) -> Vec<(String, ServiceAction)> {
        self.state.borrow().services.log()
    }

    /// Whether a service is started at boot.
    pub fn is_enabled(&self, name: &str) -> bool {
        self.state.borrow().services.is_enabled(name)
    }

    /// Calls a function after each successful action on a service. It may use the machine, but actions of its own are not
    /// told to it.
    pub fn watch_services(&self, watcher: impl FnMut(&SimulatedHost, &str, ServiceAction) + 'static) {
        self.state.borrow_mut().watcher = Some(Rc::new(RefCell::new(watcher)));
    }

    /// The packages that are installed.
    pub fn packages(&self) -> BTreeSet<String> {
        self.state.borrow().packages.clone()
    }

    /// Lets installations fail with this text, or succeed again.
    pub fn fail_packages(&self, stderr: Option<&str>) {
        self.state.borrow_mut().package_failure = stderr.map(str::to_owned);
    }

    /// Renames the machine.
    pub fn set_hostname(&self, name: &str) {
        self.state.borrow_mut().hostname = name.to_owned();
    }

    /// Sets the clock.
    pub fn set_now(&self, now: SystemTime) {
        let mut state = self.state.borrow_mut();
        state.now = now;
        state.services.settle();
    }

    /// Lets time pass. Services that were started without waiting are up afterwards.
    pub fn advance(&self, duration: Duration) {
        let now = self.state.borrow().now + duration;
        self.set_now(now);
    }

    /// The next answer in the script to a command.
    fn scripted(&self, command: &Command) -> Option<Output> {
        let line = command.to_string();
        let mut state = self.state.borrow_mut();
        let fits = |prefix: &str| {
            line.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let answers = state
            .answers
            .iter_mut()
            .filter(|(prefix, _)| fits(prefix))
            .max_by_key(|(prefix, _)| prefix.len());
        let (_, answers) = answers?;
        if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        }
    }

    /// The function that plays a program.
    fn player(&self, program: &str) -> Option<Rc<RefCell<Program>>> {
        let state = self.state.borrow();
        let file_name = program.rsplit('/').next().unwrap_or(program);
        state
            .programs
            .get(program)
            .or_else(|| state.programs.get(file_name))
            .cloned()
    }
}

impl Host for SimulatedHost {
    fn resolve(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn exists(&self, path: &Path) -> bool {
        self.state.borrow().files.mode(path).is_some()
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
        self.state.borrow().files.read(path)
    }

    fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError> {
        self.state.borrow_mut().files.write(path, content, mode)
    }

    fn create_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.state.borrow_mut().files.create_dir(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        self.state.borrow_mut().files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), HostError> {
        self.state.borrow_mut().files.remove(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        self.state.borrow().files.list(path)
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.state.borrow_mut().commands.push(command.clone());
        if let Some(output) = self.scripted(command) {
            return Ok(output);
        }
        match self.player(command.program()) {
            Some(program) => (program.borrow_mut())(self, command),
            None => Err(HostError::NoProgram {
                program: command.program().to_owned(),
            }),
        }
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        let dirs = ["/usr/local/bin", "/usr/bin", "/snap/bin"];
        let file = dirs
            .iter()
            .map(|dir| Path::new(dir).join(program))
            .find(|path| self.exists(path));
        let scripted = || {
            let answered = self
                .state
                .borrow()
                .answers
                .keys()
                .any(|line| line.split(' ').next() == Some(program));
            (answered || self.player(program).is_some()).then(|| Path::new("/usr/bin").join(program))
        };
        file.or_else(scripted)
    }

    fn hostname(&self) -> String {
        self.state.borrow().hostname.clone()
    }

    fn now(&self) -> SystemTime {
        self.state.borrow().now
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn install_packages(&self, packages: &[&str]) -> Result<(), HostError> {
        let mut state = self.state.borrow_mut();
        let missing = packages.iter().filter(|package| !state.packages.contains(**package));
        let missing: Vec<String> = missing.map(ToString::to_string).collect();
        if let (false, Some(stderr)) = (missing.is_empty(), &state.package_failure) {
            let command = format!("apt-get install {}", missing.join(" "));
            return Err(HostError::Failed {
                command,
                status: "exit status 100".to_owned(),
                stderr: stderr.clone(),
            });
        }
        state.packages.extend(missing);
        Ok(())
    }

    fn service(&self, name: &str, action: ServiceAction) -> Result<(), HostError> {
        let watcher = {
            let mut state = self.state.borrow_mut();
            let has_file = state.files.mode(&services::unit_path(name)).is_some();
            state.services.act(name, action, has_file)?;
            state.watcher.clone()
        };
        if let Some(watcher) = watcher
            && let Ok(mut watcher) = watcher.try_borrow_mut()
        {
            watcher(self, name, action);
        }
        Ok(())
    }

    fn write_unit_file(&self, name: &str, content: &str) -> Result<bool, HostError> {
        self.write(&services::unit_path(name), content.as_bytes(), 0o644)
    }

    fn service_state(&self, name: &str) -> Result<ServiceState, HostError> {
        Ok(self.state.borrow().services.state(name))
    }
}

impl fmt::Debug for SimulatedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("SimulatedHost")
            .field("files", &state.files.paths())
            .field("services", &state.services)
            .field("commands", &state.commands.len())
            .finish_non_exhaustive()
    }
}
