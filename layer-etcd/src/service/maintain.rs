//! Keeps a member's service as the options, certificates and addresses want it.

use charm::prelude::*;

use super::{Running, Start, Wanted, adopts, keep_running, rolling, wanted, write};
use crate::cluster::record::{Record, Trail};
use crate::etcd::{EtcdError, EtcdPort};
use crate::flags::MOVED;
use crate::site::Site;

/// Brings the running member up to date; a restart waits for its turn.
pub(crate) async fn maintain(ctx: &mut Context) -> Result<Outcome> {
    let Some(record) = Record::load(ctx)? else {
        return Ok(Outcome::Done);
    };
    let site = Site::observe(ctx)?;
    let host = ctx.host();
    let start = Start::Refuse {
        token: record.token.clone(),
    };
    let wanted = wanted(ctx, &site, &site.peer_url(), &start)?;
    let running = match Running::load(ctx)? {
        // The hook that started etcd did not end well, but etcd runs as wanted.
        None if adopts(host.as_ref(), &wanted)? => {
            wanted.running.save(ctx)?;
            Some(wanted.running.clone())
        }
        known => known,
    };
    if running.as_ref() == Some(&wanted.running) && record.peer_url == site.peer_url() {
        write(host.as_ref(), &wanted)?;
        keep_running(host.as_ref())?;
        return Ok(Outcome::Done);
    }
    restart(ctx, &site, record, &wanted).await
}

async fn restart(ctx: &mut Context, site: &Site, mut record: Record, wanted: &Wanted) -> Result<Outcome> {
    let port = ctx.port::<EtcdPort>()?;
    let change = rolling::Change {
        member: record.member_id()?,
        peer_url: site.peer_url(),
        moves: record.peer_url != site.peer_url(),
        wanted,
    };
    let targets: Vec<_> = Trail::load(ctx)?.endpoints.iter().map(|url| site.target(url)).collect();
    ctx.status(Outcome::Maintenance(
        "Restarting etcd with its new configuration".into(),
    ));
    let done = match rolling::restart(ctx, &**port, site, &targets, &change).await {
        // What etcd refuses now it may grant in the next hook; the member runs as before meanwhile.
        Err(error) if error.downcast_ref::<EtcdError>().is_some() => {
            rolling::Done::NotYet(format!("Waiting to restart etcd: {error}"))
        }
        other => other?,
    };
    match done {
        rolling::Done::Restarted => {
            started(ctx, wanted)?;
            record.peer_url = site.peer_url();
            record.save(ctx)?;
            Ok(Outcome::Done)
        }
        rolling::Done::RestartedUntold => {
            started(ctx, wanted)?;
            Ok(Outcome::Waiting("etcd was restarted and does not answer yet".into()))
        }
        rolling::Done::NotYet(reason) => Ok(Outcome::Waiting(reason)),
    }
}

/// etcd runs as wanted now, perhaps in another place.
fn started(ctx: &mut Context, wanted: &Wanted) -> Result<()> {
    wanted.running.save(ctx)?;
    ctx.set(&MOVED)
}
