//! `open-port`, `close-port` and `opened-ports`.

use std::collections::{BTreeMap, BTreeSet};

use juju::UnitName;

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::{atoi, quote};
use super::invocation::{Failure, Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};
use crate::state::{OpenedPort, PortRange};

/// What the two commands take.
pub(super) const SYNOPSIS: &str = "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp";

pub(super) fn open(call: &mut Invocation<'_>) -> ToolResult {
    for port in parse(call)? {
        if let Some((range, unit)) = conflict(call, &port)? {
            let own = call.unit_name();
            return failed(format!(
                "cannot open {} (unit {:?}): port range conflicts with {range} (unit {:?})",
                port.range,
                own.as_str(),
                unit.as_str()
            ));
        }
        let changes = call.context.changes_mut();
        changes.close_ports.remove(&port);
        changes.open_ports.insert(port);
    }
    Ok(())
}

pub(super) fn close(call: &mut Invocation<'_>) -> ToolResult {
    for port in parse(call)? {
        let changes = call.context.changes_mut();
        changes.open_ports.remove(&port);
        changes.close_ports.insert(port);
    }
    Ok(())
}

pub(super) fn opened(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default().bool(&["endpoints"]), Formats::Smart))?;
    check_empty(&parsed.args)?;
    let mut endpoints: BTreeMap<PortRange, BTreeSet<String>> = BTreeMap::new();
    for port in present(call)? {
        endpoints.entry(port.range).or_default().insert(port.endpoint);
    }
    let lines = endpoints.iter().map(|(range, names)| match parsed.is_on("endpoints") {
        false => range.to_string(),
        true if names.contains("") => format!("{range} (*)"),
        true => format!("{range} ({})", names.iter().cloned().collect::<Vec<_>>().join(", ")),
    });
    let data = Data::Strings(lines.collect());
    call.print(&parsed, Formats::Smart, &data)
}

/// The unit's open ports with this run's changes.
fn present(call: &Invocation<'_>) -> ToolResult<BTreeSet<OpenedPort>> {
    let changes = call.context.changes();
    let ports = call
        .unit()?
        .ports
        .union(&changes.open_ports)
        .filter(|port| !changes.close_ports.contains(port));
    Ok(ports.cloned().collect())
}

/// A range of any unit on the machine that shares a port with this one. The same range of the own unit is none.
fn conflict(call: &Invocation<'_>, port: &OpenedPort) -> ToolResult<Option<(PortRange, UnitName)>> {
    let own = call.unit()?;
    let overlaps = |range: &PortRange| range.overlaps(&port.range);
    if let Some(mine) = present(call)?
        .into_iter()
        .find(|mine| mine.range != port.range && overlaps(&mine.range))
    {
        return Ok(Some((mine.range, own.name.clone())));
    }
    let others = call.model.units_on(own.machine).filter(|unit| unit.name != own.name);
    let mut ranges = others.flat_map(|unit| unit.ports.iter().map(move |open| (&open.range, &unit.name)));
    Ok(ranges
        .find(|(range, _)| overlaps(range))
        .map(|(range, unit)| (range.clone(), unit.clone())))
}

/// The range of the command line, once for each endpoint that it names.
fn parse(call: &mut Invocation<'_>) -> ToolResult<Vec<OpenedPort>> {
    let parsed = call.parse(&Flags::default().text(&["endpoints"]).text(&["format"]))?;
    let Some((text, rest)) = parsed.args.split_first() else {
        return usage("no port or range specified");
    };
    let range = parse_range(&text.to_lowercase()).map_err(Failure::Usage)?;
    check_empty(rest)?;
    call.note_deprecated_format(&parsed);
    let endpoints = parsed.value("endpoints").unwrap_or_default();
    let named = endpoints.split(',').map(|name| OpenedPort {
        range: range.clone(),
        endpoint: name.trim().to_owned(),
    });
    Ok(named.collect())
}

/// `80`, `80/tcp`, `80-90/udp` or `icmp`.
fn parse_range(text: &str) -> Result<PortRange, String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if ports == "icmp" {
        return Ok(PortRange {
            protocol: "icmp".to_owned(),
            from: 0,
            to: 0,
        });
    }
    let bounds: Vec<&str> = ports.split('-').collect();
    let (from, to) = match bounds.as_slice() {
        [port] => (*port, *port),
        [from, to] => (*from, *to),
        _ => return Err(format!("invalid port range {}", quote(ports))),
    };
    let number = |text: &str| atoi(text).map_err(|error| format!("invalid port {}: {error}", quote(text)));
    let (from, to) = (number(from)?, number(to)?);
    match protocol {
        "tcp" | "udp" => {}
        "icmp" => {
            return Err(format!(
                "protocol \"icmp\" doesn't support any ports; got \"{from}-{to}\""
            ));
        }
        other => {
            return Err(format!(
                "invalid protocol {}, expected \"tcp\", \"udp\", or \"icmp\"",
                quote(other)
            ));
        }
    }
    if from > to {
        return Err(format!("invalid port range {from}-{to}/{protocol}"));
    }
    match (u16::try_from(from), u16::try_from(to)) {
        (Ok(from), Ok(to)) => Ok(PortRange {
            protocol: protocol.to_owned(),
            from,
            to,
        }),
        _ => Err(format!(
            "port range bounds must be between 0 and 65535, got {from}-{to}"
        )),
    }
}
