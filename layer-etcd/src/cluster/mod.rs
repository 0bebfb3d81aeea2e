//! The cluster: who founds it, who joins it, who leaves it, and how each unit makes sure that it is the right one.
//!
//! Decisions are pure functions over what is observed: `claim`, `membership`, `leave`, `prune`. The handlers around
//! them observe, do one step, and look again: `announce` and `claim` before there is a cluster, `enrol` to become a
//! member, `guard` to stay the right one, `depart` to go.

pub(crate) mod announce;
pub(crate) mod claim;
pub(crate) mod depart;
pub(crate) mod enrol;
pub(crate) mod guard;
pub mod identity;
pub(crate) mod leave;
pub(crate) mod membership;
pub(crate) mod prune;
pub(crate) mod record;
