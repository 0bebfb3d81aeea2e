//! Which program runs a hook or an action, and in which environment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::paths::{ENV_MACHINE_ADDRESS, MachinePaths};

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// A script of the charm, without arguments.
    Script(PathBuf),
    /// A command for `/bin/bash -c`.
    Shell(String),
    /// The charm has no script for it.
    Missing,
}

/// Why a run cannot even be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptError {
    /// The charm directory is gone or empty.
    #[error("charm missing from disk")]
    NoCharm,
    /// `dispatch` or a hook without the exec bit.
    #[error("{0:?} is not executable")]
    NotExecutable(PathBuf),
}

/// Finds the script of `hooks/<name>` or `actions/<name>`: `dispatch` if there is one, else the file of that name.
pub(crate) fn find(charm: &Path, dispatch_path: &str) -> Result<Program, ScriptError> {
    if !charm.join("metadata.yaml").exists() {
        return Err(ScriptError::NoCharm);
    }
    for name in ["dispatch", dispatch_path] {
        let path = charm.join(name);
        match path.metadata() {
            Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => {
                return Ok(Program::Script(path));
            }
            Ok(_) => return Err(ScriptError::NotExecutable(path)),
            Err(_) => {}
        }
    }
    Ok(Program::Missing)
}

/// The places and names that the agent adds to what the model says about a run.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) machine: &'a MachinePaths,
    pub(crate) address: &'a str,
    /// `unit-<app>-<n>`.
    pub(crate) tag: &'a str,
    pub(crate) socket: &'a Path,
    /// `PATH` of the daemon.
    pub(crate) path: &'a str,
}

/// The whole environment of a run, from what the model says about it: nothing is inherited.
pub(crate) fn environment(mut all: BTreeMap<String, String>, around: &Surroundings<'_>) -> BTreeMap<String, String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let charm = text(&around.machine.charm(around.tag));
    let tools = text(&around.machine.tools(around.tag));
    all.insert("CHARM_DIR".into(), charm.clone());
    all.insert("JUJU_CHARM_DIR".into(), charm);
    all.insert("JUJU_AGENT_SOCKET_NETWORK".into(), "unix".into());
    all.insert("JUJU_AGENT_SOCKET_ADDRESS".into(), text(around.socket));
    all.insert(
        "PATH".into(),
        format!("{tools}:{}:{}", text(&around.machine.bin()), around.path),
    );
    all.extend(around.machine.environment());
    all.insert(ENV_MACHINE_ADDRESS.into(), around.address.to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, mode: u32) {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, "#!/bin/sh\n").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn dispatch_comes_first_then_the_named_script_then_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let charm = dir.path();
        assert!(matches!(find(charm, "hooks/install"), Err(ScriptError::NoCharm)));
        put(charm, "metadata.yaml", 0o644);
        assert_eq!(find(charm, "hooks/install").unwrap(), Program::Missing);
        put(charm, "hooks/install", 0o755);
        assert_eq!(
            find(charm, "hooks/install").unwrap(),
            Program::Script(charm.join("hooks/install"))
        );
        put(charm, "dispatch", 0o755);
        assert_eq!(
            find(charm, "hooks/start").unwrap(),
            Program::Script(charm.join("dispatch"))
        );
    }

    #[test]
    fn a_dispatch_that_cannot_run_is_an_error_and_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "metadata.yaml", 0o644);
        put(dir.path(), "hooks/install", 0o755);
        put(dir.path(), "dispatch", 0o644);
        let error = find(dir.path(), "hooks/install").unwrap_err().to_string();
        assert!(error.ends_with("dispatch\" is not executable"), "{error}");
    }

    #[test]
    fn the_agent_overrides_what_places_things() {
        let dir = tempfile::tempdir().unwrap();
        let model = crate::paths::Home::at(dir.path()).create_model("m").unwrap();
        let machine = model.machine("0");
        let around = Surroundings {
            machine: &machine,
            address: "127.1.2.3",
            tag: "unit-a-0",
            socket: Path::new("/s"),
            path: "/usr/bin",
        };
        let variables = BTreeMap::from([("JUJU_HOOK_NAME".to_owned(), "install".to_owned())]);
        let all = environment(variables, &around);
        assert_eq!(all["JUJU_HOOK_NAME"], "install");
        assert!(all["PATH"].starts_with(machine.tools("unit-a-0").to_str().unwrap()));
        assert!(all["PATH"].ends_with("/machines/0/bin:/usr/bin"));
        assert_eq!(all["MINIJUJU_MODEL_UUID"], model.uuid());
        assert!(all["CHARM_DIR"].ends_with("/agents/unit-a-0/charm"));
        assert!(!all.contains_key("HOME"));
    }
}
