//! A look at the whole cluster: the agreed member list, and what each member says about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::Poll;

use super::{Answer, Credentials, Etcd, EtcdError, Member, MemberList, MemberStatus, Target};

/// What was seen of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The members, as the cluster agrees on them.
    pub list: MemberList,
    /// What each said; a member that never started has nobody to ask and is not in here.
    pub answers: BTreeMap<u64, Result<MemberStatus, EtcdError>>,
}

impl Survey {
    /// Asks the first of the endpoints for the cluster's members, all others at once if it cannot tell, and then each
    /// member about itself.
    pub async fn take(etcd: &dyn Etcd, endpoints: &[Target]) -> Result<Survey, EtcdError> {
        let nobody = EtcdError::Unreachable {
            call: "list the members",
            endpoint: "any member".into(),
            reason: "no member is known".into(),
        };
        let Some((first, others)) = endpoints.split_first() else {
            return Err(nobody);
        };
        let list = match etcd.members(first).await {
            Ok(list) => list,
            Err(error) => {
                let answers = all(others.iter().map(|at| etcd.members(at)).collect()).await;
                answers.into_iter().find_map(Result::ok).ok_or(error)?
            }
        };
        Ok(Survey::of(etcd, list, first.credentials.as_ref()).await)
    }

    /// Asks the members of a list.
    pub async fn of(etcd: &dyn Etcd, list: MemberList, credentials: Option<&Credentials>) -> Survey {
        let targets: Vec<(u64, Target)> = list
            .members
            .iter()
            .filter_map(|member| {
                Some((
                    member.id,
                    Target {
                        endpoint: member.client_urls.iter().max()?.clone(),
                        credentials: credentials.cloned(),
                    },
                ))
            })
            .collect();
        let calls = targets.iter().map(|(_, at)| etcd.status(at)).collect();
        let answers = all(calls).await;
        Survey {
            answers: targets.iter().map(|(id, _)| *id).zip(answers).collect(),
            list,
        }
    }

    /// Whether this member takes part in this cluster.
    pub fn is_healthy(&self, id: u64) -> bool {
        matches!(self.answers.get(&id), Some(Ok(status)) if status.healthy() && status.cluster_id == self.list.cluster_id)
    }

    /// The ids of those who take part.
    pub fn healthy(&self) -> BTreeSet<u64> {
        self.list
            .members
            .iter()
            .map(|member| member.id)
            .filter(|id| self.is_healthy(*id))
            .collect()
    }

    /// etcd's leader, if a healthy member knows one that is in the list.
    pub fn leader(&self) -> Option<&Member> {
        let known = |status: &MemberStatus| self.list.by_id(status.leader);
        self.answers.values().flatten().find_map(known)
    }

    /// How far the leader has applied its log.
    pub fn leader_applied(&self) -> Option<u64> {
        let leader = self.leader()?;
        self.answers
            .get(&leader.id)?
            .as_ref()
            .ok()
            .map(|status| status.applied_index)
    }

    /// Whether the healthy voters are a quorum.
    pub fn has_quorum(&self) -> bool {
        let healthy = self.list.voters().filter(|member| self.is_healthy(member.id)).count();
        healthy >= quorum(self.list.voters().count())
    }

    /// The proof that a removal asks for: without this member, the healthy voters are a quorum of the voters that stay.
    pub fn survives_without(&self, id: u64) -> bool {
        let rest: Vec<&Member> = self.list.voters().filter(|member| member.id != id).collect();
        let healthy = rest.iter().filter(|member| self.is_healthy(member.id)).count();
        !rest.is_empty() && healthy >= quorum(rest.len())
    }

    /// Whether the cluster keeps its quorum while this member is down for a moment.
    pub fn survives_pause_of(&self, id: u64) -> bool {
        let others = self
            .list
            .voters()
            .filter(|member| member.id != id && self.is_healthy(member.id))
            .count();
        others >= quorum(self.list.voters().count())
    }
}

/// How many of this many voters make a quorum.
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// Drives all calls at once; their deadlines overlap instead of adding up.
async fn all<T>(mut calls: Vec<Answer<'_, T>>) -> Vec<Result<T, EtcdError>> {
    let mut answers: Vec<Option<Result<T, EtcdError>>> = calls.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(ready) = call.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if answers.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A cluster of voters with ids from 1; those in `healthy` answer, 1 leads.
    pub(crate) fn voters(count: u64, healthy: &[u64]) -> Survey {
        let members = (1..=count).map(|id| Member {
            id,
            name: format!("etcd{id}"),
            peer_urls: vec![format!("https://10.0.0.{id}:2380")],
            client_urls: vec![format!("https://10.0.0.{id}:2379")],
            is_learner: false,
        });
        let list = MemberList {
            cluster_id: 7,
            members: members.collect(),
        };
        let dead = |id| EtcdError::Unreachable {
            call: "ask",
            endpoint: format!("{id}"),
            reason: "refused".into(),
        };
        let status = |id| MemberStatus {
            cluster_id: 7,
            member_id: id,
            leader: 1,
            applied_index: 100,
            ..MemberStatus::default()
        };
        let answer = |id| {
            if healthy.contains(&id) {
                Ok(status(id))
            } else {
                Err(dead(id))
            }
        };
        Survey {
            list,
            answers: (1..=count).map(|id| (id, answer(id))).collect(),
        }
    }

    #[test]
    fn a_removal_needs_a_quorum_of_the_rest() {
        assert!(voters(3, &[1, 2]).survives_without(3));
        assert!(!voters(3, &[1, 2]).survives_without(2), "one of two would be dead");
        assert!(voters(2, &[1, 2]).survives_without(2));
        assert!(!voters(1, &[1]).survives_without(1), "nobody would be left");
        assert!(voters(5, &[1, 2, 3]).survives_without(5));
        assert!(!voters(5, &[1, 2, 3]).survives_without(1));
    }

    #[test]
    fn a_pause_needs_a_quorum_of_all() {
        assert!(voters(3, &[1, 2, 3]).survives_pause_of(1));
        assert!(!voters(3, &[1, 2]).survives_pause_of(1));
        assert!(!voters(2, &[1, 2]).survives_pause_of(1));
    }

    #[test]
    fn an_unstarted_learner_costs_nothing() {
        let mut survey = voters(3, &[1, 2, 3]);
        survey.list.members.push(Member {
            id: 9,
            is_learner: true,
            ..Member::default()
        });
        assert!(survey.survives_without(3) && survey.survives_without(9) && survey.has_quorum());
    }

    #[test]
    fn a_member_of_another_cluster_is_not_healthy() {
        let mut survey = voters(3, &[1, 2, 3]);
        if let Some(Ok(status)) = survey.answers.get_mut(&2) {
            status.cluster_id = 8;
        }
        assert_eq!(survey.healthy(), [1, 3].into());
        assert_eq!(survey.leader().map(|leader| leader.id), Some(1));
        assert_eq!(survey.leader_applied(), Some(100));
    }
}
