//! `state-get`, `state-set` and `state-delete`: what a charm keeps with the controller for a unit.

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Invocation, ToolResult, check_empty, failed};
use super::output::{Formats, with_output};
use super::settings::{Settings, parse_file, parse_pairs};

/// The longest key in bytes.
const MAX_KEY: usize = 256;

/// The longest value in bytes.
const MAX_VALUE: usize = 65536;

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let flags = with_output(Flags::default().bool(&["strict"]), Formats::Smart);
    let parsed = call.parse(&flags)?;
    let (key, rest) = parsed
        .args
        .split_first()
        .map_or(("", [].as_slice()), |(key, rest)| (key.as_str(), rest));
    check_empty(rest)?;
    let state = present(call)?;
    let data = match state.get(key) {
        _ if key.is_empty() || key == "-" => {
            if state.is_empty() {
                Data::NilMap
            } else {
                Data::bag(&state)
            }
        }
        Some(value) => Data::text(value),
        None if parsed.is_on("strict") => return failed(format!("{} not found", quote(key))),
        None => Data::text(""),
    };
    call.print(&parsed, Formats::Smart, &data)
}

/// The state with this run's changes.
fn present(call: &Invocation<'_>) -> ToolResult<Settings> {
    let mut state = call.unit()?.charm_state.clone();
    for (key, value) in &call.context.changes().charm_state {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
    Ok(state)
}

pub(super) fn set(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default().text(&["file"]))?;
    let pairs = parse_pairs(&parsed.args)?;
    let mut settings = match parsed.value("file").filter(|path| !path.is_empty()) {
        Some(path) => parse_file(&call.read_input(path)?)?,
        None => Settings::new(),
    };
    settings.extend(pairs);
    for (key, value) in &settings {
        if key.len() > MAX_KEY {
            return failed(format!("max allowed key length ({MAX_KEY}) exceeded"));
        }
        if value.len() > MAX_VALUE {
            return failed(format!("max allowed value length ({MAX_VALUE}) exceeded"));
        }
    }
    let edits = &mut call.context.changes_mut().charm_state;
    edits.extend(settings.into_iter().map(|(key, value)| (key, Some(value))));
    Ok(())
}

pub(super) fn delete(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let Some((key, rest)) = parsed.args.split_first() else {
        return Ok(());
    };
    check_empty(rest)?;
    if !key.is_empty() {
        call.context.changes_mut().charm_state.insert(key.clone(), None);
    }
    Ok(())
}
