//! The charm's state machine.

use charm::prelude::*;
use interface_tls_certificates::{Provides, Request};

use crate::authority::{Authority, AuthorityError};
use crate::keep::{Keep, KeepError};
use crate::replicas;

/// The units that want certificates.
const CLIENT: Provides = Provides::new("client");
/// This unit has a whole certificate authority.
const READY: Flag = Flag::new("easyrsa.authority.ready");

/// All of the charm.
pub(crate) fn layer() -> Layer {
    Layer::new("easyrsa")
        .include(CLIENT.layer())
        .on(prepare, when(flags::leader()).sets(READY).clears(READY))
        .on(wait_for_requests, when(READY & flags::leader() & !CLIENT.joined()))
        .on(answer, when(READY & flags::leader() & CLIENT.joined()))
        .on(stand_by, when(!flags::leader()))
        .action("get-root-ca", get_root_ca)
}

/// Takes up the certificate authority, or makes it if the application never had one.
async fn prepare(ctx: &mut Context) -> Result<Outcome> {
    match authority(ctx) {
        Ok(authority) => {
            replicas::publish(ctx, authority.cert())?;
            ctx.set(&READY)?;
            Ok(Outcome::Done)
        }
        Err(Trouble::Blocked(reason)) => {
            ctx.clear(&READY)?;
            Ok(Outcome::Blocked(reason))
        }
        Err(Trouble::Failed(error)) => Err(error),
    }
}

async fn wait_for_requests(_: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Active("Certificate Authority ready".to_owned()))
}

/// Gives everybody the root and the client certificate, and every request its own. Runs in each hook, so that certificates
/// that end soon are replaced.
async fn answer(ctx: &mut Context) -> Result<Outcome> {
    let authority = match authority(ctx) {
        Ok(authority) => authority,
        Err(Trouble::Blocked(reason)) => return Ok(Outcome::Blocked(reason)),
        Err(Trouble::Failed(error)) => return Err(error),
    };
    let keep = Keep::new(ctx.host());
    CLIENT.publish_ca(ctx, authority.cert(), None)?;
    let client = keep.client(&authority)?;
    CLIENT.publish_client(ctx, &client)?;
    CLIENT.forget_departed(ctx)?;
    let mut refused = Vec::new();
    let requests = CLIENT.requests(ctx)?;
    for request in &requests {
        match keep.answer(&authority, request) {
            Ok(pair) => CLIENT.answer(ctx, request, &pair)?,
            Err(KeepError::Authority(error @ AuthorityError::Name(_))) => refused.push(refusal(request, &error)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(match refused.first() {
        Some(reason) => Outcome::Blocked(reason.clone()),
        None => Outcome::Active(ready_text(requests.len())),
    })
}

/// Units that do not lead have nothing to do: the authority's key is on one machine only.
async fn stand_by(ctx: &mut Context) -> Result<Outcome> {
    let text = match replicas::published(ctx)? {
        Some(published) => format!("Standing by; {} is the certificate authority", published.authority),
        None => "Standing by; the leader is the certificate authority".to_owned(),
    };
    Ok(Outcome::Active(text))
}

/// The action: the root certificate, from the machine or from what the leader published.
async fn get_root_ca(ctx: &mut Context) -> Result<Outcome> {
    let published = replicas::published(ctx)?.map(|published| published.ca);
    let ca = match published {
        Some(ca) => Some(ca),
        None => Keep::new(ctx.host()).root_cert()?,
    };
    let ca = ca.ok_or_else(|| HandlerError::msg("no certificate authority has been made yet"))?;
    ctx.tools().action_set("ca", &ca)?;
    Ok(Outcome::Done)
}

/// Why there is no authority to work with.
enum Trouble {
    /// A person has to act.
    Blocked(String),
    /// The hook fails and is tried again.
    Failed(HandlerError),
}

impl<E: Into<HandlerError>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Failed(error.into())
    }
}

fn authority(ctx: &mut Context) -> std::result::Result<Authority, Trouble> {
    let keep = Keep::new(ctx.host());
    let published = replicas::published(ctx)?;
    if let Some(published) = &published
        && published.authority != ctx.unit().as_str()
        && keep.root_cert()?.is_none()
    {
        let holder = &published.authority;
        return Err(Trouble::Blocked(format!(
            "The certificate authority's key is on {holder}; copy /var/lib/easyrsa from there"
        )));
    }
    let name = format!("{} in {}", ctx.unit().application(), ctx.hook().model_name);
    match keep.authority(&name, published.as_ref().map(|published| published.ca.as_str())) {
        Ok(authority) => Ok(authority),
        Err(KeepError::Broken(reason)) => Err(Trouble::Blocked(reason)),
        Err(error) => Err(error.into()),
    }
}

fn refusal(request: &Request, error: &AuthorityError) -> String {
    format!("Request of {} refused: {error}", request.unit_name.replace('_', "/"))
}

fn ready_text(requests: usize) -> String {
    match requests {
        0 => "Certificate Authority ready".to_owned(),
        1 => "Certificate Authority ready, 1 certificate issued".to_owned(),
        n => format!("Certificate Authority ready, {n} certificates issued"),
    }
}

#[cfg(test)]
mod tests;
