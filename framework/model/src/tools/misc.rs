//! Tools without a family: the log, the workload's version, reboots, credentials, secrets.

use super::gnuflag::{Flags, Parsed};
use super::gotext::quote;
use super::invocation::{Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};
use crate::changes::Effect;
use crate::context::LogLine;

pub(super) fn juju_log(call: &mut Invocation<'_>) -> ToolResult {
    let flags = Flags::default()
        .bool(&["debug"])
        .text(&["l", "log-level"])
        .text(&["format"]);
    let parsed = call.parse(&flags)?;
    if parsed.args.is_empty() {
        return usage("no message specified");
    }
    call.note_deprecated_format(&parsed);
    let level = level(call, &parsed);
    let prefix = call
        .context
        .relation_run()
        .map(|run| format!("{}: ", run.relation))
        .unwrap_or_default();
    call.log.push(LogLine {
        level,
        message: prefix + &parsed.args.join(" "),
    });
    Ok(())
}

/// The level asked for; one that does not exist is noted in the log and counts as INFO.
fn level(call: &mut Invocation<'_>, parsed: &Parsed) -> &'static str {
    if parsed.is_on("debug") {
        return "DEBUG";
    }
    let name = parsed.value("l").unwrap_or("INFO");
    match name.to_ascii_uppercase().as_str() {
        "" | "INFO" => "INFO",
        "TRACE" => "TRACE",
        "DEBUG" => "DEBUG",
        "WARN" | "WARNING" => "WARNING",
        "ERROR" => "ERROR",
        "CRITICAL" => "CRITICAL",
        _ => {
            let message = format!("Specified log level of {} is not valid", quote(name));
            call.log.push(LogLine {
                level: "WARNING",
                message,
            });
            "INFO"
        }
    }
}

pub(super) fn application_version_set(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let Some((version, rest)) = parsed.args.split_first() else {
        return usage("no version specified");
    };
    check_empty(rest)?;
    call.effect = Some(Effect::ApplicationVersionSet {
        version: version.clone(),
    });
    Ok(())
}

pub(super) fn juju_reboot(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default().bool(&["now"]))?;
    check_empty(&parsed.args)?;
    if call.context.operation().task().is_some() {
        return failed("juju-reboot is not supported when running an action.");
    }
    if parsed.is_on("now") {
        call.effect = Some(Effect::RebootNow);
    } else {
        call.context.changes_mut().reboot = true;
    }
    Ok(())
}

/// A model on one machine has no cloud, and so nothing that `juju trust` could give access to.
pub(super) fn credential_get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    check_empty(&parsed.args)?;
    failed("cannot access cloud credentials: permission denied")
}

/// The secret tools: known by name, and honest about what this model cannot do.
pub(super) fn secrets(_call: &mut Invocation<'_>) -> ToolResult {
    failed("secrets are not supported by this model")
}
