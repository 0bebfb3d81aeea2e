//! `action-get`, `action-set`, `action-fail` and `action-log`.

use serde_json::{Map, Value};

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Failure, Invocation, ToolResult, check_empty, usage};
use super::output::{Formats, with_output};
use crate::changes::Effect;
use crate::state::{Task, TaskKind};

/// Parts of keys that belong to Juju.
const RESERVED: [&str; 4] = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

const DEFAULT_FAILURE: &str = "action failed without reason given, check action for errors";

/// The task that runs, or the error of all these tools outside an action.
fn running<'a>(call: &Invocation<'a>) -> ToolResult<&'a Task> {
    let task = call.context.operation().task().and_then(|id| call.model.task(id));
    task.ok_or_else(|| Failure::Run("not running an action".to_owned()))
}

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    let path = match parsed.args.split_first() {
        None => None,
        Some((path, rest)) => {
            check_empty(rest)?;
            Some(path)
        }
    };
    let parameters = parameters(running(call)?);
    let data = match path {
        None => Data::from(&Value::Object(parameters)),
        Some(path) => descend(&parameters, path).map_or(Data::Nil, Data::from),
    };
    call.print(&parsed, Formats::Smart, &data)
}

/// The parameters; a command is the predefined action with the command as its only one.
fn parameters(task: &Task) -> Map<String, Value> {
    match &task.kind {
        TaskKind::Action { parameters, .. } => parameters.clone(),
        TaskKind::Exec { command } => Map::from_iter([("command".to_owned(), Value::from(command.as_str()))]),
    }
}

fn descend<'a>(parameters: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = parameters.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.as_object()?.get(key))
}

pub(super) fn set(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let mut results = Vec::new();
    for arg in &parsed.args {
        let Some((path, value)) = arg.split_once('=') else {
            return usage(format!("argument {} must be of the form key...=value", quote(arg)));
        };
        let keys: Vec<&str> = path.split('.').collect();
        keys.iter().try_for_each(|key| check_key(key))?;
        results.push((keys, value));
    }
    for (keys, value) in results {
        running(call)?;
        insert(&mut call.context.changes_mut().action_results, &keys, value);
    }
    Ok(())
}

fn check_key(key: &str) -> ToolResult {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = key.bytes().next().is_some_and(plain) && key.bytes().last().is_some_and(plain);
    if !ends || !key.bytes().all(|b| plain(b) || b == b'-') {
        return usage(format!(
            "key {} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens",
            quote(key)
        ));
    }
    if RESERVED.contains(&key) {
        return usage(format!("cannot set reserved action key {}", quote(key)));
    }
    Ok(())
}

/// Puts a value at a path, making maps on the way; what is in the way is overwritten.
fn insert(map: &mut Map<String, Value>, keys: &[&str], value: &str) {
    let Some((key, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        map.insert((*key).to_owned(), Value::from(value));
        return;
    }
    let slot = map
        .entry((*key).to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(inner) = slot {
        insert(inner, rest, value);
    }
}

pub(super) fn fail(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let message = match parsed.args.split_first() {
        None => DEFAULT_FAILURE,
        Some((message, rest)) => {
            check_empty(rest)?;
            message
        }
    };
    running(call)?;
    call.context.changes_mut().action_failed = Some(message.to_owned());
    Ok(())
}

pub(super) fn log(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    if parsed.args.is_empty() {
        return usage("no message specified");
    }
    running(call)?;
    call.effect = Some(Effect::ActionLog {
        message: parsed.args.join(" "),
    });
    Ok(())
}
