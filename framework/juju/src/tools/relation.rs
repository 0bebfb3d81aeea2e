//! Relations: who is there, what they say, and what this unit says to them.
//!
//! Writes go to a buffer, and [`Tools::relation_get`] sees the buffer through. [`Tools::flush`] compares it with what
//! each bag holds and sends only what differs, one `relation-set` for each bag; if nothing differs it sends nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ToolError, Tools, json_call, yaml};
use crate::names::{ApplicationName, EndpointName, RelationId, UnitName};
use crate::transport::ToolCall;

/// The content of one bag of relation data. A key with an empty value does not exist.
pub type Databag = BTreeMap<String, String>;

/// Whose bag is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A unit's.
    Unit(UnitName),
    /// An application's.
    Application(ApplicationName),
}

/// Which own bag is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bag {
    /// The local unit's.
    Unit,
    /// The own application's; only the leader may write it.
    Application,
}

/// Buffered writes by bag and key; `None` deletes.
pub(super) type Writes = BTreeMap<(RelationId, Bag), BTreeMap<String, Option<String>>>;

impl Tools {
    /// The relations of an endpoint, in order of their numbers.
    pub fn relation_ids(&mut self, endpoint: &EndpointName) -> Result<Vec<RelationId>, ToolError> {
        if let Some(ids) = self.cache.relation_ids.get(endpoint) {
            return Ok(ids.clone());
        }
        let mut ids: Vec<RelationId> = self.json("relation-ids", &[endpoint.as_str()])?.unwrap_or_default();
        ids.sort();
        self.cache.relation_ids.insert(endpoint.clone(), ids.clone());
        Ok(ids)
    }

    /// The remote units of a relation (of a peer relation all but the local one), in order of their numbers.
    pub fn relation_units(&mut self, relation: &RelationId) -> Result<Vec<UnitName>, ToolError> {
        if let Some(units) = self.cache.relation_units.get(relation) {
            return Ok(units.clone());
        }
        let mut units: Vec<UnitName> = self
            .json("relation-list", &["-r", relation.as_str()])?
            .unwrap_or_default();
        units.sort();
        self.cache.relation_units.insert(relation.clone(), units.clone());
        Ok(units)
    }

    /// The application at the other end of a relation, if it is known.
    pub fn relation_application(&mut self, relation: &RelationId) -> Result<Option<ApplicationName>, ToolError> {
        if let Some(application) = self.cache.relation_applications.get(relation) {
            return Ok(application.clone());
        }
        let args = ["--app", "-r", relation.as_str()];
        let name: Option<String> = self.json("relation-list", &args)?;
        let parse = |name: String| {
            let call = json_call("relation-list", &args);
            ApplicationName::try_from(name).map_err(|error| ToolError::output(&call, error.to_string()))
        };
        let application = name.filter(|name| !name.is_empty()).map(parse).transpose()?;
        self.cache
            .relation_applications
            .insert(relation.clone(), application.clone());
        Ok(application)
    }

    /// What a bag holds, this hook's own writes included. Reading the own application's bag of a normal relation is
    /// denied to all units but the leader ([`ToolError::is_permission_denied`]).
    pub fn relation_get(&mut self, relation: &RelationId, party: &Party) -> Result<Databag, ToolError> {
        let own = self.own_bag(relation, party)?;
        let mut bag = self.stored_bag(relation, party)?;
        let Some(writes) = own.and_then(|own| self.writes.get(&(relation.clone(), own))) else {
            return Ok(bag);
        };
        apply(&mut bag, writes);
        Ok(bag)
    }

    /// Puts a value under a key of an own bag, or deletes the key, when the writes are flushed. An empty value is the
    /// same as none: in Juju a key with an empty value does not exist.
    pub fn relation_set(&mut self, relation: &RelationId, bag: Bag, key: &str, value: Option<&str>) {
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        self.writes
            .entry((relation.clone(), bag))
            .or_default()
            .insert(key.to_owned(), value);
    }

    /// Whether there are writes that [`Tools::flush`] would look at.
    pub fn has_buffered_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Sends the buffered relation writes: for each bag whose content changes one `relation-set` with the keys that
    /// change. After an error the writes that were not sent are still in the buffer.
    pub fn flush(&mut self) -> Result<(), ToolError> {
        while let Some(((relation, bag), writes)) = self.writes.first_key_value() {
            let (relation, bag, writes) = (relation.clone(), *bag, writes.clone());
            self.flush_bag(&relation, bag, &writes)?;
            self.writes.remove(&(relation, bag));
        }
        Ok(())
    }

    fn flush_bag(
        &mut self,
        relation: &RelationId,
        bag: Bag,
        writes: &BTreeMap<String, Option<String>>,
    ) -> Result<(), ToolError> {
        let party = self.own_party(bag);
        let mut changes = writes.clone();
        let mut stored = None;
        if let Some(party) = &party {
            let held = self.stored_bag(relation, party)?;
            changes.retain(|key, value| held.get(key) != value.as_ref());
            stored = Some(held);
        }
        if changes.is_empty() {
            return Ok(());
        }
        let mut args = vec!["-r", relation.as_str()];
        args.extend((bag == Bag::Application).then_some("--app"));
        args.extend(["--file", "-"]);
        self.run(&ToolCall::new("relation-set", args).with_stdin(yaml::map(&changes)))?;
        if let (Some(party), Some(mut held)) = (party, stored) {
            apply(&mut held, &changes);
            self.cache.bags.insert((relation.clone(), party), held);
        }
        Ok(())
    }

    /// What Juju says that a bag holds, asked for once.
    fn stored_bag(&mut self, relation: &RelationId, party: &Party) -> Result<Databag, ToolError> {
        let key = (relation.clone(), party.clone());
        if let Some(bag) = self.cache.bags.get(&key) {
            return Ok(bag.clone());
        }
        let id = relation.as_str();
        let args = match party {
            Party::Unit(unit) => vec!["-r", id, "-", unit.as_str()],
            Party::Application(application) => vec!["-r", id, "--app", "-", application.as_str()],
        };
        let map: Map<String, Value> = self.json("relation-get", &args)?.unwrap_or_default();
        let mut bag = Databag::new();
        for (name, value) in map {
            match value {
                Value::String(text) => drop(bag.insert(name, text)),
                Value::Null => {}
                other => {
                    let call = json_call("relation-get", &args);
                    return Err(ToolError::output(
                        &call,
                        format!("the value of {name:?} is no string: {other}"),
                    ));
                }
            }
        }
        self.cache.bags.insert(key, bag.clone());
        Ok(bag)
    }

    /// Which own bag a party's is, if it is one.
    fn own_bag(&self, relation: &RelationId, party: &Party) -> Result<Option<Bag>, ToolError> {
        let bag = match party {
            Party::Unit(_) => Bag::Unit,
            Party::Application(_) => Bag::Application,
        };
        match self.own_party(bag) {
            Some(own) => Ok((own == *party).then_some(bag)),
            None if self.writes.contains_key(&(relation.clone(), bag)) => Err(ToolError::UnknownUnit),
            None => Ok(None),
        }
    }

    fn own_party(&self, bag: Bag) -> Option<Party> {
        let unit = self.unit.as_ref()?;
        Some(match bag {
            Bag::Unit => Party::Unit(unit.clone()),
            Bag::Application => Party::Application(unit.application()),
        })
    }
}

/// Makes a bag look as after these writes.
fn apply(bag: &mut Databag, writes: &BTreeMap<String, Option<String>>) {
    for (key, value) in writes {
        match value {
            Some(value) => drop(bag.insert(key.clone(), value.clone())),
            None => drop(bag.remove(key)),
        }
    }
}
