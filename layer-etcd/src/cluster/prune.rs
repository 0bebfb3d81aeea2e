//! Removal of members whose units are gone for good: a lost machine, a forced removal. Juju's leader does it, with proof.

use std::collections::BTreeSet;

use charm::prelude::*;

use super::identity::member_name;
use super::record::Trail;
use crate::etcd::{EtcdPort, Survey, hex};
use crate::flags::PEERS;
use crate::site::Site;

/// The units that exist, by what their members are known as.
#[derive(Debug, Clone, Default)]
pub(crate) struct Present {
    /// Their members' names.
    pub(crate) names: BTreeSet<String>,
    /// Their members' peer URLs.
    pub(crate) peer_urls: BTreeSet<String>,
}

/// A member to remove, if there is one that is nobody's, takes no part, and is not needed for the quorum.
pub(crate) fn next(survey: &Survey, present: &Present) -> Option<u64> {
    let orphan = |id: &u64| {
        survey.list.by_id(*id).is_some_and(|member| {
            !present.names.contains(&member.name) && !member.peer_urls.iter().any(|url| present.peer_urls.contains(url))
        })
    };
    let ids = survey.list.members.iter().map(|member| member.id);
    ids.filter(orphan)
        .find(|id| !survey.is_healthy(*id) && survey.survives_without(*id))
}

/// Removes them, one after the other, each with a fresh look at the cluster.
pub(crate) async fn prune(ctx: &mut Context) -> Result<Outcome> {
    let (site, etcd) = (Site::observe(ctx)?, ctx.port::<EtcdPort>()?);
    let targets: Vec<_> = Trail::load(ctx)?.endpoints.iter().map(|url| site.target(url)).collect();
    let everybody = |survey: &Survey| survey.list.members.iter().all(|member| survey.is_healthy(member.id));
    if Survey::take(&**etcd, &targets)
        .await
        .is_ok_and(|survey| everybody(&survey))
    {
        return Ok(Outcome::Done);
    }
    let present = observe(ctx, &site)?;
    while let Ok(survey) = Survey::take(&**etcd, &targets).await
        && let Some(id) = next(&survey, &present)
    {
        let label = survey
            .list
            .by_id(id)
            .map_or_else(String::new, |member| member.label().to_owned());
        match etcd.remove(&site.own(), id).await {
            Ok(()) => ctx.log(
                LogLevel::Warning,
                format!("removed {label} ({}): its unit is gone", hex(id)),
            ),
            Err(error) => {
                ctx.log(LogLevel::Warning, format!("{error}; {label} stays for now"));
                break;
            }
        }
    }
    Ok(Outcome::Done)
}

/// Units that Juju knows, even those on their way out: they leave by themselves.
fn observe(ctx: &mut Context, site: &Site) -> Result<Present> {
    let mut present = Present {
        names: [site.name.clone()].into(),
        peer_urls: [site.peer_url()].into(),
    };
    let peers = PEERS.units(ctx)?;
    present
        .names
        .extend(peers.keys().map(|unit| member_name(unit.as_str())));
    present
        .peer_urls
        .extend(peers.into_values().filter_map(|peer| Some(peer.member?.peer_url)));
    match ctx.tools().goal_state() {
        Ok(goal) => present
            .names
            .extend(goal.units.keys().map(|unit| member_name(unit.as_str()))),
        Err(error) if error.is_unknown_tool() => {}
        Err(error) => return Err(error.into()),
    }
    Ok(present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::Member;
    use crate::etcd::survey_tests::voters;

    fn present(ids: &[u64]) -> Present {
        Present {
            names: ids.iter().map(|id| format!("etcd{id}")).collect(),
            peer_urls: BTreeSet::new(),
        }
    }

    #[test]
    fn only_dead_orphans_go() {
        assert_eq!(next(&voters(3, &[1, 2]), &present(&[1, 2])), Some(3));
        assert_eq!(next(&voters(3, &[1, 2]), &present(&[1, 2, 3])), None, "its unit exists");
        assert_eq!(
            next(&voters(3, &[1, 2, 3]), &present(&[1, 2])),
            None,
            "it is alive: it leaves by itself"
        );
    }

    #[test]
    fn not_below_quorum() {
        assert_eq!(next(&voters(4, &[1]), &present(&[1])), None);
        assert_eq!(next(&voters(2, &[1]), &present(&[1])), Some(2));
    }

    #[test]
    fn an_unstarted_learner_of_a_present_unit_is_known_by_its_url() {
        let mut survey = voters(2, &[1, 2]);
        let url = "https://10.0.0.9:2380".to_owned();
        survey.list.members.push(Member {
            id: 9,
            peer_urls: vec![url.clone()],
            is_learner: true,
            ..Member::default()
        });
        assert_eq!(next(&survey, &present(&[1, 2])), Some(9));
        let mut present = present(&[1, 2]);
        present.peer_urls.insert(url);
        assert_eq!(next(&survey, &present), None);
    }
}
