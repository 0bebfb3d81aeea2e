//! Mistakes in what was typed, in Juju's words instead of the parser's.

use std::error::Error as _;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::failure::Failure;
use super::output;

/// What the parser has to say: help to stdout, mistakes as failures.
pub(super) fn usage(error: &clap::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp => output::data(&error.to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // With stderr closed there is nobody to tell.
            let _ = write!(std::io::stderr(), "{error}");
            Err(Failure::silent(2))
        }
        ErrorKind::InvalidSubcommand => Err(unknown_command(error)),
        ErrorKind::UnknownArgument => Err(unknown_argument(&text(error, ContextKind::InvalidArg))),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => Err(bad_value(error)),
        ErrorKind::MissingRequiredArgument => Err(missing(error)),
        _ => Err(Failure::usage(parsers_words(error))),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    error.get(kind).map(ToString::to_string).unwrap_or_default()
}

fn unknown_command(error: &clap::Error) -> Failure {
    let name = text(error, ContextKind::InvalidSubcommand);
    // The best comes last.
    let near = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.last().cloned(),
        Some(ContextValue::String(name)) => Some(name.clone()),
        _ => None,
    };
    let near = near.map(|near| format!("\n\nDid you mean:\n\t{near}"));
    let text = format!("minijuju: {name:?} is not a minijuju command. See \"minijuju --help\".");
    Failure::new(text + &near.unwrap_or_default())
}

fn unknown_argument(name: &str) -> Failure {
    if name.starts_with('-') {
        Failure::usage(format!("option provided but not defined: {name}"))
    } else {
        Failure::usage(format!("unrecognized args: [{name:?}]"))
    }
}

/// An option with a value that it does not take, or with none.
fn bad_value(error: &clap::Error) -> Failure {
    // The parser names the place of the value too: `--format <FORMAT>`.
    let option = text(error, ContextKind::InvalidArg);
    let option = option.split(' ').next().unwrap_or_default();
    let value = text(error, ContextKind::InvalidValue);
    if value.is_empty() {
        return Failure::usage(format!("option needs an argument: {option}"));
    }
    let reason = match error.source() {
        _ if option == "--format" => format!("unknown format {value:?}"),
        Some(reason) => reason.to_string(),
        None => "unknown value".to_owned(),
    };
    Failure::usage(format!("invalid value {value:?} for option {option}: {reason}"))
}

/// Each command has its own words for what it cannot do without.
fn missing(error: &clap::Error) -> Failure {
    let usage = text(error, ContextKind::Usage);
    let command = usage
        .split_whitespace()
        .skip_while(|word| *word != "minijuju")
        .nth(1)
        .unwrap_or_default();
    let words = match command {
        "add-model" => "model name is required",
        "destroy-model" => "no model specified",
        "deploy" => "no charm or bundle specified",
        "integrate" | "remove-relation" => "a relation must involve two applications",
        "add-unit" | "remove-application" => "no application specified",
        "config" | "trust" | "expose" | "unexpose" | "actions" => "no application name specified",
        "remove-unit" | "resolved" => "no units specified",
        "show-unit" => "a unit name must be supplied",
        "run" => "no unit specified",
        "show-task" | "cancel-task" => "no task ID specified",
        "show-operation" => "no operation ID specified",
        "ssh" => "no target name specified",
        "scp" => "at least two arguments required",
        _ => return Failure::usage(parsers_words(error)),
    };
    Failure::usage(words)
}

/// The parser's first paragraph: the rest is its way to help.
fn parsers_words(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    text.split("\n\nFor more")
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}
