//! `relation-ids`, `relation-list`, `relation-get`, `relation-set` and `relation-model-get`.

use juju::{ApplicationName, Party, UnitName};

use super::data::Data;
use super::gnuflag::{Flags, Parsed};
use super::gotext::{atoi, quote};
use super::invocation::{Failure, Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};
use super::relation_bags::read_bag;
use super::settings::{Settings, parse_file, parse_pairs};
use crate::state::{Life, Model, Relation};

/// Adds `-r`/`--relation`, checked against the relations that the unit can see.
pub(super) fn with_relation<'a>(flags: Flags<'a>, call: &Invocation<'a>) -> Flags<'a> {
    let (model, unit) = (call.model, call.unit_name());
    flags.checked(&["r", "relation"], move |text| {
        relation_number(model, &unit, text).map(drop)
    })
}

/// Reads `3` or `db:3`; the name is not looked at.
fn relation_number(model: &Model, unit: &UnitName, text: &str) -> Result<u32, String> {
    let digits = text.rsplit_once(':').map_or(text, |(_, digits)| digits);
    let number = atoi(digits).map_err(|_| "invalid relation id".to_owned())?;
    u32::try_from(number)
        .ok()
        .filter(|number| visible(model, unit, *number).is_some())
        .ok_or_else(|| "relation not found".to_owned())
}

/// A relation that the unit has entered and not left: from just before its first `relation-created` to the end of `broken`.
fn visible<'a>(model: &'a Model, unit: &UnitName, number: u32) -> Option<&'a Relation> {
    model
        .relation(number)
        .filter(|relation| relation.in_scope(unit) && relation.life != Life::Dead)
}

/// The relation that was asked for, else the hook's own.
fn chosen<'a>(call: &Invocation<'a>, parsed: &Parsed) -> ToolResult<&'a Relation> {
    let number = match parsed.value("r") {
        Some(text) => relation_number(call.model, call.context.unit(), text).ok(),
        None => call.context.relation_run().map(|run| run.relation.number()),
    };
    let Some(number) = number else {
        return usage("no relation id specified");
    };
    call.model
        .relation(number)
        .ok_or_else(|| Failure::Run("relation not found".to_owned()))
}

pub(super) fn ids(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    let endpoint = match parsed.args.split_first() {
        Some((name, rest)) => {
            check_empty(rest)?;
            name.clone()
        }
        None => match call.context.relation_run() {
            Some(run) => run.relation.endpoint().to_string(),
            None => return usage("no endpoint name specified"),
        },
    };
    let unit = call.unit_name();
    let application = unit.application();
    let relations = call.model.relations_of(&application).filter(|relation| {
        visible(call.model, &unit, relation.number).is_some() && !is_broken(call.model, &unit, relation)
    });
    let mut ids: Vec<String> = relations
        .filter_map(|relation| relation.id_for(&application))
        .filter(|id| id.endpoint().as_str() == endpoint)
        .map(|id| id.to_string())
        .collect();
    ids.sort();
    call.print(&parsed, Formats::Smart, &Data::Strings(ids))
}

/// Juju's notion of broken: on its way out with nobody left at the other end.
fn is_broken(model: &Model, unit: &UnitName, relation: &Relation) -> bool {
    !relation.is_peer() && !relation.life.is_alive() && model.relation_members(unit, relation.number).is_empty()
}

pub(super) fn list(call: &mut Invocation<'_>) -> ToolResult {
    let flags = with_relation(with_output(Flags::default().bool(&["app"]), Formats::Smart), call);
    let parsed = call.parse(&flags)?;
    let relation = chosen(call, &parsed)?;
    check_empty(&parsed.args)?;
    let unit = call.unit_name();
    let data = if parsed.is_on("app") {
        let remote = relation.remote_of(&unit.application());
        remote.map_or(Data::Nil, |endpoint| Data::text(endpoint.application.as_str()))
    } else {
        let members = call.model.relation_members(&unit, relation.number);
        let mut names: Vec<String> = members.iter().map(ToString::to_string).collect();
        names.sort();
        Data::Strings(names)
    };
    call.print(&parsed, Formats::Smart, &data)
}

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let flags = with_relation(with_output(Flags::default().bool(&["app"]), Formats::Smart), call);
    let parsed = call.parse(&flags)?;
    let relation = chosen(call, &parsed)?;
    let (key, rest) = parsed
        .args
        .split_first()
        .map_or(("", [].as_slice()), |(key, rest)| (key.as_str(), rest));
    let party = match rest.split_first() {
        Some((name, rest)) => {
            let party = named_party(name, parsed.is_on("app"))?;
            check_empty(rest)?;
            party
        }
        None => default_party(call, parsed.is_on("app"))?,
    };
    let bag = read_bag(call, relation, party)?;
    let data = match bag.get(key) {
        _ if key.is_empty() || key == "-" => Data::bag(&bag),
        Some(value) => Data::text(value),
        None => Data::Nil,
    };
    call.print(&parsed, Formats::Smart, &data)
}

/// Whose settings a name on the command line means.
fn named_party(name: &str, app: bool) -> ToolResult<Party> {
    let unit = name.parse::<UnitName>();
    let application = name.parse::<ApplicationName>();
    match (app, unit, application) {
        (true, _, Ok(application)) => Ok(Party::Application(application)),
        (true, Ok(unit), _) => Ok(Party::Application(unit.application())),
        (true, ..) => failed("permission denied"),
        (false, Ok(unit), _) => Ok(Party::Unit(unit)),
        (false, _, Ok(_)) => usage(format!("expected unit name, got application name {}", quote(name))),
        (false, ..) => usage(format!("invalid unit name {}", quote(name))),
    }
}

/// Whose settings a relation hook means: its remote unit's, or its remote application's if there is no unit.
fn default_party(call: &Invocation<'_>, app: bool) -> ToolResult<Party> {
    let Some(run) = call.context.relation_run() else {
        return usage("no unit or application specified");
    };
    match &run.remote_unit {
        Some(unit) if !app => Ok(Party::Unit(unit.clone())),
        _ => Ok(Party::Application(run.remote_application.clone())),
    }
}

pub(super) fn set(call: &mut Invocation<'_>) -> ToolResult {
    let flags = with_relation(Flags::default().bool(&["app"]).text(&["file"]).text(&["format"]), call);
    let parsed = call.parse(&flags)?;
    let relation = chosen(call, &parsed)?.number;
    let pairs = parse_pairs(&parsed.args)?;
    let mut settings = match parsed.value("file").filter(|path| !path.is_empty()) {
        Some(path) => parse_file(&call.read_input(path)?)?,
        None => Settings::new(),
    };
    settings.extend(pairs);
    call.note_deprecated_format(&parsed);
    if parsed.is_on("app") && !call.is_leader() {
        return failed("cannot write relation settings");
    }
    if settings.is_empty() {
        return Ok(());
    }
    let changes = call.context.changes_mut().relations.entry(relation).or_default();
    let edits = if parsed.is_on("app") {
        &mut changes.application
    } else {
        &mut changes.unit
    };
    edits.extend(
        settings
            .into_iter()
            .map(|(key, value)| (key, Some(value).filter(|value| !value.is_empty()))),
    );
    Ok(())
}

/// All applications of a relation live in the one model.
pub(super) fn model_get(call: &mut Invocation<'_>) -> ToolResult {
    let flags = with_relation(with_output(Flags::default(), Formats::Smart), call);
    let parsed = call.parse(&flags)?;
    chosen(call, &parsed)?;
    check_empty(&parsed.args)?;
    let data = Data::Struct(vec![("uuid", Data::text(call.model.uuid()))]);
    call.print(&parsed, Formats::Smart, &data)
}
