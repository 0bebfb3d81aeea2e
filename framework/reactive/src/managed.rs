//! Looks up the managed flags, and remembers what the next hook compares with.

use std::collections::BTreeSet;

use juju::{EndpointName, HookContext, RelationEventKind, Tools};
use serde_json::{Map, Value};
use store::Store;

use crate::Flag;
use crate::charm::Charm;
use crate::flags::{Managed, RelationNews};
use crate::report::DispatchError;
use crate::state::{Change, State};

/// The configuration that the last successful hook saw.
const CONFIG_KEY: &str = "reactive.config";
/// The lasting flags that were set at the end of the last successful hook.
const LASTING_KEY: &str = "reactive.lasting";

/// The facts of this dispatch.
pub(crate) struct Facts {
    /// The managed flags that are set.
    pub(crate) set: BTreeSet<Flag>,
    /// The configuration, if it was needed.
    config: Option<Map<String, Value>>,
}

/// Looks up every managed flag that the charm names.
pub(crate) fn look_up(
    charm: &Charm,
    hook: &HookContext,
    tools: &mut Tools,
    store: &Store,
) -> Result<Facts, DispatchError> {
    let wants_config = |m: &Managed| matches!(m, Managed::ConfigChanged(_) | Managed::ConfigSet(_));
    let config = match charm.managed().values().any(wants_config) {
        true => Some(read_config(tools)?),
        false => None,
    };
    let previous: Option<Map<String, Value>> = store.get(CONFIG_KEY)?;
    let mut set = BTreeSet::new();
    for (flag, managed) in charm.managed() {
        let holds = match managed {
            Managed::Leader => tools.is_leader().map_err(tool("ask who is leader"))?,
            Managed::ConfigChanged(None) => config != previous,
            Managed::ConfigChanged(Some(option)) => differs(option, config.as_ref(), previous.as_ref()),
            Managed::ConfigSet(option) => config.as_ref().is_some_and(|c| has_value(c.get(option))),
            Managed::Joined(endpoint) => has_units(endpoint, tools)?,
            Managed::RelationEvent { endpoint, event } => is_event(hook, endpoint, *event),
        };
        if holds {
            set.insert(flag.clone());
        }
    }
    Ok(Facts { set, config })
}

fn tool(doing: impl Into<String>) -> impl FnOnce(juju::ToolError) -> DispatchError {
    let doing = doing.into();
    |source| DispatchError::Tool {
        doing,
        source: Box::new(source),
    }
}

fn read_config(tools: &mut Tools) -> Result<Map<String, Value>, DispatchError> {
    let config = tools.config().map_err(tool("read the configuration"))?;
    Ok(config.clone())
}

/// Whether an option differs; before the first successful hook everything does.
fn differs(option: &str, now: Option<&Map<String, Value>>, before: Option<&Map<String, Value>>) -> bool {
    let value = |map: &Map<String, Value>| map.get(option).filter(|v| !v.is_null()).cloned();
    before.is_none() || now.and_then(value) != before.and_then(value)
}

fn has_value(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

fn has_units(endpoint: &str, tools: &mut Tools) -> Result<bool, DispatchError> {
    // A name that is no endpoint's has no relations; `check` reports it against the metadata.
    let Ok(name) = EndpointName::try_from(endpoint) else {
        return Ok(false);
    };
    let doing = || format!("list the units of endpoint `{endpoint}`");
    let relations = tools.relation_ids(&name).map_err(tool(doing()))?;
    for relation in relations {
        if !tools.relation_units(&relation).map_err(tool(doing()))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_event(hook: &HookContext, endpoint: &str, event: RelationNews) -> bool {
    let kind = match event {
        RelationNews::Changed => RelationEventKind::Changed,
        RelationNews::Departed => RelationEventKind::Departed,
        RelationNews::Broken => RelationEventKind::Broken,
    };
    hook.relation_hook()
        .is_some_and(|relation| relation.kind == kind && relation.relation.endpoint().as_str() == endpoint)
}

/// Pulls the triggers on what differs from the last successful hook, and on this hook's news.
pub(crate) fn pull_triggers(charm: &Charm, state: &mut State, store: &Store) -> Result<(), DispatchError> {
    let before: BTreeSet<String> = store.get(LASTING_KEY)?.unwrap_or_default();
    let mut changes = Vec::new();
    for flag in lasting(charm) {
        let set = state.is_set(&flag);
        if set != before.contains(flag.as_str()) {
            changes.push(Change { flag, set });
        }
    }
    for (flag, managed) in charm.managed() {
        if !managed.lasts() && state.is_set(flag) {
            let flag = flag.clone();
            changes.push(Change { flag, set: true });
        }
    }
    changes.iter().for_each(|change| state.pull(change, charm.triggers()));
    Ok(())
}

/// The flags that are looked up or recomputed and hold from hook to hook.
fn lasting(charm: &Charm) -> BTreeSet<Flag> {
    let managed = charm.managed().iter().filter(|(_, managed)| managed.lasts());
    let managed = managed.map(|(flag, _)| flag.clone());
    managed.chain(charm.recomputed().iter().cloned()).collect()
}

/// Remembers what the next hook compares with.
pub(crate) fn remember(charm: &Charm, facts: &Facts, state: &State, store: &Store) -> Result<(), DispatchError> {
    let set: Vec<String> = lasting(charm)
        .iter()
        .filter(|flag| state.is_set(flag))
        .map(Flag::to_string)
        .collect();
    store.set(LASTING_KEY, &set)?;
    if let Some(config) = &facts.config {
        store.set(CONFIG_KEY, config)?;
    }
    Ok(())
}
