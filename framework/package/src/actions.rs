//! `actions.yaml`: what an operator can ask of a unit, and which parameters each action takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// `juju` and `juju-…` belong to Juju.
    #[error("cannot use action name {0}: {:?} is a reserved name", "juju")]
    Reserved(String),
    /// A part of the file that is not what it should be.
    #[error("invalid action {action:?}: {reason}")]
    Spec {
        /// The action.
        action: String,
        /// What is wrong.
        reason: String,
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
