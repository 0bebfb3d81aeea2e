//! `status-get` and `status-set`.

use std::collections::BTreeMap;

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Invocation, ToolResult, check_empty, failed, usage};
use super::output::{self, Formats, with_output};
use crate::changes::Effect;
use crate::operation::Operation;
use crate::state::{Application, Status, Unit};

/// What a charm can set.
const SETTABLE: [&str; 4] = ["maintenance", "blocked", "waiting", "active"];

/// From the most to the least severe, for the status of an application that its leader never set.
const SEVERITY: [&str; 7] = [
    "error",
    "blocked",
    "maintenance",
    "waiting",
    "active",
    "terminated",
    "unknown",
];

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let flags = Flags::default().bool(&["include-data"]).bool(&["application"]);
    let parsed = call.parse(&with_output(flags, Formats::Smart))?;
    check_empty(&parsed.args)?;
    let full = parsed.is_on("include-data");
    let bare = !full && output::chosen(&parsed, Formats::Smart) == "smart";
    let data = if parsed.is_on("application") {
        if !call.is_leader() {
            return failed("finding application status: this unit is not the leader");
        }
        let application = call.application()?;
        let units: Vec<&Unit> = call.model.units_of(&application.name).collect();
        let status = application_status(application, &units);
        if bare {
            Data::text(status.current)
        } else {
            application_details(&status, &units, full)
        }
    } else {
        let unit = call.unit()?;
        let status = workload(unit);
        if bare {
            Data::text(status.current)
        } else {
            Data::Map(details(&status, unit_data(unit), full))
        }
    };
    call.print(&parsed, Formats::Smart, &data)
}

/// The workload status as Juju shows it: a failed hook that is not being run again turns it into an error.
pub(super) fn workload(unit: &Unit) -> Status {
    let retried = unit
        .running()
        .is_some_and(|running| matches!(running.operation, Operation::Hook(_)));
    match unit.failed_hook().filter(|_| !retried) {
        Some(failed) => Status::new("error", format!("hook failed: {}", quote(&failed.hook.name)), failed.at),
        None => unit.workload.clone(),
    }
}

/// What Juju knows beside a status: the hook that failed.
fn unit_data(unit: &Unit) -> BTreeMap<String, Data> {
    let mut data = BTreeMap::new();
    if let Some(failed) = unit.failed_hook().filter(|_| workload(unit).current == "error") {
        data.insert("hook".to_owned(), Data::text(&failed.hook.name));
        if let Some(run) = &failed.hook.relation {
            data.insert("relation-id".to_owned(), Data::Int(i64::from(run.relation.number())));
            if let Some(remote) = &run.remote_unit {
                data.insert("remote-unit".to_owned(), Data::text(remote.as_str()));
            }
        }
    }
    data
}

/// What the leader set, else the most severe of the units.
fn application_status(application: &Application, units: &[&Unit]) -> Status {
    if let Some(status) = &application.status {
        return status.clone();
    }
    let rank = |status: &Status| {
        SEVERITY
            .iter()
            .position(|word| *word == status.current)
            .unwrap_or(SEVERITY.len())
    };
    let worst = units.iter().map(|unit| workload(unit)).min_by_key(rank);
    worst.unwrap_or_else(|| Status::new("unknown", "", crate::Time(0)))
}

fn details(status: &Status, data: BTreeMap<String, Data>, full: bool) -> BTreeMap<String, Data> {
    let mut details = BTreeMap::from([("status".to_owned(), Data::text(&status.current))]);
    if full {
        details.insert("message".to_owned(), Data::text(&status.message));
        details.insert("status-data".to_owned(), Data::Map(data));
    }
    details
}

fn application_details(status: &Status, units: &[&Unit], full: bool) -> Data {
    let one = |unit: &&Unit| {
        (
            unit.name.to_string(),
            Data::Map(details(&workload(unit), unit_data(unit), full)),
        )
    };
    let mut all = details(status, BTreeMap::new(), full);
    all.insert("units".to_owned(), Data::Map(units.iter().map(one).collect()));
    Data::Map(BTreeMap::from([("application-status".to_owned(), Data::Map(all))]))
}

pub(super) fn set(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default().bool(&["application"]))?;
    let Some((status, rest)) = parsed.args.split_first() else {
        return usage("invalid args, require <status> [message]");
    };
    if !SETTABLE.contains(&status.as_str()) {
        return usage(format!(
            "invalid status {}, expected one of [{}]",
            quote(status),
            SETTABLE.join(" ")
        ));
    }
    let message = rest.first().cloned().unwrap_or_default();
    check_empty(rest.get(1..).unwrap_or_default())?;
    let status = status.clone();
    if !parsed.is_on("application") {
        call.effect = Some(Effect::StatusSet { status, message });
        return Ok(());
    }
    if !call.is_leader() {
        return failed("this unit is not the leader");
    }
    call.effect = Some(Effect::ApplicationStatusSet { status, message });
    Ok(())
}
