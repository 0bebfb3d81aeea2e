//! The claim: who founds the cluster, decided once by Juju's leader and committed where every unit reads it.
//!
//! The claim is written in one hook and acted upon in later ones only, because Juju commits it when the hook succeeds.

use std::collections::{BTreeMap, BTreeSet};

use charm::juju::GoalStatus;
use charm::prelude::*;
use interface_etcd::{Claim, ClaimedMember, PeerData, Phase, SharedData};
use sha2::{Digest, Sha256};

use super::identity;
use super::record::{self, Record};
use crate::etcd::hex;
use crate::flags::{PEERS, REGISTERED};
use crate::site::{self, Site};

/// How long the leader waits for units that are expected and not ready.
pub(crate) const PATIENCE_SECONDS: u64 = 60;

/// A unit that could found the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) peer_url: String,
}

/// What the leader sees before it claims.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Units that say that they are ready, and the leader itself.
    pub(crate) ready: BTreeMap<UnitName, Candidate>,
    /// The units that Juju means to run.
    pub(crate) expected: BTreeSet<UnitName>,
    /// A unit that says it is a member of some cluster.
    pub(crate) member: Option<UnitName>,
    /// Whether the unit has etcd data.
    pub(crate) data: bool,
    /// The cluster that the unit remembers.
    pub(crate) recorded: Option<String>,
    /// For how many seconds the leader has been waiting.
    pub(crate) waited: u64,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write the claim for these.
    Claim(Vec<(UnitName, Candidate)>),
    /// Not yet.
    Wait(String),
    /// There is evidence of a cluster: founding another would split it.
    Refuse(String),
}

/// The decision.
pub(crate) fn next(view: &View) -> Step {
    if let Some(id) = &view.recorded {
        return Step::Refuse(format!("This unit belongs to cluster {id}, but no claim of it is left"));
    }
    if let Some(unit) = &view.member {
        return Step::Refuse(format!("{unit} is a member of a cluster, but no claim of it is left"));
    }
    if view.data {
        return Step::Refuse(
            "This unit has data of an etcd that is not part of any cluster of this application".into(),
        );
    }
    let late: Vec<&str> = view
        .expected
        .iter()
        .filter(|unit| !view.ready.contains_key(unit))
        .map(UnitName::as_str)
        .collect();
    if !late.is_empty() && view.waited < PATIENCE_SECONDS {
        return Step::Wait(format!(
            "Waiting for {} to be ready to found the cluster",
            late.join(", ")
        ));
    }
    let founders = view.ready.iter().filter(|(unit, _)| view.expected.contains(unit));
    Step::Claim(
        founders
            .map(|(unit, candidate)| (unit.clone(), candidate.clone()))
            .collect(),
    )
}

/// Juju's leader claims the cluster for the units that are ready, or says what it waits for.
pub(crate) async fn claim(ctx: &mut Context) -> Result<Outcome> {
    if !PEERS.exists(ctx)? {
        return Ok(Outcome::Waiting("Waiting for the peer relation".into()));
    }
    match next(&observe(ctx)?) {
        Step::Wait(reason) => Ok(Outcome::Waiting(reason)),
        Step::Refuse(reason) => Ok(Outcome::Blocked(reason)),
        Step::Claim(founders) => write(ctx, founders),
    }
}

/// Whether the claimed cluster is over: all its units were removed, and units that were added later found the claim. Only
/// for Juju's leader, who then claims anew; and only if nothing here or at the others speaks of a member.
pub(crate) fn is_void(ctx: &mut Context, claim: &Claim) -> Result<bool> {
    let own = ctx.unit().clone();
    let founder = |unit: &UnitName| claim.members.iter().any(|member| member.unit == unit.as_str());
    if ctx.is_set(&REGISTERED) || founder(&own) || !ctx.is_leader()? {
        return Ok(false);
    }
    let name = identity::member_name(own.as_str());
    if Record::load(ctx)?.is_some() || site::has_data(ctx.host().as_ref(), &name)? {
        return Ok(false);
    }
    let is_member = |peer: &PeerData| peer.phase == Some(Phase::Member) || peer.db_ingress_address.is_some();
    if PEERS.units(ctx)?.values().any(is_member) {
        return Ok(false);
    }
    // A Juju without goal-state cannot tell who is still on its way out.
    let goal = match ctx.tools().goal_state() {
        Err(error) if error.is_unknown_tool() => return Ok(false),
        goal => goal?,
    };
    let left = |(unit, state): (&UnitName, &GoalStatus)| founder(unit) || state.status == "dying";
    Ok(!goal.units.iter().any(left))
}

/// The other units wait for the claim.
pub(crate) async fn await_claim(_ctx: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Waiting("Waiting for the leader to found the cluster".into()))
}

fn observe(ctx: &mut Context) -> Result<View> {
    let site = Site::observe(ctx)?;
    let own = ctx.unit().clone();
    let mut view = View {
        data: site.has_data(ctx.host().as_ref())?,
        recorded: Record::load(ctx)?.map(|record| record.cluster_id),
        waited: record::waited(ctx)?,
        expected: expected(ctx)?,
        ..View::default()
    };
    for (unit, data) in PEERS.units(ctx)? {
        if data.phase == Some(Phase::Member) || data.db_ingress_address.is_some() {
            view.member = Some(unit.clone());
        }
        if let (Some(Phase::Ready), Some(member)) = (data.phase, data.member) {
            view.ready.insert(
                unit,
                Candidate {
                    name: member.name,
                    peer_url: member.peer_url,
                },
            );
        }
    }
    view.expected.insert(own.clone());
    view.ready.insert(
        own,
        Candidate {
            name: site.name.clone(),
            peer_url: site.peer_url(),
        },
    );
    Ok(view)
}

/// The id of the claimed cluster. It follows from the claim; what the claim says about it has to agree.
pub(crate) fn claimed_id(claim: &Claim) -> Result<u64> {
    let derived = identity::cluster_id(
        claim.members.iter().map(|member| member.peer_url.as_str()),
        &claim.token,
    );
    match &claim.cluster_id {
        Some(said) if record::parse_id(said)? != derived => Err(HandlerError::msg(format!(
            "the claim is for cluster {said}, but its members would found {}",
            hex(derived)
        ))),
        _ => Ok(derived),
    }
}

/// The units that Juju means to keep. A Juju without goal-state means those that are there.
fn expected(ctx: &mut Context) -> Result<BTreeSet<UnitName>> {
    match ctx.tools().goal_state() {
        Ok(goal) => Ok(goal
            .units
            .into_iter()
            .filter(|(_, state)| state.status != "dying")
            .map(|(unit, _)| unit)
            .collect()),
        Err(error) if error.is_unknown_tool() => Ok(PEERS.units(ctx)?.into_keys().collect()),
        Err(error) => Err(error.into()),
    }
}

fn write(ctx: &mut Context, founders: Vec<(UnitName, Candidate)>) -> Result<Outcome> {
    let token = token(ctx);
    let cluster_id = identity::cluster_id(founders.iter().map(|(_, founder)| founder.peer_url.as_str()), &token);
    let names: Vec<String> = founders.iter().map(|(unit, _)| unit.to_string()).collect();
    ctx.log(
        LogLevel::Info,
        format!("claiming cluster {} for {}", hex(cluster_id), names.join(", ")),
    );
    let member = |(unit, founder): (UnitName, Candidate)| ClaimedMember {
        unit: unit.to_string(),
        name: founder.name,
        peer_url: founder.peer_url,
    };
    let members = founders.into_iter().map(member).collect();
    let before = PEERS.shared(ctx)?;
    if let Some(void) = &before.claim {
        let id = hex(claimed_id(void)?);
        ctx.log(
            LogLevel::Warning,
            format!("cluster {id} has gone with its last unit: its claim is replaced"),
        );
    }
    let shared = SharedData {
        claim: Some(Claim {
            token,
            members,
            cluster_id: Some(hex(cluster_id)),
        }),
        ..before
    };
    PEERS.publish_shared(ctx, &shared)?;
    Ok(Outcome::Waiting(
        "Waiting for the claim on the cluster to be known to all units".into(),
    ))
}

/// A text that no other attempt to found a cluster has: a second cluster with the same token and URLs would have the same
/// ids, and nobody could tell the two apart.
fn token(ctx: &Context) -> String {
    let hook = ctx.hook();
    let now = ctx
        .host()
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [
        &hook.model_uuid,
        hook.unit.as_str(),
        &hook.context_id,
        &now.as_nanos().to_string(),
        &std::process::id().to_string(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(n: u32) -> UnitName {
        format!("etcd/{n}").parse().unwrap()
    }

    fn view(ready: &[u32], expected: &[u32]) -> View {
        let candidate = |n: &u32| {
            (
                unit(*n),
                Candidate {
                    name: format!("etcd{n}"),
                    peer_url: format!("https://10.0.0.{n}:2380"),
                },
            )
        };
        View {
            ready: ready.iter().map(candidate).collect(),
            expected: expected.iter().map(|n| unit(*n)).collect(),
            ..View::default()
        }
    }

    #[track_caller]
    fn founders(view: &View) -> Vec<UnitName> {
        match next(view) {
            Step::Claim(founders) => founders.into_iter().map(|(unit, _)| unit).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_expected_units_found_together() {
        assert_eq!(founders(&view(&[0, 1, 2], &[0, 1, 2])), [unit(0), unit(1), unit(2)]);
        assert_eq!(founders(&view(&[0], &[0])), [unit(0)]);
    }

    #[test]
    fn late_units_are_waited_for_but_not_for_ever() {
        let mut view = view(&[0, 1], &[0, 1, 2]);
        assert!(matches!(next(&view), Step::Wait(text) if text.contains("etcd/2")));
        view.waited = PATIENCE_SECONDS;
        assert_eq!(founders(&view), [unit(0), unit(1)]);
    }

    #[test]
    fn a_ready_unit_that_is_going_away_is_not_a_founder() {
        assert_eq!(founders(&view(&[0, 1], &[0])), [unit(0)]);
    }

    #[test]
    fn evidence_of_a_cluster_forbids_another() {
        let clean = view(&[0], &[0]);
        for view in [
            View {
                member: Some(unit(1)),
                ..clean.clone()
            },
            View {
                data: true,
                ..clean.clone()
            },
            View {
                recorded: Some("abc".into()),
                ..clean
            },
        ] {
            assert!(matches!(next(&view), Step::Refuse(_)), "{view:?}");
        }
    }
}
