//! What the applications get that use the cluster, and the port by which they reach it.

use charm::juju::PortRange;
use charm::prelude::*;
use interface_etcd::{Connection, PeerData, Phase};

use crate::config::Settings;
use crate::flags::{DB, PEERS};
use crate::install::installed_version;
use crate::site::Site;
use crate::{addresses, service, tls::files};

/// Where the opened port is remembered.
const OPENED: &str = "etcd.port.opened";

/// Gives every related application the same complete values: the client URLs of all members and a client certificate.
pub(crate) async fn publish(ctx: &mut Context) -> Result<Outcome> {
    let site = Site::observe(ctx)?;
    let Some(credentials) = files::credentials(ctx.host().as_ref())? else {
        return Ok(Outcome::Done);
    };
    let connection = Connection {
        endpoints: endpoints(ctx, &site)?,
        version: installed_version(ctx)?.to_string(),
        ca: credentials.ca,
        cert: credentials.cert,
        key: credentials.key,
    };
    DB.publish(ctx, &connection)?;
    Ok(Outcome::Done)
}

/// The client URLs of the members: this unit and every other one that says it is one.
pub(crate) fn endpoints(ctx: &mut Context, site: &Site) -> Result<Vec<String>> {
    let own = service::client_url(ctx, site)?;
    let others = PEERS
        .units(ctx)?
        .into_values()
        .filter_map(|peer| endpoint(peer, &site.settings));
    let mut all: Vec<String> = others.chain([own]).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// A unit of the Python charm says only its address.
fn endpoint(peer: PeerData, settings: &Settings) -> Option<String> {
    let address = peer.db_ingress_address?;
    match (peer.phase, peer.member) {
        (Some(Phase::Member), Some(member)) => Some(member.client_url),
        _ => Some(addresses::url(address.parse().ok()?, settings.port)),
    }
}

/// Opens the port on which clients are served, and closes the one that was it before.
pub(crate) async fn open_port(ctx: &mut Context) -> Result<Outcome> {
    let site = Site::observe(ctx)?;
    let port = addresses::port(&service::client_url(ctx, &site)?).unwrap_or(site.settings.port);
    let opened = ctx.kv().get::<u16>(OPENED)?;
    if opened == Some(port) {
        return Ok(Outcome::Done);
    }
    if let Some(old) = opened {
        ctx.tools().close_port(PortRange::tcp(old))?;
    }
    ctx.tools().open_port(PortRange::tcp(port))?;
    ctx.kv().set(OPENED, &port)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interface_etcd::MemberInfo;

    fn settings() -> Settings {
        Settings {
            port: 2379,
            management_port: 2380,
            heartbeat_interval: 100,
            election_timeout: 1000,
            snapshot_count: None,
            bind_to_all_interfaces: true,
            bind_with_insecure_http: false,
            cipher_suites: Vec::new(),
        }
    }

    fn member(phase: Phase, address: Option<&str>) -> PeerData {
        let member = MemberInfo {
            name: "n".into(),
            peer_url: "p".into(),
            client_url: "https://10.0.0.2:2400".into(),
        };
        PeerData {
            db_ingress_address: address.map(str::to_owned),
            member: Some(member),
            phase: Some(phase),
            ..PeerData::default()
        }
    }

    #[test]
    fn only_members_are_given_to_clients() {
        let url = |peer| endpoint(peer, &settings());
        assert_eq!(
            url(member(Phase::Member, Some("10.0.0.2"))).as_deref(),
            Some("https://10.0.0.2:2400")
        );
        assert_eq!(url(member(Phase::Ready, None)), None);
    }

    #[test]
    fn a_unit_of_the_python_charm_counts_by_its_address() {
        let peer = |address: &str| PeerData {
            db_ingress_address: Some(address.into()),
            ..PeerData::default()
        };
        assert_eq!(
            endpoint(peer("10.0.0.3"), &settings()).as_deref(),
            Some("https://10.0.0.3:2379")
        );
        assert_eq!(
            endpoint(peer("fd00::3"), &settings()).as_deref(),
            Some("https://[fd00::3]:2379")
        );
    }
}
