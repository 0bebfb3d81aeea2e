//! A unit's machine: a simulated host whose service `etcd` is a process of the simulated etcd world.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use charm::host::{Command, Host, HostError, Output, ServiceAction, ServiceState, SimulatedHost};
use layer_etcd::etcd::simulated::{Disk, Launch, Simulated};
use layer_etcd::etcd::{Answer, Etcd, Lease, MemberList, MemberStatus, Target};

use super::Fuse;

const CONFIG: &str = "/etc/etcd/etcd.conf.yml";

#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) host: SimulatedHost,
    etcd: Simulated,
    fuse: Fuse,
    number: u32,
}

impl Machine {
    pub(crate) fn new(number: u32, etcd: Simulated, fuse: Fuse) -> Machine {
        let host = SimulatedHost::new();
        host.set_hostname(&format!("machine-{number}"));
        let version = "etcd Version: 3.4.23\nGit SHA: none\n";
        host.program("etcd", move |_, _| Ok(output(version)));
        host.program("etcdctl", |_, _| Ok(output("")));
        let world = etcd.clone();
        host.watch_services(move |host, name, action| {
            if name != "etcd" {
                return;
            }
            match action {
                ServiceAction::Start | ServiceAction::StartNoBlock => launch(host, &world),
                ServiceAction::Restart => {
                    world.stop(&client_url(host));
                    launch(host, &world);
                }
                ServiceAction::Stop => world.stop(&client_url(host)),
                ServiceAction::Enable | ServiceAction::Disable | ServiceAction::Reload => {}
            }
        });
        Machine {
            host,
            etcd,
            fuse,
            number,
        }
    }

    /// What `Restart=always` does between hooks.
    pub(crate) fn restart_dead_services(&self) {
        let active = self.host.service_state("etcd").unwrap().active == charm::host::ActiveState::Active;
        if active && !self.etcd.runs(&client_url(&self.host)) {
            launch(&self.host, &self.etcd);
        }
    }

    /// The machine is gone.
    pub(crate) fn power_off(&self) {
        self.etcd.stop(&client_url(&self.host));
        self.host.crash_service("etcd", "signal");
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        PathBuf::from(format!("/var/lib/etcd/etcd{}", self.number))
    }

    pub(crate) fn config(&self) -> String {
        String::from_utf8(self.host.read(Path::new(CONFIG)).unwrap().unwrap_or_default()).unwrap()
    }
}

fn output(text: &str) -> Output {
    Output {
        code: Some(0),
        stdout: text.into(),
        ..Output::default()
    }
}

fn value(host: &SimulatedHost, key: &str) -> String {
    let config = String::from_utf8(host.read(Path::new(CONFIG)).unwrap().unwrap_or_default()).unwrap();
    let line = config.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

fn client_url(host: &SimulatedHost) -> String {
    value(host, "advertise-client-urls")
}

/// etcd's start: the log in its data directory says who it is.
fn launch(host: &SimulatedHost, etcd: &Simulated) {
    let log = PathBuf::from(value(host, "data-dir")).join("member/wal/0.wal");
    let disk = host.read(&log).unwrap().map(|bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let (cluster, member) = text.split_once(' ').unwrap();
        Disk {
            cluster_id: cluster.parse().unwrap(),
            member_id: member.parse().unwrap(),
        }
    });
    let launch = Launch {
        name: value(host, "name"),
        client_url: client_url(host),
        peer_url: value(host, "initial-advertise-peer-urls"),
        initial_cluster: value(host, "initial-cluster"),
        new: value(host, "initial-cluster-state") == "new",
        token: value(host, "initial-cluster-token"),
        disk,
    };
    if let Ok(disk) = etcd.start(&launch) {
        let content = format!("{} {}", disk.cluster_id, disk.member_id);
        host.write(&log, content.as_bytes(), 0o600).unwrap();
    }
}

impl Host for Machine {
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
        self.fuse.tick();
        self.host.write(path, content, mode)
    }
    fn create_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.host.create_dir(path, mode)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        self.fuse.tick();
        self.host.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), HostError> {
        self.fuse.tick();
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
        self.fuse.tick();
        self.host.install_packages(packages)
    }
    fn service(&self, name: &str, action: ServiceAction) -> Result<(), HostError> {
        self.fuse.tick();
        self.host.service(name, action)
    }
    fn write_unit_file(&self, name: &str, content: &str) -> Result<bool, HostError> {
        self.fuse.tick();
        self.host.write_unit_file(name, content)
    }
    fn service_state(&self, name: &str) -> Result<ServiceState, HostError> {
        self.host.service_state(name)
    }
}

/// The etcd world, with a fuse before every change.
pub(crate) struct Fused(pub(crate) Simulated, pub(crate) Fuse);

impl Etcd for Fused {
    fn status<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberStatus> {
        self.0.status(at)
    }
    fn members<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberList> {
        self.0.members(at)
    }
    fn add_learner<'a>(&'a self, at: &'a Target, peer_url: &'a str) -> Answer<'a, u64> {
        self.1.tick();
        self.0.add_learner(at, peer_url)
    }
    fn promote<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        self.1.tick();
        self.0.promote(at, id)
    }
    fn remove<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        self.1.tick();
        self.0.remove(at, id)
    }
    fn set_peer_url<'a>(&'a self, at: &'a Target, id: u64, peer_url: &'a str) -> Answer<'a, ()> {
        self.1.tick();
        self.0.set_peer_url(at, id, peer_url)
    }
    fn move_leader<'a>(&'a self, at: &'a Target, to: u64) -> Answer<'a, ()> {
        self.1.tick();
        self.0.move_leader(at, to)
    }
    fn hold<'a>(&'a self, at: &'a Target, key: &'a str, holder: &'a str, seconds: i64) -> Answer<'a, Option<Lease>> {
        self.1.tick();
        self.0.hold(at, key, holder, seconds)
    }
    fn release<'a>(&'a self, at: &'a Target, lease: Lease) -> Answer<'a, ()> {
        self.1.tick();
        self.0.release(at, lease)
    }
}
