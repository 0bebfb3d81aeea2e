//! The layer with real etcd processes: its configuration file, its unit file, founding, joining, restarting and leaving.
//! Only Juju and the service manager are played by the test.

#![expect(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod support;

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use charm::host::{ActiveState, Command, Host, HostError, Output, RealHost, ServiceAction, ServiceState};
use charm::juju::{Databag, Tools};
use charm::reactive::{Charm, Parts, dispatch};
use charm::store::Store;
use layer_etcd::etcd::EtcdPort;
use serde_json::json;
use support::juju::{FakeJuju, Juju, Shared, Unit};
use support::tls::{Tls, require_etcd};
use support::{Fuse, context};
use tempfile::TempDir;

/// A directory as a machine; its one service is a child of the test.
struct ProcessMachine {
    host: RealHost,
    root: TempDir,
    process: RefCell<Option<Child>>,
    restarts: RefCell<u32>,
}

impl ProcessMachine {
    fn new() -> ProcessMachine {
        let root = tempfile::tempdir().unwrap();
        let vars = [
            ("CHARM_ROOT", root.path().display().to_string()),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ];
        let host = RealHost::from_vars(vars.map(|(name, value)| (name.to_owned(), value)));
        ProcessMachine {
            host,
            root,
            process: RefCell::default(),
            restarts: RefCell::default(),
        }
    }

    fn unit_file(&self) -> PathBuf {
        self.host.resolve(Path::new("/etc/systemd/system/etcd.service"))
    }

    fn start(&self) {
        let unit = std::fs::read_to_string(self.unit_file()).unwrap();
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut words = line.split(' ');
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.root.path().join("etcd.log"))
            .unwrap();
        let mut command = std::process::Command::new(words.next().unwrap());
        command
            .env_clear()
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *self.process.borrow_mut() = Some(command.spawn().unwrap());
    }

    /// Asks the process to end, and makes it end.
    fn stop(&self) {
        let Some(mut process) = self.process.borrow_mut().take() else {
            return;
        };
        let _ = std::process::Command::new("kill")
            .arg(process.id().to_string())
            .status();
        for _ in 0..100 {
            if process.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("etcd.log")).unwrap_or_default()
    }
}

impl Drop for ProcessMachine {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.borrow_mut().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Host for ProcessMachine {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.host.resolve(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.host.exists(path)
    }
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
        self.host.read(path)
    }
    fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError> {
        self.host.write(path, content, mode)
    }
    fn create_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.host.create_dir(path, mode)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        self.host.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), HostError> {
        self.host.remove(path)
    }
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        self.host.list(path)
    }
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.host.run(command)
    }
    fn which(&self, program: &str) -> Option<PathBuf> {
        self.host.which(program)
    }
    fn hostname(&self) -> String {
        self.host.hostname()
    }
    fn now(&self) -> SystemTime {
        self.host.now()
    }
    fn sleep(&self, duration: Duration) {
        self.host.sleep(duration);
    }
    fn install_packages(&self, packages: &[&str]) -> Result<(), HostError> {
        panic!("installs {packages:?}")
    }
    fn service(&self, _name: &str, action: ServiceAction) -> Result<(), HostError> {
        match action {
            ServiceAction::Start | ServiceAction::StartNoBlock => self.start(),
            ServiceAction::Restart => {
                *self.restarts.borrow_mut() += 1;
                self.stop();
                self.start();
            }
            ServiceAction::Stop => self.stop(),
            ServiceAction::Enable | ServiceAction::Disable | ServiceAction::Reload => {}
        }
        Ok(())
    }
    fn write_unit_file(&self, name: &str, content: &str) -> Result<bool, HostError> {
        let path = format!("/etc/systemd/system/{name}.service");
        self.host.write(Path::new(&path), content.as_bytes(), 0o644)
    }
    fn service_state(&self, _name: &str) -> Result<ServiceState, HostError> {
        let mut process = self.process.borrow_mut();
        let alive = process
            .as_mut()
            .is_some_and(|process| process.try_wait().unwrap().is_none());
        let active = if alive {
            ActiveState::Active
        } else {
            ActiveState::Inactive
        };
        Ok(ServiceState {
            active,
            main_pid: None,
            result: "success".into(),
        })
    }
}

/// Units as processes of this machine.
struct Model {
    network: &'static str,
    juju: Shared,
    charm: Charm,
    machines: Vec<(Rc<ProcessMachine>, Store)>,
    runtime: tokio::runtime::Runtime,
    hooks: u64,
}

impl Model {
    /// A model with addresses in this network for so many units.
    fn new(network: &'static str, units: u32) -> Model {
        let addresses: Vec<String> = (0..units).map(|unit| format!("{network}.{unit}")).collect();
        let tls = Tls::new(&addresses).credentials;
        let mut juju = Juju {
            network: network.into(),
            has_authority: true,
            has_client: true,
            ..Juju::default()
        };
        for unit in 0..units {
            let server = |name: &str| format!("etcd_{unit}.server.{name}");
            let pem = [
                ("ca".to_owned(), &tls.ca),
                ("client.cert".to_owned(), &tls.cert),
                (server("cert"), &tls.cert),
            ];
            let keys = [("client.key".to_owned(), &tls.key), (server("key"), &tls.key)];
            let bag: Databag = pem
                .into_iter()
                .chain(keys)
                .map(|(key, pem)| (key, pem.clone()))
                .collect();
            juju.certificates.insert(unit, bag);
        }
        Model {
            network,
            juju: Rc::new(RefCell::new(juju)),
            charm: Charm::builder("etcd")
                .layer(layer_etcd::layer())
                .port(EtcdPort::real())
                .build()
                .unwrap(),
            machines: Vec::new(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            hooks: 0,
        }
    }

    /// A unit that Juju knows and that has not run a hook.
    fn plan_unit(&mut self) -> u32 {
        let unit = u32::try_from(self.machines.len()).unwrap();
        self.machines
            .push((Rc::new(ProcessMachine::new()), Store::memory().unwrap()));
        self.juju.borrow_mut().units.insert(unit, Unit::default());
        unit
    }

    fn add_unit(&mut self) {
        let unit = self.plan_unit();
        self.start(unit);
    }

    fn start(&mut self, unit: u32) {
        for name in ["install", "config-changed", "start"] {
            self.hook(unit, name);
        }
    }

    fn hook(&mut self, unit: u32, name: &str) {
        self.hooks += 1;
        let (machine, store) = self.machines[unit as usize].clone();
        let hook = context(unit, name, self.hooks);
        let transport = FakeJuju::new(self.juju.clone(), unit, Fuse::default());
        let writes = transport.writes();
        let tools = Tools::for_unit(Box::new(transport), hook.unit.clone());
        let parts = Parts {
            hook,
            tools,
            host: machine.clone(),
            store,
        };
        match self.runtime.block_on(dispatch(&self.charm, parts)) {
            Ok(_) => self.juju.borrow_mut().commit(unit, writes),
            Err(error) => panic!("hook {name} of unit {unit}: {error}\n{}", machine.log()),
        }
    }

    #[track_caller]
    fn assert_status(&self, unit: u32, expected: &str) {
        let status = self.juju.borrow().units[&unit].status.clone();
        assert_eq!(
            status,
            expected,
            "unit {unit}:\n{}",
            self.machines[unit as usize].0.log()
        );
    }

    /// Runs the client that operators use.
    fn etcdctl(&self, unit: u32, args: &[&str]) -> String {
        let host = &self.machines[unit as usize].0.host;
        let file = |name: &str| {
            host.resolve(&Path::new("/etc/ssl/etcd").join(name))
                .display()
                .to_string()
        };
        let mut command = std::process::Command::new("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .args(["--cacert", &file("ca.crt"), "--cert", &file("client.crt")]);
        command.args([
            "--key",
            &file("client.key"),
            "--endpoints",
            &format!("https://{}.{unit}:2379", self.network),
        ]);
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_cluster_lives_its_life() {
    require_etcd();
    let mut model = Model::new("127.77.42", 2);
    model.add_unit();
    model.hook(0, "cluster-relation-changed");
    model.assert_status(0, "active: Healthy with 1 known peer");
    model.etcdctl(0, &["put", "key", "value"]);

    model.add_unit();
    model.assert_status(1, "active: Healthy with 2 known peers");
    assert!(model.etcdctl(1, &["get", "key"]).contains("value"));
    model.hook(0, "cluster-relation-changed");
    model.assert_status(0, "active: Healthy with 2 known peers");
    let strings: Vec<String> = (0..2)
        .map(|unit| model.juju.borrow().units[&unit].bags["db:2"]["connection_string"].clone())
        .collect();
    assert_eq!(strings[0], "https://127.77.42.0:2379,https://127.77.42.1:2379");
    assert_eq!(strings[0], strings[1]);

    let effective = model.machines[0].0.log();
    for setting in [
        "\"pre-vote\":true",
        "\"initial-cluster-state\":\"new\"",
        "\"initial-corrupt-check\":true",
    ] {
        assert!(effective.contains(setting), "etcd did not take {setting}:\n{effective}");
    }

    model
        .juju
        .borrow_mut()
        .config
        .insert("heartbeat_interval".into(), json!(150));
    for unit in [0, 1] {
        model.hook(unit, "config-changed");
        model.assert_status(unit, "active: Healthy with 2 known peers");
        assert_eq!(*model.machines[unit as usize].0.restarts.borrow(), 1);
    }
    assert!(model.machines[1].0.log().contains("\"heartbeat-interval\":\"150ms\""));

    model.juju.borrow_mut().dying.insert(0);
    model.hook(0, "stop");
    model.juju.borrow_mut().units.remove(&0);
    model.juju.borrow_mut().leader = 1;
    model.hook(1, "cluster-relation-departed");
    model.assert_status(1, "active: Healthy with 1 known peer");
    assert!(model.etcdctl(1, &["get", "key"]).contains("value"));
}

/// Their hooks run one after the other here, so the first founder waits in vain within its hook.
#[test]
fn three_units_found_a_cluster_by_their_claim() {
    require_etcd();
    let mut model = Model::new("127.77.43", 3);
    for _ in 0..3 {
        model.plan_unit();
    }
    for unit in 0..3 {
        model.start(unit);
    }
    model.hook(0, "cluster-relation-changed");
    model.assert_status(
        0,
        "waiting: Waiting for the claim on the cluster to be known to all units",
    );
    model.hook(0, "cluster-relation-changed");
    model.assert_status(0, "waiting: Waiting for the other founding members");
    for unit in [1, 2, 0] {
        model.hook(unit, "cluster-relation-changed");
    }
    model.hook(1, "cluster-relation-changed");
    for unit in 0..3 {
        model.assert_status(unit, "active: Healthy with 3 known peers");
    }
    let claim = model.juju.borrow().shared["etcd-claim"].clone();
    let status = model.etcdctl(2, &["endpoint", "status", "--write-out", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let id = status[0]["Status"]["header"]["cluster_id"].as_u64().unwrap();
    assert!(
        claim.contains(&format!("\"{id:x}\"")),
        "the claim foretold another cluster than {id:x}: {claim}"
    );
}
