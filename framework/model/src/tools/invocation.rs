//! One call of a tool: what it may read, where it prints, and what it leaves behind.

use std::io;

use juju::wire::Request;
use juju::{ApplicationName, UnitName};

use super::data::Data;
use super::gnuflag::{FlagError, Flags, Parsed};
use super::gotext::quote_list;
use super::output::{self, Formats};
use crate::changes::Effect;
use crate::context::{Context, Files, LogLine};
use crate::state::{Application, Model, Unit};

/// How a tool ends badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// `--help`: no failure at all, exit 0.
    Help,
    /// Found before the tool ran: exit 2.
    Usage(String),
    /// While it ran: exit 1.
    Run(String),
    /// It wanted to read standard input and the caller had not sent it.
    StdinRequired,
}

/// What a tool's function gives back.
pub(crate) type ToolResult<T = ()> = Result<T, Failure>;

/// A failure found before the tool ran.
pub(crate) fn usage<T>(text: impl Into<String>) -> ToolResult<T> {
    Err(Failure::Usage(text.into()))
}

/// A failure while the tool ran.
pub(crate) fn failed<T>(text: impl Into<String>) -> ToolResult<T> {
    Err(Failure::Run(text.into()))
}

/// One call of a tool.
pub(crate) struct Invocation<'a> {
    pub(crate) model: &'a Model,
    pub(crate) context: &'a mut Context,
    pub(crate) request: &'a Request,
    pub(crate) files: &'a mut dyn Files,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) effect: Option<Effect>,
    pub(crate) log: Vec<LogLine>,
}

impl<'a> Invocation<'a> {
    /// Parses the command line.
    pub(crate) fn parse(&self, flags: &Flags<'_>) -> ToolResult<Parsed> {
        flags.parse(&self.request.args).map_err(|error| match error {
            FlagError::Help => Failure::Help,
            FlagError::Usage(text) => Failure::Usage(text),
        })
    }

    /// Prints a value in the chosen format, to standard output or to the file of `-o`.
    pub(crate) fn print(&mut self, parsed: &Parsed, formats: Formats, data: &Data) -> ToolResult {
        let bytes = output::render(data, &output::chosen(parsed, formats));
        match parsed.value("o").filter(|path| !path.is_empty()) {
            Some(path) => {
                let path = self.absolute(path);
                self.files
                    .write(&path, &bytes)
                    .map_err(|error| Failure::Run(open_error(&path, &error)))
            }
            None => {
                self.stdout.extend_from_slice(&bytes);
                Ok(())
            }
        }
    }

    /// The text of an input file; `-` is standard input.
    pub(crate) fn read_input(&mut self, path: &str) -> ToolResult<String> {
        let bytes = if path == "-" {
            self.request.stdin.clone().ok_or(Failure::StdinRequired)?
        } else {
            let path = self.absolute(path);
            self.files
                .read(&path)
                .map_err(|error| Failure::Run(open_error(&path, &error)))?
        };
        String::from_utf8(bytes).map_err(|_| Failure::Run("yaml: invalid leading UTF-8 octet".to_owned()))
    }

    /// Notes on standard error that `--format` means nothing here any more, if it was given.
    pub(crate) fn note_deprecated_format(&mut self, parsed: &Parsed) {
        if parsed.value("format").is_some_and(|format| !format.is_empty()) {
            let note = format!("--format flag deprecated for command {:?}", self.request.command_name);
            self.stderr.extend_from_slice(note.as_bytes());
        }
    }

    /// The unit that runs the tool.
    pub(crate) fn unit_name(&self) -> UnitName {
        self.context.unit().clone()
    }

    /// Its application's name.
    pub(crate) fn application_name(&self) -> ApplicationName {
        self.context.unit().application()
    }

    /// The unit's record. It cannot go away while it runs something, but the model is another value than the context.
    pub(crate) fn unit(&self) -> ToolResult<&'a Unit> {
        let name = self.context.unit();
        self.model
            .unit(name)
            .ok_or_else(|| Failure::Run(format!("unit {:?} not found", name.as_str())))
    }

    /// The application's record.
    pub(crate) fn application(&self) -> ToolResult<&'a Application> {
        let name = self.application_name();
        self.model
            .application(&name)
            .ok_or_else(|| Failure::Run(format!("application {:?} not found", name.as_str())))
    }

    /// Whether the unit leads; once it did not, it does not for the rest of the run.
    pub(crate) fn is_leader(&mut self) -> bool {
        let leads = self.model.is_leader(self.context.unit());
        self.context.confirm_leadership(leads)
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}/{path}", self.request.dir.trim_end_matches('/'))
        }
    }
}

/// `unrecognized args: ["a" "b"]` unless there are none.
pub(crate) fn check_empty(args: &[String]) -> ToolResult {
    if args.is_empty() {
        Ok(())
    } else {
        usage(format!("unrecognized args: {}", quote_list(args)))
    }
}

/// The text of Go's `*PathError` for opening a file.
fn open_error(path: &str, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    format!("open {path}: {reason}")
}
