//! Who may read which relation settings, and where they come from.
//!
//! | bag | readable by |
//! |---|---|
//! | own unit's | the unit itself, with what this run has written |
//! | own application's | the leader, with what this run has written; in a peer relation every unit |
//! | remote unit's, remote application's | every unit; also after the remote unit has left |
//! | sibling unit's | every unit, but only in a peer relation |

use juju::{ApplicationName, Databag, Party, UnitName};

use super::invocation::{Invocation, ToolResult, failed};
use crate::changes::Edits;
use crate::state::Relation;

/// The settings of a party, if the unit may see them.
pub(super) fn read_bag(call: &mut Invocation<'_>, relation: &Relation, party: Party) -> ToolResult<Databag> {
    match &party {
        Party::Unit(unit) => read_unit(call, relation, unit),
        Party::Application(application) => read_application(call, relation, application),
    }
}

fn read_unit(call: &mut Invocation<'_>, relation: &Relation, unit: &UnitName) -> ToolResult<Databag> {
    let own = call.unit_name();
    if *unit == own {
        let committed = relation
            .units
            .get(unit)
            .map(|member| member.bag.settings.clone())
            .unwrap_or_default();
        let edits = call
            .context
            .changes()
            .relations
            .get(&relation.number)
            .map(|changes| &changes.unit);
        return Ok(edited(committed, edits));
    }
    let sibling = unit.application() == own.application();
    if relation.endpoint_of(&unit.application()).is_none() || (sibling && !relation.is_peer()) {
        return failed("permission denied");
    }
    let Some(member) = relation.units.get(unit) else {
        return failed(format!(
            "cannot read settings for unit {:?} in relation {:?}: settings not found",
            unit.as_str(),
            relation.key()
        ));
    };
    let party = Party::Unit(unit.clone());
    Ok(call
        .context
        .remembered_bag(relation.number, &party, || member.bag.settings.clone())
        .clone())
}

fn read_application(call: &mut Invocation<'_>, relation: &Relation, name: &ApplicationName) -> ToolResult<Databag> {
    let own = *name == call.application_name();
    let committed = || {
        relation
            .applications
            .get(name)
            .map(|bag| bag.settings.clone())
            .unwrap_or_default()
    };
    if own && call.is_leader() {
        let edits = call
            .context
            .changes()
            .relations
            .get(&relation.number)
            .map(|changes| &changes.application);
        return Ok(edited(committed(), edits));
    }
    if relation.endpoint_of(name).is_none() || (own && !relation.is_peer()) {
        return failed("permission denied");
    }
    let party = Party::Application(name.clone());
    Ok(call.context.remembered_bag(relation.number, &party, committed).clone())
}

/// Settings with this run's edits on top.
fn edited(mut settings: Databag, edits: Option<&Edits>) -> Databag {
    for (key, value) in edits.into_iter().flatten() {
        match value.as_deref() {
            None | Some("") => settings.remove(key),
            Some(value) => settings.insert(key.clone(), value.to_owned()),
        };
    }
    settings
}
