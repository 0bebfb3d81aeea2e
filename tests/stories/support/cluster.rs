//! etcd as an operator sees it: through `etcdctl` and the credentials that the charm's action hands out.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use super::{Sandbox, eventually};

/// An etcd application, with client credentials taken from one of its units.
pub(crate) struct Cluster<'a> {
    sandbox: &'a Sandbox,
    application: String,
    credentials: tempfile::TempDir,
}

/// One line of `etcdctl member list`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    /// The member's id, hexadecimal.
    pub(crate) id: String,
    /// `started` or `unstarted`.
    pub(crate) state: String,
    /// The member's name.
    pub(crate) name: String,
    /// Whether it is a learner.
    pub(crate) learner: bool,
}

impl<'a> Cluster<'a> {
    /// Asks the application's first unit for client credentials.
    #[track_caller]
    pub(crate) fn of(sandbox: &'a Sandbox, application: &str) -> Cluster<'a> {
        let unit = sandbox.units(application).first().cloned().expect("a unit");
        let credentials = tempfile::Builder::new().prefix("story-credentials-").tempdir().unwrap();
        sandbox.ok(&["run", &unit, "package-client-credentials"]);
        sandbox.ok(&[
            "scp",
            &format!("{unit}:etcd_credentials.tar.gz"),
            credentials.path().to_str().unwrap(),
        ]);
        let archive = credentials.path().join("etcd_credentials.tar.gz");
        let status = Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(credentials.path())
            .status()
            .unwrap();
        assert!(status.success(), "the credentials' archive cannot be unpacked");
        Cluster {
            sandbox,
            application: application.to_owned(),
            credentials,
        }
    }

    /// The units of the application.
    pub(crate) fn units(&self) -> Vec<String> {
        self.sandbox.units(&self.application)
    }

    /// The client URL of a unit.
    #[track_caller]
    pub(crate) fn endpoint(&self, unit: &str) -> String {
        let address = self
            .sandbox
            .ok(&["exec", "--unit", unit, "--", "network-get --ingress-address db"]);
        format!("https://{}:2379", address.trim())
    }

    /// Runs `etcdctl` against one endpoint.
    pub(crate) fn try_etcdctl(&self, endpoint: &str, words: &[&str]) -> Output {
        let files = self.credentials.path().join("etcd_credentials");
        let mut command = Command::new("etcdctl");
        command
            .env_clear()
            .env("ETCDCTL_API", "3")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(["--endpoints", endpoint, "--command-timeout", "10s"]);
        for (option, file) in [
            ("--cacert", "ca.crt"),
            ("--cert", "client.crt"),
            ("--key", "client.key"),
        ] {
            command.arg(option).arg(files.join(file));
        }
        command
            .args(words)
            .output()
            .expect("etcdctl is installed (package etcd-client)")
    }

    /// Runs `etcdctl`, which must succeed; returns its output.
    #[track_caller]
    pub(crate) fn etcdctl(&self, endpoint: &str, words: &[&str]) -> String {
        let output = self.try_etcdctl(endpoint, words);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "etcdctl {words:?} at {endpoint}: {err}\n{}",
            self.sandbox.circumstances()
        );
        out.into_owned()
    }

    /// Writes a key through a unit.
    #[track_caller]
    pub(crate) fn put(&self, unit: &str, key: &str, value: &str) {
        self.etcdctl(&self.endpoint(unit), &["put", key, value]);
    }

    /// Reads a key through a unit.
    #[track_caller]
    pub(crate) fn get(&self, unit: &str, key: &str) -> String {
        self.etcdctl(&self.endpoint(unit), &["get", "--print-value-only", key])
            .trim_end()
            .to_owned()
    }

    /// The members that a unit's etcd lists.
    #[track_caller]
    pub(crate) fn members(&self, unit: &str) -> Vec<Member> {
        let list = self.etcdctl(&self.endpoint(unit), &["member", "list"]);
        let mut members: Vec<Member> = list.lines().map(member).collect();
        members.sort();
        members
    }

    /// The cluster ids that the units' members answer with: one, if there is one cluster.
    #[track_caller]
    pub(crate) fn ids(&self) -> BTreeSet<u64> {
        let id = |unit: &String| {
            let status = self.etcdctl(&self.endpoint(unit), &["endpoint", "status", "-w", "json"]);
            let status: serde_json::Value = serde_json::from_str(&status).unwrap();
            status[0]["Status"]["header"]["cluster_id"]
                .as_u64()
                .expect("a cluster id")
        };
        self.units().iter().map(id).collect()
    }

    /// Checks what must hold of a settled application: one cluster, exactly one started voter per unit and under its name,
    /// the same list on each member.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        let units = self.units();
        let ids = self.ids();
        assert_eq!(
            ids.len(),
            1,
            "more than one cluster: {ids:?}\n{}",
            self.sandbox.circumstances()
        );
        let wanted: BTreeSet<String> = units.iter().map(|unit| unit.replace('/', "")).collect();
        for unit in &units {
            let members = self.members(unit);
            assert!(
                members
                    .iter()
                    .all(|member| member.state == "started" && !member.learner),
                "{unit} lists {members:?}"
            );
            let names: BTreeSet<String> = members.iter().map(|member| member.name.clone()).collect();
            assert_eq!(
                (names, members.len()),
                (wanted.clone(), units.len()),
                "{unit} lists {members:?}"
            );
        }
    }

    /// Kills a unit's etcd with SIGKILL and waits until another process of it serves.
    #[track_caller]
    pub(crate) fn kill_etcd(&self, unit: &str) {
        let pid = || {
            self.sandbox
                .ok(&[
                    "ssh",
                    unit,
                    "systemctl",
                    "show",
                    "--property",
                    "MainPID",
                    "--value",
                    "etcd",
                ])
                .trim()
                .to_owned()
        };
        let before = pid();
        self.sandbox
            .ok(&["ssh", unit, "systemctl", "kill", "--signal=KILL", "etcd"]);
        let endpoint = self.endpoint(unit);
        eventually(&format!("etcd of {unit} to come back"), Duration::from_secs(30), || {
            let now = pid();
            let serves =
                now != "0" && now != before && self.try_etcdctl(&endpoint, &["endpoint", "health"]).status.success();
            serves.then_some(())
        });
    }
}

/// Reads `id, state, name, peer URLs, client URLs, is learner`.
fn member(line: &str) -> Member {
    let fields: Vec<&str> = line.split(", ").collect();
    assert_eq!(fields.len(), 6, "an unknown line of the member list: {line:?}");
    Member {
        id: fields[0].into(),
        state: fields[1].into(),
        name: fields[2].into(),
        learner: fields[5] == "true",
    }
}
