//! Starting the processes of a service: environment, program, directory and output, each below the machine's root.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Pid;

use super::SERVICE_VARIABLE;
use super::unit_file::{Exec, OutputTo, ServiceUnit};
use super::words;
use crate::paths::MachinePaths;

/// Starts processes in a machine.
#[derive(Debug)]
pub(crate) struct Spawner {
    machine: MachinePaths,
    /// What every process of the machine carries, `PATH` included.
    base: BTreeMap<String, String>,
}

/// Why a process could not be started: systemd's exit status for the step that failed, and the text for the log.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct SpawnError {
    pub(crate) status: i32,
    text: String,
}

const CHDIR: i32 = 200;
const EXEC: i32 = 203;
const STDOUT: i32 = 209;

/// The variables of a service beyond those of its unit file.
pub(crate) type Extra = BTreeMap<String, String>;

impl Spawner {
    /// `environment` is `minit`'s own; of it, services get what marks them and `PATH`.
    pub(crate) fn new(machine: &MachinePaths, environment: impl Iterator<Item = (String, String)>) -> Spawner {
        let mut base = machine.environment();
        base.extend(
            environment.filter(|(name, _)| name.starts_with("MINIJUJU_") || matches!(name.as_str(), "PATH" | "LANG")),
        );
        let path = base
            .remove("PATH")
            .unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
        base.insert("PATH".into(), path_variable(machine, &path));
        Spawner {
            machine: machine.clone(),
            base,
        }
    }

    /// Starts a command of a unit in a process group of its own.
    pub(crate) fn spawn(&self, unit: &ServiceUnit, exec: &Exec, extra: &Extra) -> Result<Pid, SpawnError> {
        let environment = self.environment(unit, extra).map_err(|error| SpawnError {
            status: EXEC,
            text: error.to_string(),
        })?;
        let words = if exec.literal {
            exec.words.clone()
        } else {
            words::expand(&exec.words, &environment)
        };
        let (program, arguments) = words.split_first().ok_or_else(|| SpawnError {
            status: EXEC,
            text: "empty command".into(),
        })?;
        let directory = self.directory(unit)?;
        let output = self.output(unit).map_err(|error| SpawnError {
            status: STDOUT,
            text: error.to_string(),
        })?;
        let errors = output.try_clone().map_err(|error| SpawnError {
            status: STDOUT,
            text: error.to_string(),
        })?;
        let mut command = Command::new(self.program(program, &environment));
        command
            .args(arguments)
            .env_clear()
            .envs(&environment)
            .current_dir(directory)
            .process_group(0);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let text = |reason: String| SpawnError {
            status: EXEC,
            text: format!("Failed to execute {program}: {reason}"),
        };
        let child = command.spawn().map_err(|error| text(error.to_string()))?;
        i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| text("no process id".into()))
    }

    /// The file of a service's output and of remarks about it.
    pub(crate) fn log_path(&self, unit: &str) -> PathBuf {
        self.machine
            .log()
            .join(format!("{}.log", unit.strip_suffix(".service").unwrap_or(unit)))
    }

    fn environment(&self, unit: &ServiceUnit, extra: &Extra) -> io::Result<BTreeMap<String, String>> {
        let mut environment = self.base.clone();
        environment.insert(SERVICE_VARIABLE.into(), unit.name.clone());
        environment.extend(extra.clone());
        environment.extend(unit.environment.iter().cloned());
        for (optional, path) in &unit.environment_files {
            match fs_err::read_to_string(self.resolve(path)) {
                Ok(text) => environment.extend(environment_file(&text)),
                Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(environment)
    }

    /// A program of the machine's own, else of the host.
    fn program(&self, program: &str, environment: &BTreeMap<String, String>) -> PathBuf {
        if program.starts_with('/') {
            return self.resolve(program);
        }
        let path = environment.get("PATH").map_or("", String::as_str);
        let found = path
            .split(':')
            .map(|dir| Path::new(dir).join(program))
            .find(|candidate| candidate.is_file());
        found.unwrap_or_else(|| program.into())
    }

    fn directory(&self, unit: &ServiceUnit) -> Result<PathBuf, SpawnError> {
        let Some((optional, path)) = &unit.working_directory else {
            return Ok(self.machine.root());
        };
        let directory = if path == "~" {
            self.machine.home()
        } else {
            self.resolve(path)
        };
        if directory.is_dir() {
            Ok(directory)
        } else if *optional {
            Ok(self.machine.root())
        } else {
            Err(SpawnError {
                status: CHDIR,
                text: format!("Changing to the requested working directory failed: {path}"),
            })
        }
    }

    fn output(&self, unit: &ServiceUnit) -> io::Result<File> {
        let open = |path: &Path, truncate: bool| {
            let mut options = fs_err::OpenOptions::new();
            let file = options.create(true).append(true).open(path)?.into_file();
            if truncate {
                file.set_len(0)?;
            }
            Ok(file)
        };
        match &unit.output {
            OutputTo::Log => {
                fs_err::create_dir_all(self.machine.log())?;
                open(&self.log_path(&unit.name), false)
            }
            OutputTo::Null => open(Path::new("/dev/null"), false),
            OutputTo::File(truncate, path) => open(&self.below_root(path), *truncate),
        }
    }

    /// A path of the machine if it is there, else the host's.
    fn resolve(&self, path: &str) -> PathBuf {
        let own = self.below_root(path);
        if own.exists() { own } else { path.into() }
    }

    fn below_root(&self, path: &str) -> PathBuf {
        let root = self.machine.root();
        if Path::new(path).starts_with(&root) {
            path.into()
        } else {
            root.join(path.trim_start_matches('/'))
        }
    }
}

/// `PATH` inside a machine: its own programs first, then those of the host.
pub(crate) fn path_variable(machine: &MachinePaths, host_path: &str) -> String {
    let root = machine.root();
    let mut directories: Vec<String> = [
        machine.bin(),
        root.join("usr/local/bin"),
        root.join("usr/bin"),
        root.join("snap/bin"),
    ]
    .iter()
    .map(|dir| dir.to_string_lossy().into_owned())
    .collect();
    directories.extend(host_path.split(':').filter(|dir| !dir.is_empty()).map(str::to_owned));
    let mut seen = std::collections::BTreeSet::new();
    directories.retain(|dir| seen.insert(dir.clone()));
    directories.join(":")
}

/// Lines `KEY=value`, the value perhaps in quotes; comments and anything else are skipped.
fn environment_file(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let assignments = lines.filter_map(|line| line.split_once('='));
    assignments
        .map(|(key, value)| {
            let value = value.trim();
            let quoted = value.starts_with(['"', '\'']);
            let words = if quoted { words::split(value) } else { None };
            (
                key.trim().to_owned(),
                words.map_or_else(|| value.to_owned(), |words| words.join(" ")),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_files_are_read_as_systemd_does() {
        let text = "# c\nA=1\n B = two words \nC=\"x y\"\nD='$e'\nnothing\nE=\n;F=1\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", "x y"), ("D", "$e"), ("E", "")];
        assert_eq!(
            environment_file(text),
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }
}
