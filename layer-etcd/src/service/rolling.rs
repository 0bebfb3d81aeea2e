//! Restarts, one member at a time: behind a token in etcd, a health gate, and with etcd's leadership moved away first.

use std::time::Duration;

use charm::host::{Host, ServiceAction};
use charm::prelude::*;

use super::{SERVICE, Wanted, write};
use crate::etcd::{Etcd, Lease, Survey, Target};
use crate::site::Site;

/// The key that the member at work holds. It lives under a lease: a member that dies at work gives it back.
const TOKEN: &str = "/juju/etcd-charm/rolling";
/// How long a token outlives its holder.
const LEASE_SECONDS: i64 = 60;
/// How long a member waits for its turn within one hook.
const TURN: Duration = Duration::from_secs(60);
/// How long a member waits for others that are down, be it that they are restarted just now. In every hook, so not long.
const OTHERS: Duration = Duration::from_secs(10);
/// How long a restarted member has to become healthy.
const RECOVERY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// What a restart brings.
pub(super) struct Change<'a> {
    pub(super) member: u64,
    pub(super) peer_url: String,
    /// Whether the cluster knows the member by another URL so far.
    pub(super) moves: bool,
    pub(super) wanted: &'a Wanted,
}

/// How it went.
pub(super) enum Done {
    /// etcd runs with what was wanted.
    Restarted,
    /// The same, but the cluster could not be told the member's new address yet.
    RestartedUntold,
    /// It has to wait.
    NotYet(String),
}

/// May this member go down for a moment?
#[derive(Debug, PartialEq, Eq)]
enum Gate {
    /// It takes no part, or it is alone: nobody depends on its waiting.
    Free,
    /// The others can do without it, if they do not want the same.
    WithToken,
    /// The others could not do without it.
    Closed,
}

fn gate(survey: &Survey, member: u64) -> Gate {
    let voters = survey.list.voters().count();
    let everybody = survey.list.voters().all(|voter| survey.is_healthy(voter.id));
    if voters <= 1 || !survey.is_healthy(member) {
        Gate::Free
    } else if survey.survives_pause_of(member) || (voters == 2 && everybody) {
        Gate::WithToken
    } else {
        Gate::Closed
    }
}

/// Restarts the unit's member when its turn has come.
pub(super) async fn restart(
    ctx: &mut Context,
    etcd: &dyn Etcd,
    site: &Site,
    targets: &[Target],
    change: &Change<'_>,
) -> Result<Done> {
    let host = ctx.host();
    let deadline = host.now() + TURN;
    let mut closed = None;
    loop {
        match Survey::take(etcd, targets).await {
            Err(error) => {
                if any_healthy(etcd, targets).await {
                    return Ok(Done::NotYet(format!("Waiting to restart etcd: {error}")));
                }
                // Nobody takes part: a restart breaks nothing, and may be what mends it.
                apply(host.as_ref(), change)?;
                return Ok(match settled(host.as_ref(), etcd, site, OTHERS).await? {
                    Done::Restarted if !change.moves => Done::Restarted,
                    _ => Done::RestartedUntold,
                });
            }
            Ok(survey) => match gate(&survey, change.member) {
                Gate::Free => {
                    move_peer_url(etcd, targets, &survey, change).await?;
                    apply(host.as_ref(), change)?;
                    return settled(host.as_ref(), etcd, site, RECOVERY).await;
                }
                Gate::WithToken => {
                    closed = None;
                    let at = before(site, &survey, change.member);
                    if let Some(lease) = etcd.hold(&at, TOKEN, &site.name, LEASE_SECONDS).await? {
                        return with_token(ctx, etcd, site, targets, change, lease).await;
                    }
                }
                Gate::Closed => {
                    closed.get_or_insert(host.now() + OTHERS);
                }
            },
        }
        if closed.is_some_and(|closed| host.now() >= closed) || host.now() >= deadline {
            return Ok(Done::NotYet(
                "Waiting for the other members before etcd is restarted".into(),
            ));
        }
        host.sleep(PAUSE);
    }
}

/// The member as it runs until the restart, perhaps on another port than after it.
fn before(site: &Site, survey: &Survey, member: u64) -> Target {
    let url = survey
        .list
        .by_id(member)
        .and_then(|member| member.client_urls.iter().max());
    url.map_or_else(|| site.own(), |url| site.target(url))
}

async fn any_healthy(etcd: &dyn Etcd, targets: &[Target]) -> bool {
    for at in targets {
        if etcd.status(at).await.is_ok_and(|status| status.healthy()) {
            return true;
        }
    }
    false
}

async fn with_token(
    ctx: &mut Context,
    etcd: &dyn Etcd,
    site: &Site,
    targets: &[Target],
    change: &Change<'_>,
    lease: Lease,
) -> Result<Done> {
    let host = ctx.host();
    // Another member may have finished its own turn only just now.
    let survey = Survey::take(etcd, targets).await?;
    let done = if gate(&survey, change.member) == Gate::Closed {
        Done::NotYet("Waiting for the other members to be healthy before etcd is restarted".into())
    } else {
        step_down(etcd, &before(site, &survey, change.member), &survey, change.member).await?;
        move_peer_url(etcd, targets, &survey, change).await?;
        apply(host.as_ref(), change)?;
        settled(host.as_ref(), etcd, site, RECOVERY).await?
    };
    if let Err(error) = etcd.release(&site.own(), lease).await {
        ctx.log(
            LogLevel::Warning,
            format!("{error}; the token frees itself in {LEASE_SECONDS} s"),
        );
    }
    Ok(done)
}

async fn step_down(etcd: &dyn Etcd, at: &Target, survey: &Survey, member: u64) -> Result<()> {
    if survey.leader().is_none_or(|leader| leader.id != member) {
        return Ok(());
    }
    let successor = survey
        .list
        .voters()
        .find(|other| other.id != member && survey.is_healthy(other.id));
    if let Some(successor) = successor {
        etcd.move_leader(at, successor.id).await?;
    }
    Ok(())
}

/// Tells the cluster where the member will be. With a new address the member is no longer at the old one anyway.
async fn move_peer_url(etcd: &dyn Etcd, targets: &[Target], survey: &Survey, change: &Change<'_>) -> Result<()> {
    let listed = survey.list.by_id(change.member).filter(|member| !member.is_learner);
    let Some(member) = listed.filter(|member| member.peer_urls != [change.peer_url.clone()]) else {
        return Ok(());
    };
    let mut failure = None;
    for at in targets {
        match etcd.set_peer_url(at, member.id, &change.peer_url).await {
            Ok(()) => return Ok(()),
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn apply(host: &dyn Host, change: &Change<'_>) -> Result<()> {
    write(host, change.wanted)?;
    host.service(SERVICE, ServiceAction::Enable)?;
    Ok(host.service(SERVICE, ServiceAction::Restart)?)
}

/// Waits until the restarted member takes part again.
async fn settled(host: &dyn Host, etcd: &dyn Etcd, site: &Site, patience: Duration) -> Result<Done> {
    let deadline = host.now() + patience;
    loop {
        if etcd.status(&site.own()).await.is_ok_and(|status| status.healthy()) {
            return Ok(Done::Restarted);
        }
        if host.now() >= deadline {
            return Ok(Done::NotYet("etcd was restarted and is not healthy yet".into()));
        }
        host.sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::survey_tests::voters;

    #[test]
    fn a_restart_waits_for_the_others() {
        assert_eq!(gate(&voters(1, &[1]), 1), Gate::Free);
        assert_eq!(gate(&voters(3, &[1, 2, 3]), 1), Gate::WithToken);
        assert_eq!(gate(&voters(3, &[1, 2]), 1), Gate::Closed);
        assert_eq!(gate(&voters(3, &[1, 2]), 3), Gate::Free, "it is down already");
        assert_eq!(
            gate(&voters(2, &[1, 2]), 1),
            Gate::WithToken,
            "two members cannot do better"
        );
        assert_eq!(gate(&voters(5, &[1, 2, 3, 4]), 1), Gate::WithToken);
    }
}
