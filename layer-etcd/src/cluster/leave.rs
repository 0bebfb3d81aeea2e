//! How a unit leaves: leadership moves away first, the member is removed only if the rest keeps its quorum, the data is kept.

use crate::etcd::{Member, Survey, hex};

/// What a departing unit sees.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Where the others reach it.
    pub(crate) peer_url: String,
    /// The member that it remembers being.
    pub(crate) member_id: Option<u64>,
    /// Whether the data directory has a log.
    pub(crate) data: bool,
    /// Whether some unit of the application stays.
    pub(crate) others_stay: bool,
    /// The cluster, if some member answers.
    pub(crate) survey: Option<Survey>,
}

/// What to do next. Every step is safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Not a member, or the last one: stop etcd and put the data aside.
    Retire,
    /// Give etcd's leadership to this member.
    MoveLeader(u64),
    /// Remove the unit's member.
    Remove(u64),
    /// Look again in a moment; the reason if the time runs out.
    Await(String),
}

/// The decision.
pub(crate) fn next(view: &View) -> Step {
    if !view.others_stay {
        // The application ends: there is no cluster left to keep whole, and each unit keeps its data.
        return Step::Retire;
    }
    let Some(survey) = &view.survey else {
        return match view.data {
            true => Step::Await("no member of the cluster answers".into()),
            false => Step::Retire,
        };
    };
    let Some(me) = entry(view, survey) else {
        return Step::Retire;
    };
    let last_voter = !me.is_learner && survey.list.voters().count() == 1;
    if last_voter && survey.list.members.len() == 1 {
        return Step::Retire;
    }
    if last_voter {
        return Step::Await("the only voter cannot go while a learner is joining".into());
    }
    if !survey.survives_without(me.id) {
        return Step::Await(format!(
            "without member {} the cluster would have no quorum",
            hex(me.id)
        ));
    }
    let successor = survey
        .list
        .voters()
        .find(|other| other.id != me.id && survey.is_healthy(other.id));
    match (survey.leader(), successor) {
        (Some(leader), Some(successor)) if leader.id == me.id => Step::MoveLeader(successor.id),
        _ => Step::Remove(me.id),
    }
}

fn entry<'a>(view: &View, survey: &'a Survey) -> Option<&'a Member> {
    let remembered = view.member_id.and_then(|id| survey.list.by_id(id));
    remembered.or_else(|| survey.list.by_peer_url(&view.peer_url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::survey_tests::voters;

    fn view(id: u64, survey: Survey) -> View {
        View {
            peer_url: format!("https://10.0.0.{id}:2380"),
            member_id: Some(id),
            data: true,
            others_stay: true,
            survey: Some(survey),
        }
    }

    #[test]
    fn a_follower_removes_itself_and_a_leader_steps_down_first() {
        assert_eq!(next(&view(3, voters(3, &[1, 2, 3]))), Step::Remove(3));
        assert_eq!(next(&view(1, voters(3, &[1, 2, 3]))), Step::MoveLeader(2));
        assert_eq!(
            next(&view(1, voters(3, &[1, 3]))),
            Step::Await("without member 1 the cluster would have no quorum".into())
        );
    }

    #[test]
    fn nobody_is_removed_below_quorum() {
        assert!(matches!(next(&view(2, voters(3, &[1, 2]))), Step::Await(text) if text.contains("quorum")));
        assert_eq!(next(&view(3, voters(3, &[1, 2]))), Step::Remove(3), "a dead one may go");
    }

    #[test]
    fn the_last_member_and_a_stranger_just_retire() {
        assert_eq!(next(&view(1, voters(1, &[1]))), Step::Retire);
        let mut survey = voters(2, &[1, 2]);
        survey.list.members.remove(1);
        assert_eq!(next(&view(2, survey)), Step::Retire, "already removed");
        assert_eq!(next(&View::default()), Step::Retire, "never joined");
    }

    #[test]
    fn a_silent_cluster_keeps_the_unit_unless_everybody_goes() {
        let silent = View {
            data: true,
            others_stay: true,
            ..View::default()
        };
        assert!(matches!(next(&silent), Step::Await(_)));
        assert_eq!(
            next(&View {
                others_stay: false,
                ..silent
            }),
            Step::Retire
        );
    }

    #[test]
    fn a_learner_leaves_without_ado() {
        let mut survey = voters(2, &[1, 2]);
        let learner = Member {
            id: 9,
            peer_urls: vec!["https://10.0.0.9:2380".into()],
            is_learner: true,
            ..Member::default()
        };
        survey.list.members.push(learner);
        assert_eq!(
            next(&View {
                member_id: None,
                ..view(9, survey)
            }),
            Step::Remove(9)
        );
    }
}
