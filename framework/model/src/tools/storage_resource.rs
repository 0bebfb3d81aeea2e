//! `storage-list`, `storage-get`, `storage-add` and `resource-get`.
//!
//! The model gives its units no storage. The tools say so in Juju's words where it has some: nothing is attached.

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Failure, Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};

pub(super) fn list(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    check_empty(parsed.args.get(1..).unwrap_or_default())?;
    call.print(&parsed, Formats::Smart, &Data::Strings(Vec::new()))
}

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let check = |id: &str| match is_storage_id(id) {
        true => Err("storage not found".to_owned()),
        false => Err(format!("invalid storage ID {}", quote(id))),
    };
    call.parse(&with_output(Flags::default().checked(&["s"], check), Formats::Smart))?;
    usage("no storage instance specified")
}

/// `name/number`.
fn is_storage_id(id: &str) -> bool {
    let Some((name, number)) = id.split_once('/') else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(plain)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn add(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    if parsed.args.is_empty() {
        return usage("storage add requires a storage directive");
    }
    for directive in &parsed.args {
        let (name, count) = directive.split_once('=').unwrap_or((directive, "1"));
        if !count.parse::<u32>().is_ok_and(|count| count > 0) {
            return usage(format!("only count can be specified for {}", quote(name)));
        }
    }
    failed("storage is not supported by this model")
}

/// Prints the path without a newline.
pub(super) fn resource_get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let Some((name, rest)) = parsed.args.split_first() else {
        return usage("missing required resource name");
    };
    check_empty(rest)?;
    let path = call
        .files
        .resource(name)
        .map_err(|reason| Failure::Run(format!("could not download resource: {reason}")))?;
    call.stdout.extend_from_slice(path.as_bytes());
    Ok(())
}
