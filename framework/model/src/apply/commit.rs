//! The commit of what a run buffered: checked first, then applied as a whole.

use juju::UnitName;

use crate::changes::{Changes, Edits};
use crate::operation::HookRun;
use crate::state::{Model, OpenedPort, Seen, Unit};

/// The limit on a unit's charm state (model config `max-charm-state-size`).
const MAX_CHARM_STATE: usize = 2 * 1024 * 1024;

impl Model {
    /// Whether the changes can be committed. The text is why not.
    pub(super) fn check_changes(&self, name: &UnitName, changes: &Changes) -> Result<(), String> {
        let Some(unit) = self.units.get(name) else {
            return Err(format!("unit {:?} not found", name.as_str()));
        };
        self.check_charm_state(unit, &changes.charm_state)?;
        self.check_relation_changes(name, changes)?;
        changes
            .open_ports
            .iter()
            .try_for_each(|port| self.check_port(unit, port, changes))?;
        changes
            .close_ports
            .iter()
            .try_for_each(|port| self.check_port_endpoint("close", unit, port))
    }

    fn check_charm_state(&self, unit: &Unit, edits: &Edits) -> Result<(), String> {
        if edits.is_empty() {
            return Ok(());
        }
        let mut state = unit.charm_state.clone();
        edit_state(&mut state, edits);
        let size: usize = state.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > MAX_CHARM_STATE {
            Err(format!("max allowed size ({MAX_CHARM_STATE}) exceeded"))
        } else {
            Ok(())
        }
    }

    fn check_relation_changes(&self, name: &UnitName, changes: &Changes) -> Result<(), String> {
        for (number, changes) in &changes.relations {
            let relation = self.relations.get(number).ok_or("relation not found")?;
            if !changes.unit.is_empty() && !relation.in_scope(name) {
                return Err(format!(
                    "unit {:?} in relation {:?}: not in scope",
                    name.as_str(),
                    relation.key()
                ));
            }
            if !changes.application.is_empty() && !self.is_leader(name) {
                let application = name.application();
                return Err(format!(
                    "{:?} is not leader of {:?}",
                    name.as_str(),
                    application.as_str()
                ));
            }
        }
        Ok(())
    }

    /// An opened range may equal one that is open already, but not overlap another on the machine.
    fn check_port(&self, unit: &Unit, port: &OpenedPort, changes: &Changes) -> Result<(), String> {
        self.check_port_endpoint("open", unit, port)?;
        for other in self.units_on(unit.machine) {
            let own = other.name == unit.name;
            let pending = changes.open_ports.iter().filter(|_| own);
            let conflict = other
                .ports
                .iter()
                .chain(pending)
                .find(|open| open.range.overlaps(&port.range) && !(own && open.range == port.range));
            if let Some(open) = conflict {
                return Err(format!(
                    "cannot open {} (unit {:?}): port range conflicts with {} (unit {:?})",
                    port.range,
                    unit.name.as_str(),
                    open.range,
                    other.name.as_str()
                ));
            }
        }
        Ok(())
    }

    fn check_port_endpoint(&self, verb: &str, unit: &Unit, port: &OpenedPort) -> Result<(), String> {
        let application = self.applications.get(&unit.name.application());
        let known =
            application.is_some_and(|application| application.charm.metadata.endpoint(&port.endpoint).is_some());
        if known || port.endpoint.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{verb} port range: endpoint {:?} for unit {:?} not found",
            port.endpoint,
            unit.name.as_str()
        ))
    }

    /// Applies changes that have been checked.
    pub(super) fn commit(&mut self, name: &UnitName, changes: &Changes) {
        for (number, edits) in &changes.relations {
            let Some(relation) = self.relations.get_mut(number) else {
                continue;
            };
            if let Some(member) = relation.units.get_mut(name) {
                member.bag.edit(&edits.unit);
            }
            if let Some(bag) = relation.applications.get_mut(&name.application()) {
                bag.edit(&edits.application);
            }
        }
        if let Some(unit) = self.units.get_mut(name) {
            edit_state(&mut unit.charm_state, &changes.charm_state);
            changes.open_ports.iter().for_each(|port| open_port(unit, port));
            changes.close_ports.iter().for_each(|port| close_port(unit, port));
        }
        if changes.reboot {
            self.want_reboot(name);
        }
    }

    /// A successful `config-changed` puts new addresses into the unit's bags.
    pub(super) fn refresh_addresses(&mut self, name: &UnitName, hook: &HookRun, seen: &Seen) {
        let previous = self.units.get(name).and_then(|unit| unit.uniter.config_seen.as_ref());
        let moved = match (previous, seen) {
            (Some(previous), Seen::Config(now)) => hook.name == "config-changed" && previous.address != now.address,
            _ => false,
        };
        if !moved {
            return;
        }
        let edits: Edits = self
            .network_settings(name)
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        let members = self
            .relations
            .values_mut()
            .filter_map(|relation| relation.units.get_mut(name));
        for member in members.filter(|member| member.in_scope) {
            member.bag.edit(&edits);
        }
    }
}

/// Unlike relation settings, an empty value is a value.
fn edit_state(state: &mut std::collections::BTreeMap<String, String>, edits: &Edits) {
    for (key, value) in edits {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
}

/// A range that is open for all endpoints stays so; opening it for all replaces what was open for some.
fn open_port(unit: &mut Unit, port: &OpenedPort) {
    let for_all = OpenedPort {
        range: port.range.clone(),
        endpoint: String::new(),
    };
    if unit.ports.contains(&for_all) {
        return;
    }
    if port.endpoint.is_empty() {
        unit.ports.retain(|open| open.range != port.range);
    }
    unit.ports.insert(port.clone());
}

/// Closing for all endpoints closes the range wherever it was open.
fn close_port(unit: &mut Unit, port: &OpenedPort) {
    unit.ports
        .retain(|open| open.range != port.range || !(port.endpoint.is_empty() || open.endpoint == port.endpoint));
}
