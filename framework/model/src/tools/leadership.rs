//! `is-leader`, `leader-get` and `leader-set`.

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Invocation, ToolResult, check_empty, failed, usage};
use super::output::{Formats, with_output};
use super::settings::parse_pairs;
use crate::changes::Effect;

pub(super) fn is_leader(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    check_empty(&parsed.args)?;
    let leads = call.is_leader();
    call.print(&parsed, Formats::Smart, &Data::Bool(leads))
}

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default(), Formats::Smart))?;
    let key = match parsed.args.split_first() {
        None => "",
        Some((key, rest)) => {
            if key.contains('=') {
                return usage(format!("invalid key {}", quote(key)));
            }
            check_empty(rest)?;
            if key == "-" { "" } else { key.as_str() }
        }
    };
    let settings = &call.application()?.leader_settings.settings;
    let data = match settings.get(key) {
        _ if key.is_empty() => Data::bag(settings),
        Some(value) => Data::text(value),
        None => Data::Nil,
    };
    call.print(&parsed, Formats::Smart, &data)
}

pub(super) fn set(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&Flags::default())?;
    let settings = parse_pairs(&parsed.args)?;
    if !call.is_leader() {
        return failed("cannot write leadership settings: cannot write settings: not the leader");
    }
    if !settings.is_empty() {
        let settings = settings
            .into_iter()
            .map(|(key, value)| (key, Some(value).filter(|v| !v.is_empty())))
            .collect();
        call.effect = Some(Effect::LeaderSet { settings });
    }
    Ok(())
}
