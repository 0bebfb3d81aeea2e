//! The environment of a hook, action or command, as far as the model knows it.

use std::collections::BTreeMap;

use super::Context;
use crate::operation::{Operation, RelationRun};
use crate::state::Model;

/// Exported in every run, often empty.
const PROXIES: [&str; 4] = [
    "JUJU_CHARM_HTTP_PROXY",
    "JUJU_CHARM_HTTPS_PROXY",
    "JUJU_CHARM_FTP_PROXY",
    "JUJU_CHARM_NO_PROXY",
];

/// The environment of every process that an agent on Ubuntu starts.
const SYSTEM: [(&str, &str); 4] = [
    ("LANG", "C.UTF-8"),
    ("TERM", "tmux-256color"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
];

impl Context {
    /// The variables of the process, but for what only the driver knows: `CHARM_DIR`, `JUJU_CHARM_DIR`, `PATH`, the address of
    /// the agent's socket, and `JUJU_API_ADDRESSES`, which is empty here as there is no controller.
    pub fn variables(&self, model: &Model) -> BTreeMap<String, String> {
        let mut vars = Variables::default();
        self.general(model, &mut vars);
        match &self.operation {
            Operation::Hook(hook) => {
                vars.set("JUJU_HOOK_NAME", &hook.name);
                vars.set("JUJU_DISPATCH_PATH", format!("hooks/{}", hook.name));
                if let Some(run) = &hook.relation {
                    relation(run, &mut vars);
                }
            }
            Operation::Action { task } => {
                let name = self.task(model, *task, &mut vars);
                vars.set("JUJU_DISPATCH_PATH", format!("actions/{name}"));
            }
            Operation::Exec { task } => drop(self.task(model, *task, &mut vars)),
        }
        vars.0
    }

    fn general(&self, model: &Model, vars: &mut Variables) {
        let machine = model
            .unit(&self.unit)
            .map(|unit| unit.machine.to_string())
            .unwrap_or_default();
        vars.set("JUJU_CONTEXT_ID", &self.id);
        vars.set("JUJU_UNIT_NAME", self.unit.as_str());
        vars.set("JUJU_MODEL_NAME", model.name());
        vars.set("JUJU_MODEL_UUID", model.uuid());
        vars.set("JUJU_VERSION", model.juju_version());
        vars.set("JUJU_MACHINE_ID", machine);
        if model.has_leader_settings() {
            vars.set("JUJU_SLA", "unsupported"); // like leader settings, gone in 4.0
        }
        for name in [
            "JUJU_API_ADDRESSES",
            "JUJU_PRINCIPAL_UNIT",
            "JUJU_AVAILABILITY_ZONE",
            "CLOUD_API_VERSION",
        ] {
            vars.set(name, "");
        }
        PROXIES.iter().for_each(|name| vars.set(name, ""));
        SYSTEM.iter().for_each(|(name, value)| vars.set(name, *value));
    }

    /// The variables of an action or command; gives back the action's name.
    fn task(&self, model: &Model, task: u64, vars: &mut Variables) -> String {
        let name = model
            .task(task)
            .map(|task| task.kind.name().to_owned())
            .unwrap_or_default();
        vars.set("JUJU_HOOK_NAME", "");
        vars.set("JUJU_ACTION_NAME", &name);
        vars.set("JUJU_ACTION_UUID", task.to_string());
        vars.set("JUJU_ACTION_TAG", format!("action-{task}"));
        name
    }
}

fn relation(run: &RelationRun, vars: &mut Variables) {
    vars.set("JUJU_RELATION", run.relation.endpoint().as_str());
    vars.set("JUJU_RELATION_ID", run.relation.as_str());
    vars.set("JUJU_REMOTE_APP", run.remote_application.as_str());
    vars.set(
        "JUJU_REMOTE_UNIT",
        run.remote_unit.as_ref().map_or("", |unit| unit.as_str()),
    );
    if let Some(unit) = &run.departing_unit {
        vars.set("JUJU_DEPARTING_UNIT", unit.as_str());
    }
}

#[derive(Default)]
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }
}
