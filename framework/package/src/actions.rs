//! `actions.yaml`: what an operator can ask of a unit, and which parameters each action takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names;
use crate::schema;
use crate::yaml::{self, YamlError};

/// The actions of a charm by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actions(pub BTreeMap<String, ActionSpec>);

/// One action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// What it does.
    pub description: String,
    /// Its short name for people.
    pub title: String,
    /// Whether it may run beside others on the unit.
    #[serde(default)]
    pub parallel: bool,
    /// Actions of one group never run beside each other.
    #[serde(default)]
    pub execution_group: String,
    /// The JSON Schema (draft 4) of the parameters, always an object.
    pub schema: Map<String, Value>,
}

/// An actions file or parameters that Juju would refuse.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActionError {
    /// Not YAML, or of the wrong shape.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A name that breaks the rule for action names.
    #[error("bad action name {0}")]
    Name(String),
    /// `juju` belongs to Juju.
    #[error("cannot use action name juju: \"juju\" is a reserved name")]
    Reserved,
    /// So does everything that begins with `juju-`.
    #[error("cannot use action name {0}: the \"juju-\" prefix is reserved")]
    ReservedPrefix(String),
    /// An action that is not a map.
    #[error("action {0:?}: expected a map")]
    NotAMap(String),
    /// A key whose value is of the wrong kind.
    #[error("value for schema key {key:?} must be a {expected}")]
    Key {
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Keys that would make the schema depend on something outside of it.
    #[error("schema key {0:?} not compatible with this version of juju")]
    Prohibited(String),
    /// A parameter of a type that no value has.
    #[error("invalid params schema for action {action:?}: unknown type {type_}")]
    UnknownType {
        /// The action.
        action: String,
        /// What stands in the file, as JSON.
        type_: String,
    },
    /// No such action.
    #[error("action {0:?} not defined")]
    NotDefined(String),
    /// Parameters that the schema does not allow.
    #[error("validation failed: {}", .0.join("; "))]
    Params(Vec<String>),
}

impl Actions {
    /// Parses and checks the text of `actions.yaml`; `charm` is the charm's name, for the rule of reserved names.
    pub fn parse(file: &str, text: &str, charm: &str) -> Result<Actions, ActionError> {
        let raw: Option<BTreeMap<String, Value>> = yaml::from_str(file, text)?;
        let mut actions = BTreeMap::new();
        for (name, value) in raw.unwrap_or_default() {
            check_name(&name, charm)?;
            let spec = ActionSpec::from_yaml(&name, value)?;
            actions.insert(name, spec);
        }
        Ok(Actions(actions))
    }

    /// The action of that name.
    pub fn get(&self, name: &str) -> Result<&ActionSpec, ActionError> {
        self.0.get(name).ok_or_else(|| ActionError::NotDefined(name.to_owned()))
    }

    /// Checks the parameters for an action and returns them with the defaults filled in.
    pub fn validate(&self, name: &str, params: Map<String, Value>) -> Result<Map<String, Value>, ActionError> {
        self.get(name)?.validate(params)
    }
}

impl ActionSpec {
    /// Checks parameters and returns them with the defaults filled in.
    pub fn validate(&self, params: Map<String, Value>) -> Result<Map<String, Value>, ActionError> {
        let mut params = Value::Object(params);
        schema::insert_defaults(&self.schema, &mut params);
        let errors = schema::validate(&self.schema, &params);
        match params {
            Value::Object(map) if errors.is_empty() => Ok(map),
            _ => Err(ActionError::Params(errors)),
        }
    }

    /// Builds the schema from the action's part of the file.
    fn from_yaml(name: &str, value: Value) -> Result<ActionSpec, ActionError> {
        let mut rest = match value {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            _ => return Err(ActionError::NotAMap(name.to_owned())),
        };
        check_keys(&rest)?;
        let description = take_string(&mut rest, "description")?.unwrap_or_else(|| "No description".to_owned());
        let title = take_string(&mut rest, "title")?.unwrap_or_else(|| name.to_owned());
        let execution_group = take_string(&mut rest, "execution-group")?.unwrap_or_default();
        let parallel = match rest.shift_remove("parallel") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(parallel)) => parallel,
            Some(_) => return Err(wrong_key("parallel", "bool")),
        };
        let properties = match rest.shift_remove("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(wrong_key("params", "map")),
        };
        check_properties(&properties)?;
        check_required(&rest)?;
        let mut schema = Map::new();
        schema.insert("type".to_owned(), Value::from("object"));
        schema.insert("title".to_owned(), Value::from(title.clone()));
        schema.insert("description".to_owned(), Value::from(description.clone()));
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.extend(rest);
        if let Some(type_) = schema::unknown_type(&schema) {
            return Err(ActionError::UnknownType {
                action: name.to_owned(),
                type_: type_.to_string(),
            });
        }
        Ok(ActionSpec {
            description,
            title,
            parallel,
            execution_group,
            schema,
        })
    }
}

fn check_name(name: &str, charm: &str) -> Result<(), ActionError> {
    if !names::is_action_name(name) {
        return Err(ActionError::Name(name.to_owned()));
    }
    if names::is_reserved(charm, name) {
        return Err(if name == "juju" {
            ActionError::Reserved
        } else {
            ActionError::ReservedPrefix(name.to_owned())
        });
    }
    Ok(())
}

/// Refuses keys that refer to other schemas, at any depth.
fn check_keys(map: &Map<String, Value>) -> Result<(), ActionError> {
    for (key, value) in map {
        if key == "$ref" || key == "$schema" {
            return Err(ActionError::Prohibited(key.clone()));
        }
        check_value(value)?;
    }
    Ok(())
}

fn check_value(value: &Value) -> Result<(), ActionError> {
    match value {
        Value::Object(map) => check_keys(map),
        Value::Array(items) => items.iter().try_for_each(check_value),
        _ => Ok(()),
    }
}

/// Every parameter is described by a map.
fn check_properties(properties: &Map<String, Value>) -> Result<(), ActionError> {
    match properties.iter().find(|(_, value)| !value.is_object()) {
        Some((key, _)) => Err(wrong_key(key, "map")),
        None => Ok(()),
    }
}

/// `required` is a list of names.
fn check_required(rest: &Map<String, Value>) -> Result<(), ActionError> {
    match rest.get("required") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => Ok(()),
        Some(_) => Err(wrong_key("required", "list of strings")),
    }
}

fn take_string(map: &mut Map<String, Value>, key: &str) -> Result<Option<String>, ActionError> {
    match map.shift_remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong_key(key, "string")),
    }
}

fn wrong_key(key: &str, expected: &'static str) -> ActionError {
    ActionError::Key {
        key: key.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ACTIONS: &str = "snapshot:\n  description: Take one.\n  params:\n    outfile: {type: string, default: o.tgz}\n    quality: {type: integer, maximum: 9}\n  required: [quality]\n  additionalProperties: false\nhealth:\npause: {parallel: true, execution-group: g}\n";

    fn actions() -> Actions {
        Actions::parse("actions.yaml", ACTIONS, "etcd").unwrap()
    }

    fn params(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn error(text: &str) -> String {
        Actions::parse("actions.yaml", text, "etcd").unwrap_err().to_string()
    }

    #[test]
    fn the_schema_is_built_as_juju_builds_it() {
        let actions = actions();
        assert_eq!(
            Value::Object(actions.0["snapshot"].schema.clone()),
            json!({"type": "object", "title": "snapshot", "description": "Take one.", "required": ["quality"], "additionalProperties": false,
                "properties": {"outfile": {"type": "string", "default": "o.tgz"}, "quality": {"type": "integer", "maximum": 9}}})
        );
        assert_eq!(actions.0["health"].description, "No description");
        assert_eq!(
            (actions.0["pause"].parallel, actions.0["pause"].execution_group.as_str()),
            (true, "g")
        );
        let json = serde_json::to_string(&actions).unwrap();
        assert_eq!(serde_json::from_str::<Actions>(&json).unwrap(), actions);
    }

    #[test]
    fn parameters_are_checked_and_completed() {
        let actions = actions();
        let filled = actions.validate("snapshot", params(json!({"quality": 3}))).unwrap();
        assert_eq!(Value::Object(filled), json!({"quality": 3, "outfile": "o.tgz"}));
        let text = |name: &str, value: Value| actions.validate(name, params(value)).unwrap_err().to_string();
        assert_eq!(
            text("snapshot", json!({})),
            r#"validation failed: (root) : "quality" property is missing and required, given {"outfile":"o.tgz"}"#
        );
        assert_eq!(
            text("snapshot", json!({"quality": "x"})),
            r#"validation failed: (root).quality : must be of type integer, given "x""#
        );
        assert_eq!(text("restore", json!({})), "action \"restore\" not defined");
    }

    #[test]
    fn files_that_juju_refuses() {
        assert_eq!(error("Snapshot:"), "bad action name Snapshot");
        assert_eq!(
            error("juju:"),
            "cannot use action name juju: \"juju\" is a reserved name"
        );
        assert_eq!(
            error("juju-run:"),
            "cannot use action name juju-run: the \"juju-\" prefix is reserved"
        );
        assert_eq!(
            error("a: {description: [x]}"),
            "value for schema key \"description\" must be a string"
        );
        assert_eq!(
            error("a: {parallel: 1}"),
            "value for schema key \"parallel\" must be a bool"
        );
        assert_eq!(
            error("a: {params: [x]}"),
            "value for schema key \"params\" must be a map"
        );
        assert_eq!(
            error("a: {params: {x: {items: {$ref: y}}}}"),
            "schema key \"$ref\" not compatible with this version of juju"
        );
        assert_eq!(
            error("a: {required: x}"),
            "value for schema key \"required\" must be a list of strings"
        );
        assert_eq!(error("a: text"), "action \"a\": expected a map");
        assert_eq!(
            error("a: {params: {x: {type: strin}}}"),
            "invalid params schema for action \"a\": unknown type \"strin\""
        );
        assert_eq!(
            error("a: {params: {x: {type: array, items: {type: [string, none]}}}}"),
            "invalid params schema for action \"a\": unknown type \"none\""
        );
    }

    #[test]
    fn an_empty_file_has_no_actions() {
        assert_eq!(Actions::parse("actions.yaml", "", "etcd").unwrap(), Actions::default());
    }
}
