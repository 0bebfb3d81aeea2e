//! What a unit tells the others: that it is ready to become a member, and later that it is one.

use charm::prelude::*;
use interface_etcd::{MemberInfo, PeerData, Phase};

use super::claim;
use super::record::Record;
use crate::flags::{CLAIMED, PEERS};
use crate::service;
use crate::site::Site;

/// At the start of every dispatch: is there a committed claim? One that is written in this dispatch does not count, nor
/// one whose cluster has gone with its last unit.
pub(crate) async fn observe_claim(ctx: &mut Context) -> Result<()> {
    match PEERS.shared(ctx)?.claim {
        Some(claim) if !claim::is_void(ctx, &claim)? => ctx.set(&CLAIMED),
        _ => Ok(()),
    }
}

/// Tells the others that this unit could become a member.
pub(crate) async fn ready(ctx: &mut Context) -> Result<Outcome> {
    publish(ctx, Phase::Ready, None)
}

/// Tells the others that this unit is a member.
pub(crate) async fn member(ctx: &mut Context) -> Result<Outcome> {
    match Record::load(ctx)? {
        Some(record) => publish(ctx, Phase::Member, Some(record)),
        None => Ok(Outcome::Done),
    }
}

fn publish(ctx: &mut Context, phase: Phase, record: Option<Record>) -> Result<Outcome> {
    if !PEERS.exists(ctx)? {
        return Ok(Outcome::Done);
    }
    let site = Site::observe(ctx)?;
    // Only members have an address for clients: this is how other units, of any epoch, tell them apart.
    let db_ingress_address = record.as_ref().map(|_| site.addresses.client.ingress.to_string());
    let peer_url = record
        .as_ref()
        .map_or_else(|| site.peer_url(), |record| record.peer_url.clone());
    let client_url = service::client_url(ctx, &site)?;
    let data = PeerData {
        db_ingress_address,
        member: Some(MemberInfo {
            name: site.name.clone(),
            peer_url,
            client_url,
        }),
        phase: Some(phase),
        cluster_id: record.map(|record| record.cluster_id),
        extra: PEERS.own(ctx)?.extra,
    };
    PEERS.publish(ctx, &data)?;
    Ok(Outcome::Done)
}
