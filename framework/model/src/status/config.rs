//! `juju config <application> --format json`.

use std::collections::BTreeMap;

use juju::ApplicationName;
use package::OptionSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::{Application, Model};

/// All settings of an application with their origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConfigView {
    /// The application.
    pub application: String,
    /// Settings of the application itself: `trust`.
    pub application_config: BTreeMap<String, Setting>,
    /// The charm's name.
    pub charm: String,
    /// Options of the charm.
    pub settings: BTreeMap<String, Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The value without the user's doing, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
    /// `user`, `default` or `unset`.
    pub source: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl Model {
    /// The settings of an application, if it exists.
    pub fn config_view(&self, name: &ApplicationName) -> Option<ConfigView> {
        let application = self.application(name)?;
        let options = &application.charm.config.0;
        Some(ConfigView {
            application: name.to_string(),
            application_config: [("trust".to_owned(), trust(application))].into(),
            charm: application.charm_name().to_owned(),
            settings: options
                .iter()
                .map(|(name, spec)| (name.clone(), setting(application, name, spec)))
                .collect(),
        })
    }
}

fn setting(application: &Application, name: &str, spec: &OptionSpec) -> Setting {
    let user = application.settings.get(name).cloned();
    let source = match (&user, &spec.default) {
        (Some(_), _) => "user",
        (None, Some(_)) => "default",
        (None, None) => "unset",
    };
    Setting {
        default: spec.default.clone(),
        description: spec.description.clone(),
        source: source.to_owned(),
        kind: spec.type_.to_string(),
        value: user.or_else(|| spec.default.clone()),
    }
}

fn trust(application: &Application) -> Setting {
    Setting {
        default: Some(Value::Bool(false)),
        description: "Does this application have access to trusted credentials".to_owned(),
        source: if application.trust { "user" } else { "default" }.to_owned(),
        kind: "bool".to_owned(),
        value: Some(Value::Bool(application.trust)),
    }
}
