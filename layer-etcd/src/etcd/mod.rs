//! The port to etcd: what the layer asks of a running member, and nothing of how it is asked.
//!
//! [`Etcd`] is the trait; [`EtcdPort`] is how handlers get one out of their context. [`client`] speaks gRPC to a real
//! etcd, [`simulated`] is a cluster in memory for tests. Every call names the one member that shall answer
//! ([`Target`]), because most questions are about a member, and because a balanced answer can come from a partitioned one.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

pub use error::{EtcdError, Refusal};
#[cfg(test)]
pub(crate) use survey::tests as survey_tests;
pub use survey::{Survey, quorum};

pub mod client;
mod error;
pub mod simulated;
mod survey;

/// How long a question to a member may take before the member counts as not answering.
pub const QUICK: Duration = Duration::from_secs(2);

/// How long a change of the membership may take; etcd itself gives up after about seven seconds.
pub const CHANGE: Duration = Duration::from_secs(9);

/// The future of one call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EtcdError>> + 'a>>;

/// What the layer asks of etcd. Every call has a deadline of its own.
pub trait Etcd {
    /// The member's own view of itself. Answers without quorum, and on learners.
    fn status<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberStatus>;

    /// The members as the cluster agrees on them: the answering member first makes sure that it is up to date.
    fn members<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberList>;

    /// Adds a learner with this peer URL; answers its id.
    fn add_learner<'a>(&'a self, at: &'a Target, peer_url: &'a str) -> Answer<'a, u64>;

    /// Makes a learner a voter.
    fn promote<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()>;

    /// Removes a member.
    fn remove<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()>;

    /// Changes a voter's peer URL.
    fn set_peer_url<'a>(&'a self, at: &'a Target, id: u64, peer_url: &'a str) -> Answer<'a, ()>;

    /// Moves etcd's leadership away; `at` must be the leader.
    fn move_leader<'a>(&'a self, at: &'a Target, to: u64) -> Answer<'a, ()>;

    /// Takes a key under a lease if nobody else holds it; `None` when somebody does.
    fn hold<'a>(&'a self, at: &'a Target, key: &'a str, holder: &'a str, seconds: i64) -> Answer<'a, Option<Lease>>;

    /// Gives back what [`hold`](Etcd::hold) took.
    fn release<'a>(&'a self, at: &'a Target, lease: Lease) -> Answer<'a, ()>;
}

/// The [`Etcd`] that a charm is built with; handlers get it by `ctx.port::<EtcdPort>()`.
pub struct EtcdPort(Box<dyn Etcd>);

impl EtcdPort {
    /// Any implementation, for instance a simulated one.
    pub fn new(etcd: impl Etcd + 'static) -> EtcdPort {
        EtcdPort(Box::new(etcd))
    }

    /// The real one.
    pub fn real() -> EtcdPort {
        EtcdPort::new(client::Client::default())
    }
}

impl Deref for EtcdPort {
    type Target = dyn Etcd;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

impl fmt::Debug for EtcdPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EtcdPort")
    }
}

/// The member that shall answer, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A client URL of the member.
    pub endpoint: String,
    /// How the caller proves who it is; `None` only for plain `http`.
    pub credentials: Option<Credentials>,
}

/// A client certificate in PEM. `Debug` never shows the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The authority that signed the members' certificates.
    pub ca: String,
    /// The client's certificate, with its chain.
    pub cert: String,
    /// The client's private key.
    pub key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A member's answer about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberStatus {
    /// The cluster it belongs to.
    pub cluster_id: u64,
    /// Its own id.
    pub member_id: u64,
    /// The leader it knows; 0 when it knows none.
    pub leader: u64,
    /// Whether it is a learner.
    pub is_learner: bool,
    /// Index of the newest entry of its log.
    pub raft_index: u64,
    /// Index of the newest entry that it has applied.
    pub applied_index: u64,
    /// Its etcd version.
    pub version: String,
    /// What it complains about.
    pub errors: Vec<String>,
}

impl MemberStatus {
    /// Whether the member takes part: it knows a leader and complains about nothing.
    pub fn healthy(&self) -> bool {
        self.leader != 0 && self.errors.is_empty()
    }
}

/// The cluster's members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberList {
    /// The cluster that answered.
    pub cluster_id: u64,
    /// All members, learners and those that never started included.
    pub members: Vec<Member>,
}

impl MemberList {
    /// The member with this peer URL.
    pub fn by_peer_url(&self, url: &str) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.peer_urls.iter().any(|known| known == url))
    }

    /// The member with this id.
    pub fn by_id(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Those who vote.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.is_learner)
    }
}

/// One entry of the member list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty for one that was added and never started.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty for one that never started.
    pub client_urls: Vec<String>,
    /// Whether it is a learner.
    pub is_learner: bool,
}

impl Member {
    /// Whether it has ever taken part in the cluster.
    pub fn has_started(&self) -> bool {
        !self.client_urls.is_empty()
    }

    /// Its name for people: the name, or the first peer URL of one that never started.
    pub fn label(&self) -> &str {
        match (self.name.as_str(), self.peer_urls.first()) {
            ("", Some(url)) => url,
            ("", None) => "a member without a name",
            (name, _) => name,
        }
    }
}

/// A lease that keeps a key held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub i64);

/// An id as etcd prints it: lower-case hexadecimal without padding.
pub fn hex(id: u64) -> String {
    format!("{id:x}")
}
