//! Where everything of a model lives on disk, and which environment names it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Carries the model's UUID in every process that minijuju starts, directly or not.
pub const ENV_MODEL_UUID: &str = "MINIJUJU_MODEL_UUID";
/// The id of the machine that a process runs in.
pub const ENV_MACHINE_ID: &str = "MINIJUJU_MACHINE_ID";
/// Absolute path of the machine's directory.
pub const ENV_MACHINE_DIR: &str = "MINIJUJU_MACHINE_DIR";
/// Absolute path of the machine's `minit` socket.
pub const ENV_MACHINE_SOCKET: &str = "MINIJUJU_MACHINE_SOCKET";
/// The machine's own loopback address.
pub const ENV_MACHINE_ADDRESS: &str = "MINIJUJU_MACHINE_ADDRESS";
/// The directory that plays `/` for the charm.
pub const ENV_CHARM_ROOT: &str = "CHARM_ROOT";

/// Begins the name of a directory that is being removed; no model's name begins so.
const REMOVED: &str = ".removed-";
/// A longer `XDG_RUNTIME_DIR` would bring sockets to the kernel's limit of 108 bytes.
const LONGEST_BASE: usize = 40;

/// Something about the state directory is wrong.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// No place for the state.
    #[error("cannot find the state directory: neither MINIJUJU_HOME nor HOME is set")]
    NoHome,
    /// The name is not a model name.
    #[error("{0:?} is not a valid name: model names may only contain lowercase letters, digits and hyphens")]
    BadName(String),
    /// The model is already there.
    #[error("model {0:?} already exists")]
    Exists(String),
    /// There is no such model.
    #[error("model {0:?} not found")]
    NotFound(String),
    /// `model.json` is broken.
    #[error("cannot read {path}: {source}")]
    BadModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The state directory: `$MINIJUJU_HOME`, by default `~/.local/share/minijuju`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The state directory named by the process's environment.
    pub fn from_env() -> Result<Home, PathsError> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let dir = match (set("MINIJUJU_HOME"), set("HOME")) {
            (Some(dir), _) => std::path::absolute(dir)?,
            (None, Some(home)) => home.join(".local/share/minijuju"),
            (None, None) => return Err(PathsError::NoHome),
        };
        Ok(Home { dir })
    }

    /// A state directory at a given absolute place.
    #[must_use]
    pub fn at(dir: &Path) -> Home {
        Home { dir: dir.to_owned() }
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that names the current model.
    #[must_use]
    pub fn current_model_file(&self) -> PathBuf {
        self.dir.join("current-model")
    }

    /// The directory of the models.
    #[must_use]
    pub fn models_dir(&self) -> PathBuf {
        self.dir.join("models")
    }

    /// The names of all models, sorted.
    pub fn models(&self) -> Result<Vec<String>, PathsError> {
        let entries = match fs_err::read_dir(self.models_dir()) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e.into()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if valid_model_name(&name) && entry.path().join("model.json").exists() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// An existing model.
    pub fn model(&self, name: &str) -> Result<ModelPaths, PathsError> {
        if !valid_model_name(name) {
            return Err(PathsError::BadName(name.to_owned()));
        }
        ModelPaths::open(&self.models_dir().join(name)).map_err(|e| match e {
            PathsError::Io(io) if io.kind() == std::io::ErrorKind::NotFound => PathsError::NotFound(name.to_owned()),
            other => other,
        })
    }

    /// Creates the directory of a new model; the daemon makes the model itself when it starts in it.
    pub fn create_model(&self, name: &str) -> Result<ModelPaths, PathsError> {
        if !valid_model_name(name) {
            return Err(PathsError::BadName(name.to_owned()));
        }
        let dir = self.models_dir().join(name);
        fs_err::create_dir_all(self.models_dir())?;
        self.sweep()?;
        // Others may pass through, because services can have users of their own, but not look around.
        match std::fs::DirBuilder::new().mode(0o711).create(&dir) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(PathsError::Exists(name.to_owned())),
            other => other?,
        }
        let file = ModelFile {
            name: name.to_owned(),
            uuid: new_uuid()?,
            created_ms: now_ms(),
            runtime_base: runtime_base(),
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|source| PathsError::BadModelFile {
            path: dir.clone(),
            source,
        })?;
        text.push(b'\n');
        crate::journal::replace(&dir.join("model.json"), &text)?;
        ModelPaths::open(&dir)
    }

    /// Removes what is left of models whose removal was interrupted.
    fn sweep(&self) -> Result<(), PathsError> {
        for entry in fs_err::read_dir(self.models_dir())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(REMOVED) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// `model.json`: what a model is, decided once when it is added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// The model's name.
    pub name: String,
    /// The model's UUID.
    pub uuid: String,
    /// When it was added, Unix milliseconds.
    pub created_ms: u64,
    /// Where the directory of its sockets lies (`$XDG_RUNTIME_DIR` or `/tmp` at that time).
    pub runtime_base: PathBuf,
}

/// The places of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPaths {
    dir: PathBuf,
    file: ModelFile,
}

impl ModelPaths {
    /// Reads `model.json` of a model directory.
    pub fn open(dir: &Path) -> Result<ModelPaths, PathsError> {
        let path = dir.join("model.json");
        let text = fs_err::read(&path)?;
        let file = serde_json::from_slice(&text).map_err(|source| PathsError::BadModelFile { path, source })?;
        Ok(ModelPaths {
            dir: dir.to_owned(),
            file,
        })
    }

    /// The model's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `model.json` says.
    #[must_use]
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The model's UUID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.file.uuid
    }

    /// The directory of the model's sockets, short and private: `<base>/mj-<uid>-<8 hex of the UUID>`.
    #[must_use]
    pub fn runtime_dir(&self) -> PathBuf {
        let short: String = self.file.uuid.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        self.file
            .runtime_base
            .join(format!("mj-{}-{short}", rustix::process::getuid().as_raw()))
    }

    /// The socket between the command line and the daemon.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.runtime_dir().join("ctl.sock")
    }

    /// The socket of a unit's agent; `tag` is `unit-<app>-<n>`.
    #[must_use]
    pub fn agent_socket(&self, tag: &str) -> PathBuf {
        self.runtime_dir().join(tag).join("agent.socket")
    }

    /// The journal of events.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    /// The snapshot that the journal continues.
    #[must_use]
    pub fn snapshot(&self) -> PathBuf {
        self.dir.join("snapshot")
    }

    /// The model's log, one JSON [`crate::protocol::LogRecord`] a line.
    #[must_use]
    pub fn model_log(&self) -> PathBuf {
        self.dir.join("model.log")
    }

    /// stdout and stderr of the daemon.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.dir.join("daemon.log")
    }

    /// Process id of the daemon.
    #[must_use]
    pub fn daemon_pid(&self) -> PathBuf {
        self.dir.join("daemon.pid")
    }

    /// Locked by the daemon as long as it lives.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// A stored charm.
    #[must_use]
    pub fn charm(&self, id: &str) -> PathBuf {
        self.charms_dir().join(id)
    }

    /// Where the model's directory goes at the moment of its removal: the model is gone at once, its files soon after.
    #[must_use]
    pub fn removed_dir(&self) -> PathBuf {
        self.dir.with_file_name(format!("{REMOVED}{}", self.file.uuid))
    }

    /// All stored charms.
    #[must_use]
    pub fn charms_dir(&self) -> PathBuf {
        self.dir.join("charms")
    }

    /// All machines.
    #[must_use]
    pub fn machines_dir(&self) -> PathBuf {
        self.dir.join("machines")
    }

    /// The places of a machine.
    #[must_use]
    pub fn machine(&self, id: &str) -> MachinePaths {
        MachinePaths {
            dir: self.machines_dir().join(id.replace('/', "-")),
            socket: self
                .runtime_dir()
                .join(format!("machine-{}.sock", id.replace('/', "-"))),
            id: id.to_owned(),
            model_uuid: self.file.uuid.clone(),
        }
    }
}

/// The places of one process machine.
///
/// The daemon starts `minit` without arguments, with [`MachinePaths::environment`] plus `PATH`, in the machine's
/// directory and in a session of its own; it listens on [`MachinePaths::socket`] and is ready once a connection succeeds.
/// `bin/systemctl` is a link to the same program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePaths {
    dir: PathBuf,
    socket: PathBuf,
    id: String,
    model_uuid: String,
}

impl MachinePaths {
    /// The machine's places as told by the environment of a process inside it; `None` outside of machines.
    #[must_use]
    pub fn from_env() -> Option<MachinePaths> {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        Some(MachinePaths {
            dir: var(ENV_MACHINE_DIR)?.into(),
            socket: var(ENV_MACHINE_SOCKET)?.into(),
            id: var(ENV_MACHINE_ID)?,
            model_uuid: var(ENV_MODEL_UUID)?,
        })
    }

    /// The machine's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The machine's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the charm takes for `/`.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Programs that stand in for the system's, first on PATH: `systemctl`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// Logs of `minit` and of services.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The socket of the machine's `minit`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The user's home directory in the machine.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.root().join("home/ubuntu")
    }

    /// The charm directory of a unit; `tag` is `unit-<app>-<n>`.
    #[must_use]
    pub fn charm(&self, tag: &str) -> PathBuf {
        self.agent(tag).join("charm")
    }

    /// The agent directory of a unit.
    #[must_use]
    pub fn agent(&self, tag: &str) -> PathBuf {
        self.root().join("var/lib/juju/agents").join(tag)
    }

    /// The hook tools of a unit.
    #[must_use]
    pub fn tools(&self, tag: &str) -> PathBuf {
        self.root().join("var/lib/juju/tools").join(tag)
    }

    /// What every process of the machine carries in its environment (the daemon adds `MINIJUJU_MACHINE_ADDRESS`).
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let path = |p: &Path| p.to_string_lossy().into_owned();
        BTreeMap::from([
            (ENV_MODEL_UUID.to_owned(), self.model_uuid.clone()),
            (ENV_MACHINE_ID.to_owned(), self.id.clone()),
            (ENV_MACHINE_DIR.to_owned(), path(&self.dir)),
            (ENV_MACHINE_SOCKET.to_owned(), path(&self.socket)),
            (ENV_CHARM_ROOT.to_owned(), path(&self.root())),
        ])
    }
}

/// The current time in Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// `n` random bytes in lower-case hex.
pub fn random_hex(n: usize) -> std::io::Result<String> {
    let mut bytes = vec![0; n];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn new_uuid() -> std::io::Result<String> {
    let hex = random_hex(16)?;
    // Version 4, variant 8: the form that Juju's own model UUIDs have.
    Ok(format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    ))
}

fn runtime_base() -> PathBuf {
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    given
        .filter(|dir| dir.is_dir() && dir.as_os_str().len() <= LONGEST_BASE)
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

fn valid_model_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(allowed) && name.chars().all(|c| allowed(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_created_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let made = home.create_model("m-1").unwrap();
        assert_eq!(made, home.model("m-1").unwrap());
        assert_eq!(home.models().unwrap(), ["m-1"]);
        assert!(matches!(home.create_model("m-1"), Err(PathsError::Exists(_))));
        assert!(matches!(home.model("m-2"), Err(PathsError::NotFound(_))));
        assert!(matches!(home.model("../x"), Err(PathsError::BadName(_))));
    }

    #[test]
    fn half_removed_models_are_no_models_and_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let model = home.create_model("a").unwrap();
        fs_err::rename(model.dir(), model.removed_dir()).unwrap();
        assert!(home.models().unwrap().is_empty());
        home.create_model("a").unwrap();
        assert!(!model.removed_dir().exists());
    }

    #[test]
    fn sockets_stay_below_the_kernels_limit() {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        assert!(
            model
                .agent_socket("unit-a-rather-long-application-name-12")
                .as_os_str()
                .len()
                < 108
        );
        assert_eq!(model.uuid().len(), 36);
    }
}
