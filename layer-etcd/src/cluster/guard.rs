//! A member makes sure, in every hook, that it is the member it was: contrary evidence stops etcd.

use charm::prelude::*;

use super::claim::claimed_id;
use super::membership::foreign;
use super::record::{Contrary, Evidence, Record, Trail};
use crate::etcd::{EtcdPort, Survey};
use crate::flags::{CONTRARY, PEERS, REGISTERED};
use crate::service;
use crate::site::Site;

/// Compares what the unit remembers with its data, the claim and etcd's own answers.
pub(crate) async fn verify(ctx: &mut Context) -> Result<Outcome> {
    let site = Site::observe(ctx)?;
    if let Some(contrary) = Contrary::load(ctx)? {
        if !is_over(ctx, &site, contrary.evidence)? {
            return stop(ctx, contrary);
        }
        Contrary::forget(ctx)?;
        ctx.clear(&CONTRARY)?;
    }
    let Some(record) = Record::load(ctx)? else {
        return Ok(Outcome::Done);
    };
    let survey = look(ctx, &site).await?;
    match evidence(ctx, &site, &record, survey.as_ref()).await? {
        Some(contrary) => {
            contrary.save(ctx)?;
            ctx.set(&CONTRARY)?;
            stop(ctx, contrary)
        }
        None => follow(ctx, &site, &record, survey.as_ref()),
    }
}

/// The cluster as the unit's own member, else the other known ones, show it.
async fn look(ctx: &mut Context, site: &Site) -> Result<Option<Survey>> {
    let etcd = ctx.port::<EtcdPort>()?;
    let known = Trail::load(ctx)?.endpoints;
    let targets: Vec<_> = std::iter::once(site.own())
        .chain(known.iter().map(|url| site.target(url)))
        .collect();
    Ok(Survey::take(&**etcd, &targets).await.ok())
}

fn stop(ctx: &mut Context, contrary: Contrary) -> Result<Outcome> {
    service::retire(ctx.host().as_ref())?;
    Ok(Outcome::Blocked(contrary.text))
}

fn is_over(ctx: &mut Context, site: &Site, evidence: Evidence) -> Result<bool> {
    let data = site.has_data(ctx.host().as_ref())?;
    Ok(match evidence {
        Evidence::LostData => data,
        Evidence::OtherCluster => !data,
        Evidence::OtherClaim => match Record::load(ctx)? {
            Some(record) => other_claim(ctx, &record)?.is_none(),
            None => true,
        },
    })
}

/// What speaks against the membership, if anything does.
async fn evidence(
    ctx: &mut Context,
    site: &Site,
    record: &Record,
    survey: Option<&Survey>,
) -> Result<Option<Contrary>> {
    if !site.has_data(ctx.host().as_ref())? {
        let dir = site.data_dir().display().to_string();
        let text = format!(
            "The data of this member is gone from {dir}: refusing to start over. Bring it back, or replace the unit"
        );
        return Ok(Some(Contrary {
            evidence: Evidence::LostData,
            text,
        }));
    }
    if let Some(contrary) = other_claim(ctx, record)? {
        return Ok(Some(contrary));
    }
    let (recorded, member) = (record.cluster_id()?, record.member_id()?);
    if survey.is_some_and(|survey| survey.list.cluster_id == recorded && survey.is_healthy(member)) {
        return Ok(None);
    }
    let etcd = ctx.port::<EtcdPort>()?;
    let own = etcd.status(&site.own()).await;
    Ok(own.ok().filter(|own| own.cluster_id != recorded).map(|own| Contrary {
        evidence: Evidence::OtherCluster,
        text: foreign(own.cluster_id, recorded),
    }))
}

fn other_claim(ctx: &mut Context, record: &Record) -> Result<Option<Contrary>> {
    let Some(claim) = PEERS.shared(ctx)?.claim else {
        return Ok(None);
    };
    let (claimed, recorded) = (claimed_id(&claim)?, record.cluster_id()?);
    let differs = claimed != recorded;
    Ok(differs.then(|| Contrary {
        evidence: Evidence::OtherClaim,
        text: foreign(recorded, claimed),
    }))
}

/// Keeps the way to the other members fresh, and notices that the membership was ended by somebody else.
fn follow(ctx: &mut Context, site: &Site, record: &Record, survey: Option<&Survey>) -> Result<Outcome> {
    let own = site.client_url();
    let Some(survey) = survey else {
        return Ok(Outcome::Done);
    };
    if survey.list.cluster_id != record.cluster_id()? {
        return Ok(Outcome::Done);
    }
    if survey.list.by_id(record.member_id()?).is_none() {
        ctx.log(
            LogLevel::Warning,
            "the cluster no longer lists this unit's member; the unit joins anew",
        );
        Record::forget(ctx)?;
        ctx.clear(&REGISTERED)?;
        return Ok(Outcome::Done);
    }
    let others = survey
        .list
        .members
        .iter()
        .flat_map(|member| member.client_urls.iter().max().cloned());
    let endpoints = std::iter::once(own.clone())
        .chain(others.filter(|url| *url != own))
        .collect();
    Trail {
        peer_url: record.peer_url.clone(),
        endpoints,
    }
    .save(ctx)?;
    Ok(Outcome::Done)
}
