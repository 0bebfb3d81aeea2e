//! The machine that this process runs on.
//!
//! A unit normally has the machine to itself: root `/`, packages by `apt-get`, services by systemd. On minijuju's machines
//! of the kind `process` the variable `CHARM_ROOT` names a directory that plays the machine's root; programs and
//! packages are then the host's, and the host must not be touched.

mod files;
mod packages;
mod process;
mod systemd;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::{Command, Host, HostError, Output, ServiceAction, ServiceState};

/// Where programs are looked for if the variables have no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variable that names the directory which plays the machine's root.
const ROOT_VARIABLE: &str = "CHARM_ROOT";

/// The real machine.
#[derive(Clone)]
pub struct RealHost {
    root: PathBuf,
    /// Whether the machine shares the programs and packages of a host that is not its own.
    shared: bool,
    vars: BTreeMap<String, String>,
}

impl RealHost {
    /// The machine that a hook's variables describe: its root is `$CHARM_ROOT`, or `/` if that is absent or empty.
    /// Programs are found on the variables' `PATH` and get these variables as their environment.
    pub fn from_vars<I: IntoIterator<Item = (String, String)>>(vars: I) -> RealHost {
        let vars: BTreeMap<String, String> = vars.into_iter().collect();
        let root = vars
            .get(ROOT_VARIABLE)
            .filter(|root| !root.is_empty())
            .map_or("/", String::as_str);
        let root = normalise(Path::new(root));
        RealHost {
            shared: root != Path::new("/"),
            root,
            vars,
        }
    }

    /// The machine's root in the file system of this process.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an absolute path of the machine is.
    fn locate(&self, path: &Path) -> Result<PathBuf, HostError> {
        if path.is_absolute() {
            Ok(self.resolve(path))
        } else {
            Err(HostError::NotAbsolute { path: path.to_owned() })
        }
    }

    /// The program of a command: a name on `PATH`, or a path. A shared machine sees the host's programs below its own.
    fn program(&self, program: &str) -> Result<PathBuf, HostError> {
        let found = if program.contains('/') {
            let path = Path::new(program);
            let own = Some(self.locate(path)?).filter(|own| is_program(own));
            own.or_else(|| Some(path.to_owned()).filter(|path| self.shared && is_program(path)))
        } else {
            self.which(program)
        };
        found.ok_or_else(|| HostError::NoProgram {
            program: program.to_owned(),
        })
    }
}

impl Host for RealHost {
    fn resolve(&self, path: &Path) -> PathBuf {
        if self.root == Path::new("/") {
            return path.to_owned();
        }
        let path = normalise(path);
        if path.starts_with(&self.root) {
            return path;
        }
        self.root.join(path.strip_prefix("/").unwrap_or(&path))
    }

    fn exists(&self, path: &Path) -> bool {
        self.locate(path).is_ok_and(|path| path.exists())
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
        files::read(&self.locate(path)?)
    }

    fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError> {
        files::write(&self.locate(path)?, content, mode)
    }

    fn create_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        files::create_dir(&self.locate(path)?, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        files::rename(&self.locate(from)?, &self.locate(to)?)
    }

    fn remove(&self, path: &Path) -> Result<(), HostError> {
        files::remove(&self.locate(path)?, &self.root)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        files::list(&self.locate(path)?)
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let program = self.program(command.program())?;
        let mut process = std::process::Command::new(program);
        process.args(command.arguments()).env_clear();
        if !command.clears_variables() {
            process.envs(&self.vars);
        }
        process.envs(command.variables());
        if let Some(dir) = command.directory() {
            process.current_dir(self.locate(dir)?);
        }
        process::run(process, command)
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        let path = self.vars.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        let own_then_hosts = |dir: PathBuf| [self.resolve(&dir).join(program), dir.join(program)];
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute() && !program.contains('/'))
            .flat_map(own_then_hosts)
            .find(|file| is_program(file))
    }

    fn hostname(&self) -> String {
        let own = self.resolve(Path::new("/etc/hostname"));
        let read = |path: &Path| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let kernels = || read(Path::new("/proc/sys/kernel/hostname"));
        let name = if self.shared {
            read(&own).or_else(kernels)
        } else {
            kernels().or_else(|| read(&own))
        };
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn install_packages(&self, packages: &[&str]) -> Result<(), HostError> {
        if packages.is_empty() {
            return Ok(());
        }
        if self.shared {
            let packages = packages.iter().map(ToString::to_string).collect();
            return Err(HostError::SharedMachine { packages });
        }
        packages::install(self, packages)
    }

    fn service(&self, name: &str, action: ServiceAction) -> Result<(), HostError> {
        systemd::act(self, name, action)
    }

    fn write_unit_file(&self, name: &str, content: &str) -> Result<bool, HostError> {
        systemd::write_unit_file(self, name, content)
    }

    fn service_state(&self, name: &str) -> Result<ServiceState, HostError> {
        systemd::state(self, name)
    }
}

impl fmt::Debug for RealHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealHost")
            .field("root", &self.root)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The path without `.` and `..`, by its letters alone; it cannot climb above `/`.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}
