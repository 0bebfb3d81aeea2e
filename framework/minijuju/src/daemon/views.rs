//! What the model's own status does not show: the rows of its relations, and units with their relation data.

use juju::{ApplicationName, UnitName};
use model::{Model, Relation, Time};
use serde_json::{Map, Value, json};

/// The status, with the relations beside it as rows of provider, requirer, interface, kind and message.
pub(crate) fn status(model: &Model, now: Time) -> serde_json::Result<Value> {
    let status = model.status(now);
    let rows = status
        .relations
        .iter()
        .map(|r| json!([r.provider, r.requirer, r.interface, r.kind, r.message]))
        .collect();
    let mut value = serde_json::to_value(&status)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("relation-rows".to_owned(), rows);
    }
    Ok(value)
}

/// `juju show-unit`: the map of one unit.
pub(crate) fn show_unit(model: &Model, name: &UnitName) -> Option<Value> {
    let unit = model.unit(name)?;
    let application = model.application(&name.application())?;
    let address = model.machine(unit.machine).and_then(|machine| machine.address.clone());
    let mut map = Map::new();
    if !application.workload_version.is_empty() {
        map.insert("workload-version".to_owned(), json!(application.workload_version));
    }
    map.insert("machine".to_owned(), json!(unit.machine.to_string()));
    map.insert(
        "opened-ports".to_owned(),
        unit.ports.iter().map(|port| json!(port.range.to_string())).collect(),
    );
    if let Some(address) = &address {
        map.insert("public-address".to_owned(), json!(address));
    }
    map.insert("charm".to_owned(), json!(application.charm_url));
    map.insert("leader".to_owned(), json!(model.is_leader(name)));
    if !unit.life.is_alive() {
        map.insert("life".to_owned(), json!(unit.life.as_str()));
    }
    let relations = model
        .relations_of(&application.name)
        .filter_map(|relation| relation_info(relation, name));
    let relations: Vec<Value> = relations.collect();
    if !relations.is_empty() {
        map.insert("relation-info".to_owned(), Value::Array(relations));
    }
    if let Some(address) = address {
        map.insert("address".to_owned(), json!(address));
    }
    Some(json!({ name.to_string(): map }))
}

/// A relation is shown only if the other side has said something or has units.
fn relation_info(relation: &Relation, unit: &UnitName) -> Option<Value> {
    let application = unit.application();
    let (own, remote) = (relation.endpoint_of(&application)?, relation.remote_of(&application)?);
    let data = relation
        .applications
        .get(&remote.application)
        .map(|bag| bag.settings.clone())
        .unwrap_or_default();
    let related = related_units(relation, unit, &remote.application);
    if data.is_empty() && related.is_empty() {
        return None;
    }
    let local = relation.units.get(unit).filter(|_| relation.is_peer());
    let local = match local {
        Some(member) => json!({ "in-scope": member.in_scope, "data": member.bag.settings }),
        None => json!({ "in-scope": false, "data": null }),
    };
    let mut info = Map::new();
    info.insert("relation-id".to_owned(), json!(relation.number));
    info.insert("endpoint".to_owned(), json!(own.name));
    info.insert("related-endpoint".to_owned(), json!(remote.name));
    info.insert("application-data".to_owned(), json!(data));
    info.insert("local-unit".to_owned(), local);
    if !related.is_empty() {
        info.insert("related-units".to_owned(), Value::Object(related));
    }
    Some(Value::Object(info))
}

fn related_units(relation: &Relation, unit: &UnitName, application: &ApplicationName) -> Map<String, Value> {
    let others = relation
        .units
        .iter()
        .filter(|(name, member)| *name != unit && name.application() == *application && member.in_scope);
    others
        .map(|(name, member)| {
            (
                name.to_string(),
                json!({ "in-scope": member.in_scope, "data": member.bag.settings }),
            )
        })
        .collect()
}
