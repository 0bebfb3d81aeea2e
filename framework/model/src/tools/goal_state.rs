//! `goal-state`: what the application will look like once the model has settled.

use std::collections::BTreeMap;

use super::data::Data;
use super::gnuflag::Flags;
use super::invocation::{Invocation, ToolResult, check_empty};
use super::output::{Formats, with_output};
use super::status::workload;
use crate::state::{Life, Model, Relation, Unit};
use crate::time::Time;
use juju::ApplicationName;

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Yaml))?;
    check_empty(&parsed.args)?;
    let application = call.application_name();
    let data = Data::Struct(vec![
        ("units", Data::Map(units(call.model, &application))),
        ("relations", relations(call.model, &application)),
    ]);
    call.print(&parsed, Formats::Yaml, &data)
}

/// The units of an application that are not gone yet.
fn units(model: &Model, application: &ApplicationName) -> BTreeMap<String, Data> {
    let units = model.units_of(application).filter(|unit| unit.life != Life::Dead);
    units.map(|unit| (unit.name.to_string(), unit_status(unit))).collect()
}

fn unit_status(unit: &Unit) -> Data {
    let status = workload(unit);
    let word = if unit.life == Life::Dying {
        "dying"
    } else {
        status.current.as_str()
    };
    entry(word, status.since)
}

/// By local endpoint: the application at the other end and its units. Peers are not listed.
fn relations(model: &Model, application: &ApplicationName) -> Data {
    let mut all: BTreeMap<String, Data> = BTreeMap::new();
    for relation in model.relations_of(application).filter(|relation| !relation.is_peer()) {
        let (Some(own), Some(remote)) = (relation.endpoint_of(application), relation.remote_of(application)) else {
            continue;
        };
        let endpoint = all
            .entry(own.name.to_string())
            .or_insert_with(|| Data::Map(BTreeMap::new()));
        if let Data::Map(entries) = endpoint {
            entries.insert(remote.application.to_string(), relation_status(relation));
            entries.extend(units(model, &remote.application));
        }
    }
    Data::Map(all)
}

fn relation_status(relation: &Relation) -> Data {
    let entered = relation.units.values().any(|member| member.in_scope);
    entry(if entered { "joined" } else { "joining" }, relation.since)
}

fn entry(status: &str, since: Time) -> Data {
    Data::Struct(vec![
        ("status", Data::text(status)),
        ("since", Data::text(since.iso_text())),
    ])
}
