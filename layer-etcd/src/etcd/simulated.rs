//! A world of etcd clusters in memory, for tests: it keeps etcd's rules about membership, quorum and refusal, and nothing
//! of its storage.
//!
//! A test starts and stops processes ([`Simulated::start`], [`Simulated::stop`]); the layer under test asks and changes
//! through [`Etcd`]. A process remembers who it is only by the [`Disk`] that its start returned, as a real one does by its
//! data directory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::survey::quorum;
use super::{Answer, Etcd, EtcdError, Lease, Member, MemberList, MemberStatus, QUICK, Refusal, Target};
use crate::cluster::identity;

/// A handle to the world; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Simulated {
    world: Rc<RefCell<World>>,
    calls: Rc<Cell<u64>>,
}

/// What a process is started with.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// Its name.
    pub name: String,
    /// Where it listens for clients.
    pub client_url: String,
    /// Where members reach it.
    pub peer_url: String,
    /// `name=url`, separated by commas.
    pub initial_cluster: String,
    /// Whether the cluster is to be founded rather than joined.
    pub new: bool,
    /// The cluster's token.
    pub token: String,
    /// What an earlier process left.
    pub disk: Option<Disk>,
}

/// Who the owner of a data directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// The cluster.
    pub cluster_id: u64,
    /// The member.
    pub member_id: u64,
}

#[derive(Debug, Default)]
struct World {
    clusters: BTreeMap<u64, Cluster>,
    /// Who runs, by client URL.
    processes: BTreeMap<String, Process>,
    next: u64,
}

#[derive(Debug, Default)]
struct Cluster {
    members: Vec<Member>,
    removed: BTreeSet<u64>,
    leader: Option<u64>,
    token_holder: Option<(String, i64)>,
    /// Whether a voter was ever down while others ran: what no test of the layer may see.
    lost_quorum: bool,
}

#[derive(Debug, Clone)]
struct Process {
    disk: Disk,
    name: String,
    /// A learner needs a moment to catch up.
    applied: u64,
}

/// How far the leader's log is, and how far one question takes a learner.
const LOG: u64 = 10_000;
const CATCHING_UP: u64 = 6_000;

impl Simulated {
    /// A world without clusters.
    pub fn new() -> Simulated {
        Simulated::default()
    }

    /// Starts a process, or says why it ends at once. It lives until it is stopped or its member is removed.
    pub fn start(&self, launch: &Launch) -> Result<Disk, String> {
        let mut world = self.world.borrow_mut();
        let disk = world.identify(launch)?;
        let applied = if launch.disk.is_some() { LOG } else { 0 };
        world.processes.insert(
            launch.client_url.clone(),
            Process {
                disk,
                name: launch.name.clone(),
                applied,
            },
        );
        world.settle();
        Ok(disk)
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Kills the process behind a client URL.
    pub fn stop(&self, client_url: &str) {
        let mut world = self.world.borrow_mut();
        world.processes.remove(client_url);
        world.settle();
    }

    /// Whether a process runs there.
    pub fn runs(&self, client_url: &str) -> bool {
        self.world.borrow().processes.contains_key(client_url)
    }

    /// The clusters by id, with their members.
    pub fn clusters(&self) -> BTreeMap<u64, Vec<Member>> {
        self.world
            .borrow()
            .clusters
            .iter()
            .map(|(id, cluster)| (*id, cluster.members.clone()))
            .collect()
    }

    /// Whether some cluster lost its quorum after it had one.
    pub fn lost_quorum(&self) -> bool {
        self.world.borrow().clusters.values().any(|cluster| cluster.lost_quorum)
    }

    fn run<'a, T: 'a>(
        &'a self,
        call: &'static str,
        at: &'a Target,
        body: impl FnOnce(&mut World, Disk) -> Result<T, Refused> + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let endpoint = at.endpoint.clone();
            self.calls.set(self.calls.get() + 1);
            let mut world = self.world.borrow_mut();
            let Some(disk) = world.processes.get(&endpoint).map(|process| process.disk) else {
                return Err(EtcdError::Unreachable {
                    call,
                    endpoint,
                    reason: "connection refused".into(),
                });
            };
            let answer = body(&mut world, disk);
            world.settle();
            answer.map_err(|refused| match refused {
                Refused::Silence => EtcdError::NoAnswer {
                    call,
                    endpoint,
                    after: QUICK,
                },
                Refused::Text(text) => EtcdError::Refused {
                    call,
                    endpoint,
                    refusal: Refusal::of(text),
                    text: text.to_owned(),
                },
            })
        })
    }
}

/// Why a call fails.
enum Refused {
    Silence,
    Text(&'static str),
}

impl World {
    /// Who a process is, by etcd's rules for a start.
    fn identify(&mut self, launch: &Launch) -> Result<Disk, String> {
        if let Some(disk) = launch.disk {
            let cluster = self.clusters.entry(disk.cluster_id).or_default();
            let removed = cluster.removed.contains(&disk.member_id);
            return if removed {
                Err("the member has been permanently removed".into())
            } else {
                Ok(disk)
            };
        }
        let list: BTreeMap<String, String> = launch
            .initial_cluster
            .split(',')
            .filter_map(|entry| entry.split_once('='))
            .map(|(name, url)| (url.to_owned(), name.to_owned()))
            .collect();
        if launch.new {
            self.found(launch, &list)
        } else {
            self.join(launch, &list)
        }
    }

    fn found(&mut self, launch: &Launch, list: &BTreeMap<String, String>) -> Result<Disk, String> {
        let cluster_id = identity::cluster_id(list.keys().map(String::as_str), &launch.token);
        let member_id = identity::member_id(&launch.peer_url, &launch.token);
        let founder = |(url, name): (&String, &String)| Member {
            id: identity::member_id(url, &launch.token),
            name: name.clone(),
            peer_urls: vec![url.clone()],
            ..Member::default()
        };
        let cluster = self.clusters.entry(cluster_id).or_insert_with(|| Cluster {
            members: list.iter().map(founder).collect(),
            ..Cluster::default()
        });
        match cluster.members.iter().find(|member| member.id == member_id) {
            Some(member) if member.has_started() => Err(format!("member {member_id:x} has already been bootstrapped")),
            Some(_) => Ok(Disk { cluster_id, member_id }),
            None => Err("couldn't find local name in the initial cluster configuration".into()),
        }
    }

    fn join(&mut self, launch: &Launch, list: &BTreeMap<String, String>) -> Result<Disk, String> {
        let others = |member: &Member| {
            let url = member.peer_urls.first().cloned().unwrap_or_default();
            url != launch.peer_url && list.contains_key(&url)
        };
        let known = self.processes.values().find_map(|process| {
            let cluster = self.clusters.get(&process.disk.cluster_id)?;
            cluster
                .members
                .iter()
                .any(|member| member.id == process.disk.member_id && others(member))
                .then_some(process.disk.cluster_id)
        });
        let cluster_id = known.ok_or("could not retrieve cluster information from the given URLs")?;
        let members = &self.clusters.get(&cluster_id).ok_or("no such cluster")?.members;
        let urls: BTreeSet<&String> = members.iter().flat_map(|member| &member.peer_urls).collect();
        if urls != list.keys().collect() {
            return Err("member count is unequal".into());
        }
        let own = members
            .iter()
            .find(|member| member.peer_urls.contains(&launch.peer_url));
        Ok(Disk {
            cluster_id,
            member_id: own.ok_or("member is not listed")?.id,
        })
    }

    fn running(&self, cluster_id: u64) -> BTreeSet<u64> {
        let here = self
            .processes
            .values()
            .filter(|process| process.disk.cluster_id == cluster_id);
        here.map(|process| process.disk.member_id).collect()
    }

    /// What follows of itself: removed members end, leaders are elected, members publish themselves.
    fn settle(&mut self) {
        let clusters = &self.clusters;
        self.processes.retain(|_, process| {
            clusters
                .get(&process.disk.cluster_id)
                .is_none_or(|cluster| !cluster.removed.contains(&process.disk.member_id))
        });
        let ids: Vec<u64> = self.clusters.keys().copied().collect();
        for id in ids {
            let running = self.running(id);
            let urls: BTreeMap<u64, (String, String)> = self
                .processes
                .iter()
                .filter(|(_, process)| process.disk.cluster_id == id)
                .map(|(url, process)| (process.disk.member_id, (url.clone(), process.name.clone())))
                .collect();
            if let Some(cluster) = self.clusters.get_mut(&id) {
                cluster.settle(&running, &urls);
            }
        }
    }

    fn cluster(&mut self, id: u64) -> Result<&mut Cluster, Refused> {
        self.clusters.get_mut(&id).ok_or(Refused::Silence)
    }

    /// The cluster of a member that can speak for it: a voter, with a quorum.
    fn agreed(&mut self, disk: Disk) -> Result<&mut Cluster, Refused> {
        let cluster = self.cluster(disk.cluster_id)?;
        let member = cluster
            .members
            .iter()
            .find(|member| member.id == disk.member_id)
            .ok_or(Refused::Silence)?;
        if member.is_learner {
            return Err(Refused::Text("etcdserver: rpc not supported for learner"));
        }
        cluster.leader.ok_or(Refused::Silence)?;
        Ok(cluster)
    }
}

impl Cluster {
    fn settle(&mut self, running: &BTreeSet<u64>, urls: &BTreeMap<u64, (String, String)>) {
        let voters: Vec<u64> = self
            .members
            .iter()
            .filter(|member| !member.is_learner)
            .map(|member| member.id)
            .collect();
        let up: Vec<u64> = voters.iter().copied().filter(|id| running.contains(id)).collect();
        if voters.is_empty() || up.len() < quorum(voters.len()) {
            self.lost_quorum |= self.leader.take().is_some() && !running.is_empty();
            return;
        }
        if self.leader.is_none_or(|leader| !up.contains(&leader)) {
            self.leader = up.first().copied();
        }
        for member in &mut self.members {
            if let Some((url, name)) = urls.get(&member.id) {
                member.client_urls = vec![url.clone()];
                member.name.clone_from(name);
            }
        }
    }
}

impl Etcd for Simulated {
    fn status<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberStatus> {
        self.run("ask for the status", at, |world, disk| {
            let leader = world.cluster(disk.cluster_id)?.leader.ok_or(Refused::Silence)?;
            let cluster = world.cluster(disk.cluster_id)?;
            let is_learner = cluster
                .members
                .iter()
                .any(|member| member.id == disk.member_id && member.is_learner);
            let process = world.processes.get_mut(&at.endpoint).ok_or(Refused::Silence)?;
            process.applied = if is_learner {
                (process.applied + CATCHING_UP).min(LOG)
            } else {
                LOG
            };
            Ok(MemberStatus {
                cluster_id: disk.cluster_id,
                member_id: disk.member_id,
                leader,
                is_learner,
                raft_index: LOG,
                applied_index: process.applied,
                version: "3.4.23".into(),
                errors: Vec::new(),
            })
        })
    }

    fn members<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberList> {
        self.run("list the members", at, |world, disk| {
            let members = world.agreed(disk)?.members.clone();
            Ok(MemberList {
                cluster_id: disk.cluster_id,
                members,
            })
        })
    }

    fn add_learner<'a>(&'a self, at: &'a Target, peer_url: &'a str) -> Answer<'a, u64> {
        self.run("add a learner", at, move |world, disk| {
            let running = world.running(disk.cluster_id);
            world.next += 1;
            let id = identity::member_id(peer_url, &world.next.to_string());
            let cluster = world.agreed(disk)?;
            if cluster
                .members
                .iter()
                .any(|member| member.peer_urls.iter().any(|url| url == peer_url))
            {
                return Err(Refused::Text("etcdserver: Peer URLs already exists"));
            }
            if cluster.members.iter().any(|member| member.is_learner) {
                return Err(Refused::Text("etcdserver: too many learner members in cluster"));
            }
            if cluster.members.iter().any(|member| !running.contains(&member.id)) {
                return Err(Refused::Text("etcdserver: unhealthy cluster"));
            }
            let peer_urls = vec![peer_url.to_owned()];
            cluster.members.push(Member {
                id,
                peer_urls,
                is_learner: true,
                ..Member::default()
            });
            Ok(id)
        })
    }

    fn promote<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        self.run("promote a learner", at, move |world, disk| {
            let caught_up = world
                .processes
                .values()
                .any(|process| process.disk.member_id == id && process.applied == LOG);
            let cluster = world.agreed(disk)?;
            let member = cluster.members.iter_mut().find(|member| member.id == id);
            match member.ok_or(Refused::Text("etcdserver: member not found"))? {
                member if !member.is_learner => Err(Refused::Text("etcdserver: can only promote a learner member")),
                _ if !caught_up => Err(Refused::Text(
                    "etcdserver: can only promote a learner member which is in sync with leader",
                )),
                member => {
                    member.is_learner = false;
                    Ok(())
                }
            }
        })
    }

    fn remove<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        self.run("remove a member", at, move |world, disk| {
            let cluster = world.agreed(disk)?;
            let member = cluster.members.iter().find(|member| member.id == id);
            let learner = member.ok_or(Refused::Text("etcdserver: member not found"))?.is_learner;
            let voters = cluster.members.iter().filter(|member| !member.is_learner).count();
            if !learner && voters == 1 {
                return Err(Refused::Text(
                    "etcdserver: re-configuration failed due to not enough started members",
                ));
            }
            cluster.members.retain(|member| member.id != id);
            cluster.removed.insert(id);
            Ok(())
        })
    }

    fn set_peer_url<'a>(&'a self, at: &'a Target, id: u64, peer_url: &'a str) -> Answer<'a, ()> {
        self.run("change a peer url", at, move |world, disk| {
            let member = world.agreed(disk)?.members.iter_mut().find(|member| member.id == id);
            member.ok_or(Refused::Text("etcdserver: member not found"))?.peer_urls = vec![peer_url.to_owned()];
            Ok(())
        })
    }

    fn move_leader<'a>(&'a self, at: &'a Target, to: u64) -> Answer<'a, ()> {
        self.run("move the leadership", at, move |world, disk| {
            let running = world.running(disk.cluster_id);
            let cluster = world.agreed(disk)?;
            if cluster.leader != Some(disk.member_id) {
                return Err(Refused::Text("etcdserver: not leader"));
            }
            let fits = |member: &Member| member.id == to && !member.is_learner && running.contains(&to);
            if !cluster.members.iter().any(fits) {
                return Err(Refused::Text("etcdserver: bad leader transferee"));
            }
            cluster.leader = Some(to);
            Ok(())
        })
    }

    fn hold<'a>(&'a self, at: &'a Target, _key: &'a str, holder: &'a str, _seconds: i64) -> Answer<'a, Option<Lease>> {
        self.run("take the restart token", at, move |world, disk| {
            world.next += 1;
            let lease = i64::try_from(world.next).unwrap_or(i64::MAX);
            let cluster = world.agreed(disk)?;
            if cluster.token_holder.as_ref().is_some_and(|(other, _)| other != holder) {
                return Ok(None);
            }
            cluster.token_holder = Some((holder.to_owned(), lease));
            Ok(Some(Lease(lease)))
        })
    }

    fn release<'a>(&'a self, at: &'a Target, lease: Lease) -> Answer<'a, ()> {
        self.run("give back the restart token", at, move |world, disk| {
            let cluster = world.agreed(disk)?;
            cluster.token_holder.take_if(|(_, held)| *held == lease.0);
            Ok(())
        })
    }
}
