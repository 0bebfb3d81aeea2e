//! What operators run by hand.

use charm::prelude::*;

use crate::cluster::record::{Record, Trail};
use crate::etcd::{EtcdPort, Survey};
use crate::site::Site;

mod credentials;
mod health;

pub(crate) use credentials::package_client_credentials;
pub(crate) use health::health;

/// Looks at the cluster for an action: only a member knows where it is.
async fn survey(ctx: &mut Context) -> Result<(Site, Survey)> {
    if Record::load(ctx)?.is_none() {
        return Err(HandlerError::msg("this unit is not a member of a cluster yet"));
    }
    let (site, etcd) = (Site::observe(ctx)?, ctx.port::<EtcdPort>()?);
    let known = Trail::load(ctx)?.endpoints;
    let targets: Vec<_> = std::iter::once(site.own())
        .chain(known.iter().map(|url| site.target(url)))
        .collect();
    let survey = Survey::take(&**etcd, &targets)
        .await
        .map_err(|error| HandlerError::from(error).context("cluster is unavailable"))?;
    Ok((site, survey))
}
