//! `network-get` and `unit-get`: the addresses of the unit's machine.
//!
//! A machine of the model has one address, and every binding is in the one space that there is.

use std::net::IpAddr;

use super::data::Data;
use super::gnuflag::{Flags, Parsed};
use super::gotext::quote;
use super::invocation::{Failure, Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};
use super::relation::with_relation;
use crate::state::Model;
use juju::UnitName;

const BIND: &str = "bind-address";
const INGRESS: &str = "ingress-address";
const EGRESS: &str = "egress-subnets";
const PRIMARY: &str = "primary-address";

/// What the tools know of a network.
struct Network {
    address: String,
    interface: &'static str,
    cidr: String,
    egress: String,
}

impl Network {
    fn of(model: &Model, unit: &UnitName) -> Option<Network> {
        let address = model.machine_of(unit)?.address.clone()?;
        let ip = address.parse::<IpAddr>().ok();
        let interface = if ip.is_some_and(|ip| ip.is_loopback()) {
            "lo"
        } else {
            "eth0"
        };
        Some(Network {
            interface,
            cidr: ip.map(subnet).unwrap_or_default(),
            egress: egress(ip, &address),
            address,
        })
    }
}

/// The subnet of an address by the habits of small networks; a machine does not tell its netmask.
fn subnet(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() => "127.0.0.0/8".to_owned(),
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => format!("{}/64", std::net::Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// The address alone, as a subnet.
fn egress(ip: Option<IpAddr>, address: &str) -> String {
    let width = if matches!(ip, Some(IpAddr::V6(_))) { 128 } else { 32 };
    format!("{address}/{width}")
}

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let flags = Flags::default()
        .bool(&[BIND])
        .bool(&[INGRESS])
        .bool(&[EGRESS])
        .bool(&[PRIMARY]);
    let flags = with_relation(with_output(flags, Formats::Smart), call);
    let parsed = call.parse(&flags)?;
    let Some((binding, rest)) = parsed.args.split_first() else {
        return usage("no arguments specified");
    };
    if binding.is_empty() {
        return usage("no binding name specified");
    }
    check_empty(rest)?;
    let network = Network::of(call.model, call.context.unit()).filter(|_| has_binding(call, binding));
    let Some(network) = network else {
        return failed(format!("no network config found for binding {}", quote(binding)));
    };
    let data = select(&network, &parsed)?;
    call.print(&parsed, Formats::Smart, &data)
}

fn has_binding(call: &Invocation<'_>, name: &str) -> bool {
    call.application().is_ok_and(|application| {
        let metadata = &application.charm.metadata;
        let endpoints = [&metadata.provides, &metadata.requires, &metadata.peers];
        name == "juju-info"
            || endpoints.iter().any(|endpoints| endpoints.contains_key(name))
            || metadata.extra_bindings.contains_key(name)
    })
}

/// The whole structure, one bare value, or a map of several, as the flags say.
fn select(network: &Network, parsed: &Parsed) -> ToolResult<Data> {
    let wanted: Vec<&'static str> = [BIND, INGRESS, EGRESS]
        .into_iter()
        .filter(|name| parsed.is_on(name))
        .collect();
    if parsed.is_on(PRIMARY) {
        if !wanted.is_empty() {
            return failed("--primary-address must be the only flag specified");
        }
        return Ok(Data::text(&network.address));
    }
    let value = |name: &str| match name {
        EGRESS => Data::Strings(vec![network.egress.clone()]),
        _ => Data::text(&network.address),
    };
    Ok(match wanted.as_slice() {
        [] => structure(network),
        [name] => value(name),
        names => Data::Map(names.iter().map(|name| ((*name).to_owned(), value(name))).collect()),
    })
}

/// YAML repeats some fields under the names that they once had.
fn structure(network: &Network) -> Data {
    let build = |yaml: bool| {
        let mut address = vec![
            ("hostname", Data::text("")),
            ("value", Data::text(&network.address)),
            ("cidr", Data::text(&network.cidr)),
        ];
        let mut interface = vec![
            ("mac-address", Data::text("")),
            ("interface-name", Data::text(network.interface)),
        ];
        if yaml {
            address.push(("address", Data::text(&network.address)));
        }
        interface.push(("addresses", Data::List(vec![Data::Struct(address)])));
        if yaml {
            interface.push(("macaddress", Data::text("")));
            interface.push(("interfacename", Data::text(network.interface)));
        }
        Data::Struct(vec![
            ("bind-addresses", Data::List(vec![Data::Struct(interface)])),
            ("egress-subnets", Data::Strings(vec![network.egress.clone()])),
            ("ingress-addresses", Data::Strings(vec![network.address.clone()])),
        ])
    };
    Data::Split {
        json: Box::new(build(false)),
        yaml: Box::new(build(true)),
    }
}

pub(super) fn unit_get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    let Some((setting, rest)) = parsed.args.split_first() else {
        return usage("no setting specified");
    };
    let kind = match setting.as_str() {
        "private-address" => "private",
        "public-address" => "public",
        _ => return usage(format!("unknown setting {}", quote(setting))),
    };
    check_empty(rest)?;
    let network =
        Network::of(call.model, call.context.unit()).ok_or_else(|| Failure::Run(format!("no {kind} address(es)")))?;
    call.print(&parsed, Formats::Smart, &Data::text(network.address))
}
