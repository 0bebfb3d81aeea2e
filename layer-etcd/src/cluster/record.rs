//! What a unit remembers of its membership. It is written when the unit becomes a member and compared ever after.

use charm::prelude::*;
use serde::{Deserialize, Serialize};

const KEY: &str = "etcd.cluster.record";
const TRAIL: &str = "etcd.cluster.trail";
const CONTRARY: &str = "etcd.cluster.contrary-reason";
const WAITING_SINCE: &str = "etcd.cluster.claim-since";

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The cluster, as etcd prints ids.
    pub(crate) cluster_id: String,
    /// The unit's member.
    pub(crate) member_id: String,
    /// The URL by which the cluster knows the member.
    pub(crate) peer_url: String,
    /// The token of the claim.
    pub(crate) token: String,
}

impl Record {
    /// The unit's membership, if it has one.
    pub(crate) fn load(ctx: &mut Context) -> Result<Option<Record>> {
        ctx.kv().get(KEY)
    }

    /// Remembers it.
    pub(crate) fn save(&self, ctx: &mut Context) -> Result<()> {
        if Record::load(ctx)?.as_ref() != Some(self) {
            ctx.kv().set(KEY, self)?;
        }
        Ok(())
    }

    /// Forgets it: the membership has ended.
    pub(crate) fn forget(ctx: &mut Context) -> Result<()> {
        ctx.kv().remove(KEY)
    }

    /// The cluster's id as a number.
    pub(crate) fn cluster_id(&self) -> Result<u64> {
        parse_id(&self.cluster_id)
    }

    /// The member's id as a number.
    pub(crate) fn member_id(&self) -> Result<u64> {
        parse_id(&self.member_id)
    }
}

/// Reads an id as etcd prints it.
pub(crate) fn parse_id(text: &str) -> Result<u64> {
    u64::from_str_radix(text, 16).map_err(|error| HandlerError::msg(format!("cannot read id {text:?}: {error}")))
}

/// How a unit can be found in the cluster and how it finds the cluster, member or not yet: enough to leave when the peer
/// relation is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// The unit's peer URL.
    pub(crate) peer_url: String,
    /// Client URLs of the members last seen, the unit's own first.
    pub(crate) endpoints: Vec<String>,
}

impl Trail {
    /// The trail; empty for a unit that has never tried to become a member.
    pub(crate) fn load(ctx: &mut Context) -> Result<Trail> {
        Ok(ctx.kv().get(TRAIL)?.unwrap_or_default())
    }

    /// Remembers it.
    pub(crate) fn save(&self, ctx: &mut Context) -> Result<()> {
        if Trail::load(ctx)? != *self {
            ctx.kv().set(TRAIL, self)?;
        }
        Ok(())
    }
}

/// Why a unit keeps etcd stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contrary {
    /// What is wrong.
    pub(crate) evidence: Evidence,
    /// The same for people.
    pub(crate) text: String,
}

/// What can be wrong with a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Evidence {
    /// The data is gone.
    LostData,
    /// The data is of another cluster.
    OtherCluster,
    /// The peers' claim is for another cluster.
    OtherClaim,
}

impl Contrary {
    /// The evidence, if there is any.
    pub(crate) fn load(ctx: &mut Context) -> Result<Option<Contrary>> {
        ctx.kv().get(CONTRARY)
    }

    /// Remembers it.
    pub(crate) fn save(&self, ctx: &mut Context) -> Result<()> {
        ctx.kv().set(CONTRARY, self)
    }

    /// Forgets it.
    pub(crate) fn forget(ctx: &mut Context) -> Result<()> {
        ctx.kv().remove(CONTRARY)
    }
}

/// For how many seconds the leader has been waiting for founders; the clock starts with the first question.
pub(crate) fn waited(ctx: &mut Context) -> Result<u64> {
    let now = ctx
        .host()
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|time| time.as_secs())
        .unwrap_or_default();
    match ctx.kv().get::<u64>(WAITING_SINCE)? {
        Some(since) => Ok(now.saturating_sub(since)),
        None => {
            ctx.kv().set(WAITING_SINCE, &now)?;
            Ok(0)
        }
    }
}
