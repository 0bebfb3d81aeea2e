//! A minijuju model of one story's own.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{binary, charm};

/// How long a whole deployment may take on a slow and busy machine.
const SETTLE: &str = "180s";

/// A model with its own home directory. Dropping it destroys the model and checks that nothing of it is left.
pub(crate) struct Sandbox {
    home: tempfile::TempDir,
}

impl Sandbox {
    /// A new, empty model.
    pub(crate) fn new() -> Sandbox {
        let sandbox = Sandbox {
            home: tempfile::Builder::new().prefix("story-").tempdir().unwrap(),
        };
        sandbox.ok(&["add-model", "story"]);
        sandbox
    }

    /// A model with the certificate authority and `units` units of etcd, settled.
    pub(crate) fn with_etcd(units: u32) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.deploy_authority();
        sandbox.deploy_etcd("etcd", units);
        sandbox.settled(&["etcd"]);
        sandbox
    }

    /// Deploys the certificate authority as `easyrsa`.
    pub(crate) fn deploy_authority(&self) {
        self.ok(&["deploy", path(&charm("easyrsa")), "easyrsa"]);
    }

    /// Deploys etcd under a name and integrates it with the authority; does not wait.
    pub(crate) fn deploy_etcd(&self, application: &str, units: u32) {
        self.deploy_etcd_alone(application, units);
        self.certify(application);
    }

    /// Deploys etcd under a name; without certificates it does nothing yet.
    pub(crate) fn deploy_etcd_alone(&self, application: &str, units: u32) {
        let units = units.to_string();
        let charm = charm("etcd");
        let options = ["-n", &units, "--config", "bind_to_all_interfaces=false"];
        self.ok(&[&["deploy", path(&charm), application], options.as_slice()].concat());
    }

    /// Integrates an etcd application with the authority.
    pub(crate) fn certify(&self, application: &str) {
        self.ok(&["integrate", &format!("{application}:certificates"), "easyrsa:client"]);
    }

    /// Waits until all units of these applications are active and idle.
    pub(crate) fn settled(&self, applications: &[&str]) {
        let mut words = vec!["wait"];
        words.extend(applications);
        words.extend(["--for", "active", "--timeout", SETTLE]);
        self.ok(&words);
    }

    /// Waits until the application has exactly this many units, all active and idle.
    pub(crate) fn settled_at(&self, application: &str, units: u32) {
        self.ok(&[
            "wait",
            application,
            "--for",
            "active",
            "--units",
            &units.to_string(),
            "--timeout",
            SETTLE,
        ]);
    }

    /// Runs `minijuju` and returns what came of it.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("minijuju can be started")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary("minijuju"));
        command
            .args(words)
            .env("MINIJUJU_HOME", self.home.path())
            .env_remove("JUJU_MODEL");
        command
    }

    /// Runs `minijuju`, which must succeed; returns its standard output.
    #[track_caller]
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        if !output.status.success() {
            panic!(
                "minijuju {words:?} failed ({}):\n{}{}\n{}",
                output.status,
                text(&output.stdout),
                text(&output.stderr),
                self.circumstances()
            );
        }
        text(&output.stdout)
    }

    /// Runs `minijuju`, which must fail; returns its exit code and standard error.
    #[track_caller]
    pub(crate) fn fails(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(words);
        assert!(
            !output.status.success(),
            "minijuju {words:?} succeeded:\n{}",
            text(&output.stdout)
        );
        (output.status.code().unwrap_or(-1), text(&output.stderr))
    }

    /// `status --format json`.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--format", "json"])).unwrap()
    }

    /// The names of an application's units.
    pub(crate) fn units(&self, application: &str) -> Vec<String> {
        let status = self.status();
        let units = status["applications"][application]["units"].as_object();
        units.map(|units| units.keys().cloned().collect()).unwrap_or_default()
    }

    /// The unit that leads an application.
    #[track_caller]
    pub(crate) fn leader(&self, application: &str) -> String {
        let status = self.status();
        let units = status["applications"][application]["units"].as_object().unwrap();
        units
            .iter()
            .find(|(_, unit)| unit["leader"] == true)
            .map(|(name, _)| name.clone())
            .expect("a leader")
    }

    /// What hooks ran, oldest first: objects with `unit`, `hook`, `exit` and `tools`.
    #[track_caller]
    pub(crate) fn hooks(&self) -> Vec<Value> {
        serde_json::from_str(&self.ok(&["hooks", "--format", "json"])).unwrap()
    }

    /// For a failure's message: the status and the end of the log.
    pub(crate) fn circumstances(&self) -> String {
        let status = self.run(&["status"]);
        let log = self.run(&["debug-log", "--limit", "80"]);
        format!("{}\n{}", text(&status.stdout), text(&log.stdout))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), self.circumstances().as_bytes());
        }
        let output = self.run(&["destroy-model", "story", "--no-prompt"]);
        let home = self.home.path().to_string_lossy().into_owned();
        let left = processes_naming(&home);
        if !thread::panicking() {
            assert!(
                output.status.success(),
                "destroy-model failed: {}",
                text(&output.stderr)
            );
            assert!(left.is_empty(), "processes are left after destroy-model: {left:?}");
        }
    }
}

/// The processes whose command line or working directory names a path below `home`.
fn processes_naming(home: &str) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let named = processes.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_string_lossy().parse::<u32>().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let directory = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(home) || directory.starts_with(home)).then(|| format!("{pid}: {line}"))
    });
    named.collect()
}

/// Tries until the check passes; fails naming what was awaited.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// Lossy text of a program's output.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A path as a command-line word.
fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
