//! Certificates: asked of the authority for the unit's own addresses only, and saved where etcd finds them.
//!
//! Addresses of other units are never in the request: a unit that comes or goes must not cost the others a new
//! certificate. The common name stays what it was first, as the authority answers by it.

use std::collections::BTreeSet;

use charm::prelude::*;
use interface_tls_certificates::ServerRequest;

use crate::addresses::Addresses;
use crate::flags::{CERTIFICATES, CERTIFICATES_SAVED};

pub(crate) mod files;

/// Where the common name of the first request is remembered.
const COMMON_NAME: &str = "etcd.tls.common-name";

/// Says that somebody has to relate a certificate authority.
pub(crate) async fn missing_authority(_ctx: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Blocked("Missing relation to certificate authority.".into()))
}

/// Asks for the server certificate.
pub(crate) async fn request(ctx: &mut Context) -> Result<Outcome> {
    let addresses = Addresses::observe(ctx)?;
    // A machine may not have a public address yet.
    let ingress = addresses.client.ingress.to_string();
    let public = ctx.tools().unit_get("public-address").unwrap_or(ingress);
    let common_name = match ctx.kv().get::<String>(COMMON_NAME)? {
        Some(name) => name,
        None => {
            ctx.kv().set(COMMON_NAME, &public)?;
            public.clone()
        }
    };
    let sans = sans(&addresses, [public, common_name.clone(), ctx.host().hostname()]);
    let certificate_name = ctx.unit().as_str().replace('/', "_");
    CERTIFICATES.request_server(
        ctx,
        &ServerRequest {
            common_name,
            sans,
            certificate_name,
        },
    )?;
    Ok(Outcome::Done)
}

/// The names that the unit's certificate carries, sorted.
fn sans(addresses: &Addresses, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let own = addresses.all().into_iter().map(|address| address.to_string());
    let all: BTreeSet<String> = own.chain(names).filter(|name| !name.is_empty()).collect();
    all.into_iter().collect()
}

/// Says what the unit waits for.
pub(crate) async fn await_certificates(_ctx: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Waiting(
        "Waiting for certificates from the certificate authority".into(),
    ))
}

/// Writes what the authority gave.
pub(crate) async fn save(ctx: &mut Context) -> Result<Outcome> {
    let (ca, chain) = (CERTIFICATES.ca(ctx)?, CERTIFICATES.chain(ctx)?);
    let (server, client) = (CERTIFICATES.server(ctx)?, CERTIFICATES.client(ctx)?);
    let (Some(ca), Some(server), Some(client)) = (ca, server, client) else {
        return Ok(Outcome::Done);
    };
    let bundle = files::Bundle {
        ca,
        chain,
        server_cert: server.cert,
        server_key: server.key,
        client_cert: client.cert,
        client_key: client.key,
    };
    if files::write(ctx.host().as_ref(), &bundle)? {
        ctx.log(LogLevel::Info, "the certificate authority's certificate is new");
    }
    ctx.set(&CERTIFICATES_SAVED)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Binding;

    #[test]
    fn a_certificate_names_the_unit_and_nobody_else() {
        let peer = Binding {
            bind: "10.0.0.1".parse().unwrap(),
            ingress: "10.0.0.1".parse().unwrap(),
        };
        let client = Binding {
            bind: "10.1.0.1".parse().unwrap(),
            ingress: "192.0.2.1".parse().unwrap(),
        };
        let names = ["192.0.2.1".to_owned(), String::new(), "juju-1".to_owned()];
        let sans = sans(&Addresses { peer, client }, names);
        assert_eq!(sans, ["10.0.0.1", "10.1.0.1", "127.0.0.1", "192.0.2.1", "juju-1"]);
    }
}
