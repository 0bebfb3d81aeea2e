//! Options, trust and exposure of applications.

use std::collections::BTreeMap;

use juju::ApplicationName;
use package::ConfigOptions;
use serde_json::Value;

use crate::error::ModelError;
use crate::event::Reply;
use crate::state::{Application, Model};

/// Not an option of the charm but one of the application, set with the same commands.
const TRUST: &str = "trust";

/// Reads what the user typed by the types of the options. `trust` is split off.
pub(super) fn parse(
    options: &ConfigOptions,
    typed: &BTreeMap<String, String>,
) -> Result<(BTreeMap<String, Value>, Option<bool>), ModelError> {
    let mut settings = BTreeMap::new();
    let mut trust = None;
    for (name, text) in typed {
        if name == TRUST && !options.0.contains_key(TRUST) {
            trust = Some(parse_trust(text)?);
        } else {
            let value = options
                .validate(name, text)
                .map_err(|error| ModelError::Config(error.to_string()))?;
            settings.insert(name.clone(), value);
        }
    }
    Ok((settings, trust))
}

fn parse_trust(text: &str) -> Result<bool, ModelError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Ok(true),
        "false" | "0" | "f" => Ok(false),
        _ => Err(ModelError::Config(format!(
            "option \"trust\" expected boolean, got {text:?}"
        ))),
    }
}

impl Model {
    /// `juju config`: resets first, then sets, all or nothing.
    pub(super) fn set_config(
        &mut self,
        name: &ApplicationName,
        set: &BTreeMap<String, String>,
        reset: &[String],
    ) -> Result<Reply, ModelError> {
        let application = self.application_mut(name)?;
        let options = &application.charm.config;
        let (settings, trust) = parse(options, set)?;
        if let Some(unknown) = reset
            .iter()
            .find(|option| !options.0.contains_key(*option) && *option != TRUST)
        {
            return Err(ModelError::Config(format!("unknown option {unknown:?}")));
        }
        for option in reset {
            application.settings.remove(option);
        }
        if reset.iter().any(|option| option == TRUST) {
            application.trust = false;
        }
        application.settings.extend(settings);
        application.trust = trust.unwrap_or(application.trust);
        Ok(Reply::Done)
    }

    /// `juju trust`.
    pub(super) fn set_trust(&mut self, name: &ApplicationName, trust: bool) -> Result<Reply, ModelError> {
        self.application_mut(name)?.trust = trust;
        Ok(Reply::Done)
    }

    /// `juju expose` and `juju unexpose`.
    pub(super) fn set_exposed(&mut self, name: &ApplicationName, exposed: bool) -> Result<Reply, ModelError> {
        self.application_mut(name)?.exposed = exposed;
        Ok(Reply::Done)
    }

    pub(super) fn application_mut(&mut self, name: &ApplicationName) -> Result<&mut Application, ModelError> {
        self.applications
            .get_mut(name)
            .ok_or_else(|| ModelError::no_application(name))
    }
}
