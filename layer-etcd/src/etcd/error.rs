//! Why a call to etcd failed, and what its words mean.

use std::time::Duration;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EtcdError {
    /// Nothing answered in time.
    #[error("cannot {call} at {endpoint}: no answer within {} ms", after.as_millis())]
    NoAnswer {
        /// What was asked.
        call: &'static str,
        /// Of whom.
        endpoint: String,
        /// How long was waited.
        after: Duration,
    },
    /// There was no connection, or it broke.
    #[error("cannot {call} at {endpoint}: {reason}")]
    Unreachable {
        /// What was asked.
        call: &'static str,
        /// Of whom.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// etcd answered that it will not.
    #[error("cannot {call} at {endpoint}: {text}")]
    Refused {
        /// What was asked.
        call: &'static str,
        /// Of whom.
        endpoint: String,
        /// The meaning of its answer.
        refusal: Refusal,
        /// Its words.
        text: String,
    },
}

impl EtcdError {
    /// The meaning of etcd's refusal, if it was one.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            EtcdError::Refused { refusal, .. } => Some(*refusal),
            EtcdError::NoAnswer { .. } | EtcdError::Unreachable { .. } => None,
        }
    }

    /// Whether the change may have happened although the call failed.
    pub fn is_uncertain(&self) -> bool {
        !matches!(self, EtcdError::Refused { refusal, .. } if *refusal != Refusal::TimedOut)
    }
}

/// The refusals that the layer acts upon. etcd's status codes differ between versions, its texts do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another learner has to be promoted first.
    TooManyLearners,
    /// The learner lags behind, or never started.
    NotInSync,
    /// The member to promote votes already.
    AlreadyVoter,
    /// No such member, or no longer.
    MemberNotFound,
    /// The same URL was added within the same second before.
    MemberIdExists,
    /// A member with this URL is in the list.
    PeerUrlExists,
    /// Not all members have been connected for five seconds.
    Unhealthy,
    /// Too few members would have started.
    NotEnoughStarted,
    /// Only the leader can do this.
    NotLeader,
    /// Leadership cannot be moved to that member.
    BadTransferee,
    /// etcd gave up waiting; the change may still happen.
    TimedOut,
    /// A learner cannot answer this.
    Learner,
    /// Anything else.
    Other,
}

/// Refusals by a part of their text; the first that fits counts.
const TEXTS: &[(&str, Refusal)] = &[
    ("too many learner members in cluster", Refusal::TooManyLearners),
    ("can only promote a learner member which is in sync", Refusal::NotInSync),
    ("can only promote a learner member", Refusal::AlreadyVoter),
    ("member not found", Refusal::MemberNotFound),
    ("member ID already exist", Refusal::MemberIdExists),
    ("Peer URLs already exists", Refusal::PeerUrlExists),
    ("unhealthy cluster", Refusal::Unhealthy),
    (
        "re-configuration failed due to not enough started members",
        Refusal::NotEnoughStarted,
    ),
    ("rpc not supported for learner", Refusal::Learner),
    ("bad leader transferee", Refusal::BadTransferee),
    ("not leader", Refusal::NotLeader),
    ("request timed out", Refusal::TimedOut),
    ("leader changed", Refusal::TimedOut),
    ("context deadline exceeded", Refusal::TimedOut),
];

impl Refusal {
    /// The meaning of etcd's words.
    pub fn of(text: &str) -> Refusal {
        TEXTS
            .iter()
            .find(|(part, _)| text.contains(part))
            .map_or(Refusal::Other, |(_, refusal)| *refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_specific_text_wins() {
        let in_sync = "etcdserver: can only promote a learner member which is in sync with leader";
        assert_eq!(Refusal::of(in_sync), Refusal::NotInSync);
        assert_eq!(
            Refusal::of("etcdserver: can only promote a learner member"),
            Refusal::AlreadyVoter
        );
        assert_eq!(
            Refusal::of("etcdserver: request timed out, leader transfer took too long"),
            Refusal::TimedOut
        );
        assert_eq!(Refusal::of("etcdserver: something new"), Refusal::Other);
    }

    #[test]
    fn only_a_clear_refusal_is_certain() {
        let refused = |refusal| EtcdError::Refused {
            call: "x",
            endpoint: String::new(),
            refusal,
            text: String::new(),
        };
        assert!(!refused(Refusal::Unhealthy).is_uncertain());
        assert!(refused(Refusal::TimedOut).is_uncertain());
        let silent = EtcdError::NoAnswer {
            call: "x",
            endpoint: String::new(),
            after: Duration::ZERO,
        };
        assert!(silent.is_uncertain());
    }
}
