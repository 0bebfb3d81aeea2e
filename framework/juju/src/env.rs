//! The names of the environment variables that a unit agent gives to hooks and that this crate reads.

use std::ffi::OsString;

/// The charm's directory (also `CHARM_DIR`).
pub const CHARM_DIR: &str = "JUJU_CHARM_DIR";
/// The older name of [`CHARM_DIR`].
pub const CHARM_DIR_OLD: &str = "CHARM_DIR";
/// The opaque id of this run of a hook or action; the agent refuses tools that name another.
pub const CONTEXT_ID: &str = "JUJU_CONTEXT_ID";
/// The name of the hook; empty for actions.
pub const HOOK_NAME: &str = "JUJU_HOOK_NAME";
/// `hooks/<hook>` or `actions/<action>`.
pub const DISPATCH_PATH: &str = "JUJU_DISPATCH_PATH";
/// The local unit.
pub const UNIT_NAME: &str = "JUJU_UNIT_NAME";
/// The model's name.
pub const MODEL_NAME: &str = "JUJU_MODEL_NAME";
/// The model's UUID.
pub const MODEL_UUID: &str = "JUJU_MODEL_UUID";
/// The unit agent's version.
pub const VERSION: &str = "JUJU_VERSION";
/// The unit's machine; empty on Kubernetes.
pub const MACHINE_ID: &str = "JUJU_MACHINE_ID";
/// `unix`, or `tcp` for the old remote operators.
pub const SOCKET_NETWORK: &str = "JUJU_AGENT_SOCKET_NETWORK";
/// The agent's socket: a path, or `@name` for an abstract socket.
pub const SOCKET_ADDRESS: &str = "JUJU_AGENT_SOCKET_ADDRESS";
/// The token of remote contexts; not set for local units.
pub const AGENT_TOKEN: &str = "JUJU_AGENT_TOKEN";
/// The relation's id in relation hooks.
pub const RELATION_ID: &str = "JUJU_RELATION_ID";
/// The remote unit in relation hooks; empty where the event is about the application.
pub const REMOTE_UNIT: &str = "JUJU_REMOTE_UNIT";
/// The remote application in relation hooks.
pub const REMOTE_APP: &str = "JUJU_REMOTE_APP";
/// The unit that leaves, in relation-departed.
pub const DEPARTING_UNIT: &str = "JUJU_DEPARTING_UNIT";
/// The storage instance in storage hooks.
pub const STORAGE_ID: &str = "JUJU_STORAGE_ID";
/// Where the storage is, in storage hooks.
pub const STORAGE_LOCATION: &str = "JUJU_STORAGE_LOCATION";
/// `filesystem` or `block`, in storage hooks.
pub const STORAGE_KIND: &str = "JUJU_STORAGE_KIND";
/// The secret's URI in secret hooks.
pub const SECRET_ID: &str = "JUJU_SECRET_ID";
/// The secret's label in secret hooks.
pub const SECRET_LABEL: &str = "JUJU_SECRET_LABEL";
/// The secret's revision in some secret hooks.
pub const SECRET_REVISION: &str = "JUJU_SECRET_REVISION";
/// The action's name.
pub const ACTION_NAME: &str = "JUJU_ACTION_NAME";
/// The action's task id (a decimal number despite the variable's name).
pub const ACTION_UUID: &str = "JUJU_ACTION_UUID";
/// Ours: `rpc` or `exec` forces the way to the hook tools.
pub const HOOK_TRANSPORT: &str = "CHARM_HOOK_TRANSPORT";

/// The variables of this process as text. What is not UTF-8 is converted with replacement characters, where
/// `std::env::vars` would panic.
pub fn of_process() -> impl Iterator<Item = (String, String)> {
    let text = |os: OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}
