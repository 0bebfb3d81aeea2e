//! `status`, `machines` and `show-unit`.

use std::io::{self, Write as _};

use model::status::{FullStatus, RelationStatus};
use serde_json::{Map, Value, json};

use super::args::{Format, Global, ShowUnit, Status};
use super::duration;
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::protocol::Request;

/// `status`
pub(crate) fn status(global: &Global, args: &Status) -> Result<(), Failure> {
    let mut session = Session::open(global)?;
    let Some(every) = &args.watch else {
        return show(&mut session, args);
    };
    let every = duration::parse("--watch", every)?;
    loop {
        // Clears the screen as `watch` does; what is not a terminal gets one status after the other.
        if io::IsTerminal::is_terminal(&io::stdout()) {
            io::stdout().write_all(b"\x1b[H\x1b[2J")?;
        }
        show(&mut session, args)?;
        std::thread::sleep(every);
        session = Session::open(global)?;
    }
}

fn show(session: &mut Session, args: &Status) -> Result<(), Failure> {
    let mut status = get(session)?;
    if status.is_empty() {
        output::info(&format!("Model \"admin/{}\" is empty.", status.model.name));
    } else if !args.selectors.is_empty() && !select(&mut status, &args.selectors) {
        output::info("Nothing matched specified filter.");
        return Ok(());
    }
    if args.format != Format::Tabular {
        let mut value = serde_json::to_value(&status)?;
        if args.utc
            || std::env::var("JUJU_STATUS_ISO_TIME")
                .is_ok_and(|text| ["1", "t", "true"].contains(&&*text.to_lowercase()))
        {
            iso_times(&mut value);
        }
        return output::formatted(args.format, &value);
    }
    let table = if args.relations {
        status.tabular_with_relations()
    } else {
        status.tabular()
    };
    let colours = args.color || (output::colours() && !args.no_color);
    let mut text = if colours { output::paint_statuses(&table) } else { table };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    output::data(&text)
}

/// Turns every `since` into the form of `--utc`: `02 Jan 2006 15:04:05Z` into `2006-01-02 15:04:05Z`.
fn iso_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value.as_str().filter(|_| key == "since").and_then(iso_time) {
                    Some(text) => *value = text.into(),
                    None => iso_times(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(iso_times),
        _ => {}
    }
}

fn iso_time(text: &str) -> Option<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.find(month)? / 3 + 1;
    Some(format!("{year}-{month:02}-{day} {clock}"))
}

/// The status with its relations, which are not part of its JSON.
fn get(session: &mut Session) -> Result<FullStatus, Failure> {
    let mut value = session.ask(&Request::Status)?;
    let rows = value
        .as_object_mut()
        .and_then(|map| map.shift_remove("relation-rows"))
        .unwrap_or_default();
    let rows: Option<Vec<[String; 5]>> = serde_json::from_value(rows)?;
    let mut status: FullStatus = serde_json::from_value(value)?;
    status.relations = rows.unwrap_or_default().into_iter().map(relation).collect();
    Ok(status)
}

fn relation([provider, requirer, interface, kind, message]: [String; 5]) -> RelationStatus {
    RelationStatus {
        provider,
        requirer,
        interface,
        kind,
        message,
    }
}

/// Keeps what a selector names, and what it needs; false: there is no such thing.
fn select(status: &mut FullStatus, selectors: &[String]) -> bool {
    let any = |name: &str| selectors.iter().any(|pattern| matches(pattern, name));
    let mut machines = std::collections::BTreeSet::new();
    status.applications.retain(|name, application| {
        let whole = any(name);
        application.units.retain(|unit, details| {
            let keep =
                whole || any(unit) || any(&details.machine) || (details.leader && any(&format!("{name}/leader")));
            if keep {
                machines.insert(details.machine.clone());
            }
            keep
        });
        whole || !application.units.is_empty()
    });
    status
        .machines
        .retain(|number, _| machines.contains(&number.to_string()) || any(&number.to_string()));
    let kept = |end: &str| {
        end.split(':')
            .next()
            .is_some_and(|name| status.applications.contains_key(name))
    };
    status
        .relations
        .retain(|relation| kept(&relation.provider) || kept(&relation.requirer));
    !status.is_empty()
}

/// `*` stands for anything, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| matches(rest, &text[at..]))
        }
        (Some(p), Some(t)) if p == '?' || p == t => matches(&pattern[p.len_utf8()..], &text[t.len_utf8()..]),
        _ => false,
    }
}

/// `machines`
pub(crate) fn machines(global: &Global, format: Format) -> Result<(), Failure> {
    let status: FullStatus = Session::open(global)?.get(&Request::Status)?;
    if format != Format::Tabular {
        return output::formatted(
            format,
            &json!({ "model": status.model.name, "machines": status.machines }),
        );
    }
    if status.machines.is_empty() {
        output::info("No machines to display.");
        return Ok(());
    }
    let header = ["Machine", "State", "Address", "Inst id", "Base", "AZ", "Message"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(status.machines.iter().map(|(number, machine)| {
        vec![
            number.to_string(),
            machine.juju_status.current.clone(),
            machine.dns_name.clone().unwrap_or_default(),
            machine.instance_id.clone(),
            machine
                .base
                .as_ref()
                .map(|base| format!("{}@{}", base.name, base.channel))
                .unwrap_or_default(),
            String::new(),
            machine.machine_status.message.clone(),
        ]
    }));
    output::data(&output::table(&rows))
}

/// `show-unit`
pub(crate) fn show_unit(global: &Global, args: &ShowUnit) -> Result<(), Failure> {
    let mut session = Session::open(global)?;
    let mut all = Map::new();
    for unit in &args.units {
        let shown = session.ask(&Request::ShowUnit { unit: unit.clone() })?;
        let Value::Object(shown) = shown else { continue };
        for (name, mut details) in shown {
            filter_relations(&mut details, args);
            all.insert(name, details);
        }
    }
    output::formatted(args.format, &Value::Object(all))
}

fn filter_relations(details: &mut Value, args: &ShowUnit) {
    let Some(relations) = details.get_mut("relation-info").and_then(Value::as_array_mut) else {
        return;
    };
    if let Some(endpoint) = &args.endpoint {
        relations.retain(|relation| relation["endpoint"] == endpoint.as_str());
    }
    for relation in relations.iter_mut().filter_map(Value::as_object_mut) {
        if args.app {
            relation.retain(|key, _| !matches!(key.as_str(), "local-unit" | "related-units"));
        }
        if let (Some(wanted), Some(units)) = (
            &args.related_unit,
            relation.get_mut("related-units").and_then(Value::as_object_mut),
        ) {
            units.retain(|unit, _| unit == wanted);
        }
        // As with Juju, YAML leaves out a local unit that has nothing to show.
        if args.format != Format::Json && relation.get("local-unit").is_some_and(|unit| unit["data"].is_null()) {
            relation.shift_remove("local-unit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_times_are_iso() {
        let mut value =
            json!({"a": {"since": "07 Nov 2026 23:54:31Z", "b": [{"since": "29 Feb 2024 12:34:56Z"}]}, "since": "?"});
        iso_times(&mut value);
        assert_eq!(
            value,
            json!({"a": {"since": "2026-11-07 23:54:31Z", "b": [{"since": "2024-02-29 12:34:56Z"}]}, "since": "?"})
        );
    }

    #[test]
    fn wildcards_match() {
        for (pattern, text, expected) in [
            ("etcd", "etcd", true),
            ("etcd*", "etcd/0", true),
            ("*", "", true),
            ("e?cd", "etcd", true),
            ("e?cd", "ecd", false),
            ("*/1", "etcd/11", false),
            ("etcd", "etcd/0", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn relations_are_filtered() {
        let args = ShowUnit {
            units: vec![],
            endpoint: Some("db".into()),
            related_unit: Some("b/1".into()),
            app: false,
            format: Format::Yaml,
        };
        let units = json!({"b/0": {}, "b/1": {}});
        let relation = |endpoint: &str| json!({"endpoint": endpoint, "local-unit": {"in-scope": false, "data": null}, "related-units": units});
        let mut details = json!({"relation-info": [relation("db"), relation("x")]});
        filter_relations(&mut details, &args);
        assert_eq!(
            details,
            json!({"relation-info": [{"endpoint": "db", "related-units": {"b/1": {}}}]})
        );
    }
}
