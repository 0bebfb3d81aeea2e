//! How a unit becomes a member: one decision from what is observed, whichever way and however often it was interrupted.
//!
//! A founder starts with the claim's list. Any later unit is added as a learner, starts, catches up and is promoted.
//! The decision never asks what was done before, only what is there: the agreed member list, the data directory, the
//! unit's own etcd.

use super::identity;
use crate::etcd::{Member, MemberStatus, Survey, hex};

/// A learner may be promoted when it is at most this many log entries behind the leader.
const CLOSE: u64 = 1000;

/// What is observed.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The unit's member by name.
    pub(crate) name: String,
    /// Where the others shall reach it.
    pub(crate) peer_url: String,
    /// The claim's token.
    pub(crate) token: String,
    /// The id of the claimed cluster.
    pub(crate) cluster_id: u64,
    /// The URL under which the claim names this unit, if it does.
    pub(crate) claimed_url: Option<String>,
    /// Whether some other unit has become a member, so that the cluster exists.
    pub(crate) established: bool,
    /// Whether the data directory has a log.
    pub(crate) data: bool,
    /// What the unit's own etcd says.
    pub(crate) own: Option<MemberStatus>,
    /// What the cluster says.
    pub(crate) survey: Option<Survey>,
}

/// What to do next. Every step is safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start with the claim's list.
    Found,
    /// Ask the cluster for a place as a learner.
    Add,
    /// Start as the learner of the list, with this `initial-cluster`.
    Join(String),
    /// Keep etcd running and look again.
    Await(String),
    /// The learner has caught up: make it a voter.
    Promote(u64),
    /// The entry is of a member whose data is lost: remove it. A new one is added next.
    Remove(u64),
    /// The data is of a membership that has ended: put it aside.
    SetAside,
    /// The unit is a voter: remember it.
    Register(u64),
    /// Others have to act first.
    Wait(String),
    /// There is evidence against taking part.
    Refuse(String),
}

/// The decision.
pub(crate) fn next(view: &View) -> Step {
    let own_cluster = view.own.as_ref().map(|own| own.cluster_id);
    let cluster = view.survey.as_ref().map(|survey| survey.list.cluster_id);
    if let Some(other) = own_cluster.or(cluster).filter(|id| *id != view.cluster_id) {
        return Step::Refuse(foreign(other, view.cluster_id));
    }
    match &view.survey {
        None => without_list(view),
        Some(survey) => match entry(view, survey) {
            None if view.data => Step::SetAside,
            None => Step::Add,
            Some(member) if view.data => started(view, survey, member),
            Some(member) => without_data(view, survey, member),
        },
    }
}

/// The text about a cluster that is not the claimed one.
pub(crate) fn foreign(found: u64, claimed: u64) -> String {
    format!(
        "etcd belongs to cluster {}, the claim is for cluster {}: refusing to take part",
        hex(found),
        hex(claimed)
    )
}

fn entry<'a>(view: &View, survey: &'a Survey) -> Option<&'a Member> {
    let urls = [Some(&view.peer_url), view.claimed_url.as_ref()];
    urls.into_iter().flatten().find_map(|url| survey.list.by_peer_url(url))
}

/// No member of the cluster answers.
fn without_list(view: &View) -> Step {
    match (view.claimed_url.is_some(), view.established) {
        (true, false) if view.data => Step::Await("Waiting for the other founding members".into()),
        (true, false) => Step::Found,
        (_, true) if view.data => Step::Await("Waiting for the cluster to answer".into()),
        (_, true) => Step::Wait("Waiting for a member of the cluster to answer".into()),
        (false, false) => Step::Wait("Waiting for the cluster to be founded".into()),
    }
}

/// The cluster lists this unit, but there is no data here.
fn without_data(view: &View, survey: &Survey, member: &Member) -> Step {
    if member.has_started() {
        return if survey.survives_without(member.id) {
            Step::Remove(member.id)
        } else {
            let label = member.label();
            Step::Wait(format!(
                "Waiting for a quorum without {label}, whose data is lost, before it is replaced"
            ))
        };
    }
    let founder = view
        .claimed_url
        .as_ref()
        .is_some_and(|url| identity::member_id(url, &view.token) == member.id);
    if founder {
        return Step::Found;
    }
    let name = |other: &Member| match other.name.as_str() {
        _ if other.id == member.id => view.name.clone(),
        "" => hex(other.id),
        known => known.to_owned(),
    };
    let entries: Vec<(String, &str)> = survey
        .list
        .members
        .iter()
        .flat_map(|other| other.peer_urls.iter().map(move |url| (name(other), url.as_str())))
        .collect();
    Step::Join(identity::initial_cluster(
        entries.iter().map(|(name, url)| (name.as_str(), *url)),
    ))
}

/// The cluster lists this unit, and it has data.
fn started(view: &View, survey: &Survey, member: &Member) -> Step {
    let Some(own) = &view.own else {
        return Step::Await("Waiting for this unit's etcd to answer".into());
    };
    if own.member_id != member.id {
        let (id, listed) = (hex(own.member_id), hex(member.id));
        return Step::Refuse(format!(
            "etcd runs as member {id}, the cluster lists this unit as {listed}"
        ));
    }
    if member.is_learner {
        return match survey.leader_applied() {
            Some(leader) if own.is_learner && own.applied_index + CLOSE >= leader => Step::Promote(member.id),
            _ => Step::Await("Waiting for this unit's etcd to catch up with the cluster".into()),
        };
    }
    if own.healthy() && !own.is_learner {
        Step::Register(member.id)
    } else {
        Step::Await("Waiting for this unit's etcd to be healthy".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{EtcdError, MemberList};

    const ME: &str = "https://10.0.0.9:2380";

    fn member(id: u64, url: &str, started: bool, is_learner: bool) -> Member {
        let client_urls = if started {
            vec![url.replace("2380", "2379")]
        } else {
            Vec::new()
        };
        let name = if started { format!("etcd{id}") } else { String::new() };
        Member {
            id,
            name,
            peer_urls: vec![url.into()],
            client_urls,
            is_learner,
        }
    }

    fn status(id: u64, applied: u64) -> MemberStatus {
        MemberStatus {
            cluster_id: 7,
            member_id: id,
            leader: 1,
            applied_index: applied,
            ..MemberStatus::default()
        }
    }

    /// Two healthy voters, 1 leads, and whoever else is listed.
    fn survey(mine: Option<Member>) -> Survey {
        let others = [1, 2].map(|id| member(id, &format!("https://10.0.0.{id}:2380"), true, false));
        let list = MemberList {
            cluster_id: 7,
            members: others.into_iter().chain(mine).collect(),
        };
        Survey {
            list,
            answers: [1, 2].map(|id| (id, Ok(status(id, 5000)))).into(),
        }
    }

    fn joiner(mine: Option<Member>) -> View {
        View {
            name: "etcd9".into(),
            peer_url: ME.into(),
            token: "t".into(),
            cluster_id: 7,
            established: true,
            survey: Some(survey(mine)),
            ..View::default()
        }
    }

    fn founder() -> View {
        View {
            claimed_url: Some(ME.into()),
            established: false,
            survey: None,
            ..joiner(None)
        }
    }

    #[track_caller]
    fn awaits(view: &View, word: &str) {
        assert!(
            matches!(next(view), Step::Await(text) if text.contains(word)),
            "{:?}",
            next(view)
        );
    }

    #[test]
    fn a_founder_starts_and_waits_for_the_others() {
        assert_eq!(next(&founder()), Step::Found);
        awaits(
            &View {
                data: true,
                ..founder()
            },
            "founding",
        );
    }

    #[test]
    fn a_founder_that_is_late_starts_by_the_claim_all_the_same() {
        let mine = member(identity::member_id(ME, "t"), ME, false, false);
        let view = View {
            claimed_url: Some(ME.into()),
            ..joiner(Some(mine))
        };
        assert_eq!(next(&view), Step::Found);
    }

    #[test]
    fn a_founder_does_not_found_again_what_others_have_founded() {
        let silent = View {
            established: true,
            ..founder()
        };
        assert!(
            matches!(next(&silent), Step::Wait(_)),
            "the members do not answer: nobody knows whether it had started"
        );
        let removed = View {
            established: true,
            survey: Some(survey(None)),
            ..founder()
        };
        assert_eq!(next(&removed), Step::Add);
    }

    #[test]
    fn a_later_unit_goes_through_every_stage() {
        assert!(matches!(
            next(&View {
                established: false,
                survey: None,
                ..joiner(None)
            }),
            Step::Wait(_)
        ));
        assert_eq!(next(&joiner(None)), Step::Add);
        let added = joiner(Some(member(9, ME, false, true)));
        let list = format!("etcd1=https://10.0.0.1:2380,etcd2=https://10.0.0.2:2380,etcd9={ME}");
        assert_eq!(next(&added), Step::Join(list));
        let starting = View {
            data: true,
            ..added.clone()
        };
        awaits(&starting, "answer");
        let mut own = MemberStatus {
            is_learner: true,
            ..status(9, 100)
        };
        awaits(
            &View {
                own: Some(own.clone()),
                ..starting.clone()
            },
            "catch up",
        );
        own.applied_index = 4500;
        assert_eq!(
            next(&View {
                own: Some(own),
                ..starting
            }),
            Step::Promote(9)
        );
        let voter = View {
            data: true,
            own: Some(status(9, 5000)),
            ..joiner(Some(member(9, ME, true, false)))
        };
        assert_eq!(next(&voter), Step::Register(9));
    }

    #[test]
    fn a_learner_is_not_promoted_unless_the_leader_and_itself_answer() {
        let mut view = View {
            data: true,
            ..joiner(Some(member(9, ME, true, true)))
        };
        view.own = Some(MemberStatus {
            is_learner: true,
            ..status(9, 5000)
        });
        let silent = EtcdError::Unreachable {
            call: "ask",
            endpoint: String::new(),
            reason: String::new(),
        };
        view.survey.as_mut().unwrap().answers.insert(1, Err(silent));
        awaits(&view, "catch up");
    }

    #[test]
    fn another_unstarted_member_is_in_the_list_under_some_name() {
        let mut view = joiner(Some(member(9, ME, false, true)));
        let other = member(0xab, "https://10.0.0.5:2380", false, true);
        view.survey.as_mut().unwrap().list.members.push(other);
        assert!(matches!(next(&view), Step::Join(list) if list.ends_with(",ab=https://10.0.0.5:2380")));
    }

    #[test]
    fn lost_data_is_never_started_over() {
        let mut view = joiner(Some(member(9, ME, true, false)));
        assert_eq!(next(&view), Step::Remove(9));
        view.survey.as_mut().unwrap().answers.remove(&2);
        assert!(
            matches!(next(&view), Step::Wait(text) if text.contains("quorum")),
            "without a quorum of the rest"
        );
    }

    #[test]
    fn data_of_an_ended_membership_is_put_aside() {
        assert_eq!(
            next(&View {
                data: true,
                ..joiner(None)
            }),
            Step::SetAside
        );
    }

    #[test]
    fn contrary_evidence_is_refused() {
        let own = MemberStatus {
            cluster_id: 8,
            ..status(9, 0)
        };
        let view = View {
            data: true,
            own: Some(own),
            ..joiner(None)
        };
        assert!(matches!(next(&view), Step::Refuse(text) if text.contains("cluster 8") && text.contains("cluster 7")));
        let mut view = joiner(None);
        view.survey.as_mut().unwrap().list.cluster_id = 8;
        assert!(matches!(next(&view), Step::Refuse(_)));
        let view = View {
            data: true,
            own: Some(status(5, 0)),
            ..joiner(Some(member(9, ME, true, false)))
        };
        assert!(matches!(next(&view), Step::Refuse(_)), "the member is another one");
    }
}
