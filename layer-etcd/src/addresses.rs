//! Where a unit is reached: one address of the network space bound to `cluster`, one of that bound to `db`.
//!
//! IPv4 comes before IPv6, the first address wins. A unit whose own address is a loopback address listens on that
//! address only, whatever `bind_to_all_interfaces` says: such units share one machine, and listening everywhere would take the port from the others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use charm::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{INSECURE_PORT, Settings};
use crate::names::endpoints;

/// Where Juju's last answer is remembered.
const KNOWN: &str = "etcd.addresses";

/// The two addresses of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The address of the machine's own interface.
    pub bind: IpAddr,
    /// The address that others use.
    pub ingress: IpAddr,
}

/// Where the unit is reached by members and by clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// By other members.
    pub peer: Binding,
    /// By clients.
    pub client: Binding,
}

impl Addresses {
    /// Asks Juju; in `update-status`, which never brings a new address, what was the answer in the hook before.
    pub(crate) fn observe(ctx: &mut Context) -> Result<Addresses> {
        let known = ctx.kv().get::<Addresses>(KNOWN)?;
        if let (Some(known), "update-status") = (known, ctx.hook().hook_name()) {
            return Ok(known);
        }
        let found = Addresses {
            peer: binding(ctx, endpoints::CLUSTER)?,
            client: binding(ctx, endpoints::DB)?,
        };
        if known != Some(found) {
            ctx.kv().set(KNOWN, &found)?;
        }
        Ok(found)
    }

    /// The URL by which members reach this one.
    pub fn peer_url(&self, settings: &Settings) -> String {
        url(self.peer.ingress, settings.management_port)
    }

    /// The URL by which clients reach this member.
    pub fn client_url(&self, settings: &Settings) -> String {
        url(self.client.ingress, settings.port)
    }

    /// The URL by which the unit reaches its own member: never through an address translation.
    pub fn own_url(&self, settings: &Settings) -> String {
        url(self.client.bind, settings.port)
    }

    /// What etcd's `listen-peer-urls` has to say.
    pub fn listen_peer(&self, settings: &Settings) -> String {
        url(listen(self.peer.bind, settings), settings.management_port)
    }

    /// What etcd's `listen-client-urls` has to say.
    pub fn listen_client(&self, settings: &Settings) -> String {
        let secure = url(listen(self.client.bind, settings), settings.port);
        if !settings.bind_with_insecure_http {
            return secure;
        }
        let local = if self.client.bind.is_loopback() {
            self.client.bind
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        format!("http://{},{secure}", authority(local, INSECURE_PORT))
    }

    /// Every address that the unit's own certificate has to carry.
    pub fn all(&self) -> Vec<IpAddr> {
        let mut all = vec![
            self.peer.ingress,
            self.peer.bind,
            self.client.ingress,
            self.client.bind,
            Ipv4Addr::LOCALHOST.into(),
        ];
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn listen(bind: IpAddr, settings: &Settings) -> IpAddr {
    match bind {
        _ if !settings.bind_to_all_interfaces || bind.is_loopback() => bind,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// `https` at this address, with the brackets that IPv6 needs.
pub fn url(address: IpAddr, port: u16) -> String {
    format!("https://{}", authority(address, port))
}

/// The port of a URL that [`url`] made.
pub(crate) fn port(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.parse().ok()
}

fn authority(address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(v4) => format!("{v4}:{port}"),
        IpAddr::V6(v6) => format!("[{v6}]:{port}"),
    }
}

fn binding(ctx: &mut Context, endpoint: &str) -> Result<Binding> {
    let network = ctx.tools().network_get(endpoint)?;
    let ingress: Vec<IpAddr> = network
        .ingress_addresses
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let missing = || HandlerError::msg(format!("cannot find an address of the network bound to {endpoint}"));
    let bind = preferred(&network.bind_addresses)
        .or_else(|| preferred(&ingress))
        .ok_or_else(missing)?;
    Ok(Binding {
        bind,
        ingress: preferred(&ingress).unwrap_or(bind),
    })
}

fn preferred(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or_else(|| addresses.first())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(all: bool, insecure: bool) -> Settings {
        Settings {
            port: 2379,
            management_port: 2380,
            heartbeat_interval: 100,
            election_timeout: 1000,
            snapshot_count: None,
            bind_to_all_interfaces: all,
            bind_with_insecure_http: insecure,
            cipher_suites: Vec::new(),
        }
    }

    fn addresses(bind: &str, ingress: &str) -> Addresses {
        let binding = Binding {
            bind: bind.parse().unwrap(),
            ingress: ingress.parse().unwrap(),
        };
        Addresses {
            peer: binding,
            client: binding,
        }
    }

    #[test]
    fn ipv4_comes_first_and_ipv6_gets_brackets() {
        let all: Vec<IpAddr> = ["fd00::1", "10.0.0.1", "10.0.0.2"]
            .iter()
            .map(|a| a.parse().unwrap())
            .collect();
        assert_eq!(preferred(&all), Some(all[1]));
        assert_eq!(preferred(&all[..1]), Some(all[0]));
        assert_eq!(url(all[0], 2379), "https://[fd00::1]:2379");
    }

    #[test]
    fn listening_everywhere_is_a_choice() {
        let here = addresses("10.0.0.1", "192.0.2.1");
        assert_eq!(here.listen_peer(&settings(true, false)), "https://0.0.0.0:2380");
        assert_eq!(here.listen_peer(&settings(false, false)), "https://10.0.0.1:2380");
        assert_eq!(here.client_url(&settings(true, false)), "https://192.0.2.1:2379");
        assert_eq!(
            here.listen_client(&settings(true, true)),
            "http://127.0.0.1:4001,https://0.0.0.0:2379"
        );
        assert_eq!(
            addresses("fd00::1", "fd00::1").listen_peer(&settings(true, false)),
            "https://[::]:2380"
        );
    }

    #[test]
    fn a_unit_on_a_loopback_address_leaves_room_for_others() {
        let here = addresses("127.77.0.3", "127.77.0.3");
        assert_eq!(here.listen_peer(&settings(true, false)), "https://127.77.0.3:2380");
        assert_eq!(
            here.listen_client(&settings(true, true)),
            "http://127.77.0.3:4001,https://127.77.0.3:2379"
        );
        assert_eq!(here.all().len(), 2);
    }
}
