//! The meaning of every hook tool, once, for the agent, the test harness and the simulator alike.
//!
//! Path of a call: [`Context::call`](crate::context::Context::call) checks the request and finds the `Tool` by name; its
//! function gets an `Invocation`, parses the options (`gnuflag`), reads the model, and either prints (`output`), buffers
//! a change in the context, or leaves an immediate effect. One file a family: `relation`, `config`, `leadership`, `status`,
//! `state`, `action`, `network`, `ports`, `goal_state`, `storage_resource`, `misc`.

pub(crate) mod data;
pub(crate) mod gnuflag;
pub(crate) mod gotext;
pub(crate) mod output;
pub(crate) mod settings;

mod action;
mod config;
mod goal_state;
mod invocation;
mod leadership;
mod misc;
mod network;
mod ports;
mod relation;
mod relation_bags;
mod state;
mod status;
mod storage_resource;
mod yaml;
mod yaml_scalar;

#[cfg(test)]
mod conformance;

pub(crate) use invocation::{Failure, Invocation, ToolResult};

/// One hook tool.
pub(crate) struct Tool {
    /// The name under which charms call it.
    pub(crate) name: &'static str,
    /// Its arguments, for `--help`.
    pub(crate) synopsis: &'static str,
    /// What it does, for `--help`.
    pub(crate) purpose: &'static str,
    /// The first major version of Juju that has it, and the first that has it no more.
    versions: (u32, u32),
    /// What it does.
    pub(crate) run: fn(&mut Invocation<'_>) -> ToolResult,
}

impl Tool {
    const fn new(
        name: &'static str,
        synopsis: &'static str,
        purpose: &'static str,
        run: fn(&mut Invocation<'_>) -> ToolResult,
    ) -> Tool {
        Tool {
            name,
            synopsis,
            purpose,
            versions: (2, u32::MAX),
            run,
        }
    }

    /// A tool that came with a major version.
    const fn since(mut self, major: u32) -> Tool {
        self.versions.0 = major;
        self
    }

    /// A tool that went with a major version.
    const fn until(mut self, major: u32) -> Tool {
        self.versions.1 = major;
        self
    }
}

/// All tools, by name.
const TOOLS: &[Tool] = &[
    Tool::new(
        "action-fail",
        "[\"<failure message>\"]",
        "Set action fail status with message.",
        action::fail,
    ),
    Tool::new(
        "action-get",
        "[<key>[.<key>.<key>...]]",
        "Get action parameters.",
        action::get,
    ),
    Tool::new(
        "action-log",
        "<message>",
        "Record a progress message for the current action.",
        action::log,
    ),
    Tool::new(
        "action-set",
        "<key>=<value> [<key>=<value> ...]",
        "Set action results.",
        action::set,
    ),
    Tool::new(
        "application-version-set",
        "<new-version>",
        "Specify which version of the application is deployed.",
        misc::application_version_set,
    ),
    Tool::new(
        "close-port",
        ports::SYNOPSIS,
        "Register a request to close a port or port range.",
        ports::close,
    ),
    Tool::new("config-get", "[<key>]", "Print application configuration.", config::get),
    Tool::new("credential-get", "", "Access cloud credentials.", misc::credential_get),
    Tool::new(
        "goal-state",
        "",
        "Print the status of the charm's peers and related units.",
        goal_state::get,
    ),
    Tool::new(
        "is-leader",
        "",
        "Print application leadership status.",
        leadership::is_leader,
    ),
    Tool::new(
        "juju-log",
        "<message>",
        "Write a message to the juju log.",
        misc::juju_log,
    ),
    Tool::new("juju-reboot", "", "Reboot the host machine.", misc::juju_reboot),
    Tool::new(
        "leader-get",
        "[<key>]",
        "Print application leadership settings.",
        leadership::get,
    )
    .until(4),
    Tool::new(
        "leader-set",
        "<key>=<value> [...]",
        "Write application leadership settings.",
        leadership::set,
    )
    .until(4),
    Tool::new(
        "network-get",
        "<binding-name> [--ingress-address] [--bind-address] [--egress-subnets]",
        "Get network config.",
        network::get,
    ),
    Tool::new(
        "open-port",
        ports::SYNOPSIS,
        "Register a request to open a port or port range.",
        ports::open,
    ),
    Tool::new(
        "opened-ports",
        "",
        "List all ports or port ranges opened by the unit.",
        ports::opened,
    ),
    Tool::new(
        "relation-get",
        "<key> <unit id>",
        "Get relation settings.",
        relation::get,
    ),
    Tool::new(
        "relation-ids",
        "<name>",
        "List all relation IDs for the given endpoint.",
        relation::ids,
    ),
    Tool::new("relation-list", "", "List relation units.", relation::list),
    Tool::new(
        "relation-model-get",
        "",
        "Get details about the model hosting a related application.",
        relation::model_get,
    )
    .since(3),
    Tool::new(
        "relation-set",
        "key=value [key=value ...]",
        "Set relation settings.",
        relation::set,
    ),
    Tool::new(
        "resource-get",
        "<resource name>",
        "Get the path to the locally cached resource file.",
        storage_resource::resource_get,
    ),
    Tool::new("secret-add", "", "Add a new secret.", misc::secrets).since(3),
    Tool::new("secret-get", "", "Get the content of a secret.", misc::secrets).since(3),
    Tool::new("secret-grant", "", "Grant access to a secret.", misc::secrets).since(3),
    Tool::new("secret-ids", "", "Print secret IDs.", misc::secrets).since(3),
    Tool::new("secret-info-get", "", "Get a secret's metadata info.", misc::secrets).since(3),
    Tool::new("secret-remove", "", "Remove an existing secret.", misc::secrets).since(3),
    Tool::new("secret-revoke", "", "Revoke access to a secret.", misc::secrets).since(3),
    Tool::new("secret-set", "", "Update an existing secret.", misc::secrets).since(3),
    Tool::new(
        "state-delete",
        "<key>",
        "Delete server-side-state key value pairs.",
        state::delete,
    ),
    Tool::new("state-get", "[<key>]", "Print server-side-state value.", state::get),
    Tool::new(
        "state-set",
        "key=value [key=value ...]",
        "Set server-side-state values.",
        state::set,
    ),
    Tool::new(
        "status-get",
        "[--include-data] [--application]",
        "Print status information.",
        status::get,
    ),
    Tool::new(
        "status-set",
        "<maintenance | blocked | waiting | active> [message]",
        "Set status information.",
        status::set,
    ),
    Tool::new(
        "storage-add",
        "<charm storage name>[=count] ...",
        "Add storage instances.",
        storage_resource::add,
    ),
    Tool::new(
        "storage-get",
        "[<key>]",
        "Print information for the storage instance with the specified ID.",
        storage_resource::get,
    ),
    Tool::new(
        "storage-list",
        "[<storage-name>]",
        "List storage attached to the unit.",
        storage_resource::list,
    ),
    Tool::new(
        "unit-get",
        "<setting>",
        "Print public-address or private-address.",
        network::unit_get,
    ),
];

/// The names of the tools that a version of Juju has, sorted; an agent makes one link for each.
pub fn names(juju_version: &str) -> Vec<&'static str> {
    let major = major(juju_version);
    TOOLS
        .iter()
        .filter(|tool| in_version(tool, major))
        .map(|tool| tool.name)
        .collect()
}

/// The tool of that name, if that version of Juju has it.
pub(crate) fn find(name: &str, juju_version: &str) -> Option<&'static Tool> {
    let major = major(juju_version);
    TOOLS.iter().find(|tool| tool.name == name && in_version(tool, major))
}

fn in_version(tool: &Tool, major: u32) -> bool {
    (tool.versions.0..tool.versions.1).contains(&major)
}

/// The major version; one that cannot be read counts as 3, which has every tool.
fn major(juju_version: &str) -> u32 {
    juju_version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_knows_versions() {
        assert!(TOOLS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(find("leader-set", "3.6.28").is_some() && find("leader-set", "4.0.1").is_none());
        assert!(find("secret-add", "2.9.52").is_none() && find("secret-add", "3.6.0").is_some());
        assert_eq!(names("3.6.28").len(), TOOLS.len());
        assert!(find("payload-register", "3.6.28").is_none());
    }
}
