//! The context of one run of a hook, action or command.
//!
//! [`Model::open_context`] makes it when the agent starts the process. While the process runs, every hook tool is one
//! [`Context::call`]: reads come from the model (remote settings are read once and then stay as they were, so that a hook
//! sees one picture), writes are buffered, and what takes place at once is returned as an event for the journal. When the
//! process has ended, [`Context::finish`] turns the buffers into the event that commits or drops them.

use std::collections::BTreeMap;
use std::io;

use juju::wire::{ExecResponse, Request, STDIN_REQUIRED};
use juju::{Databag, Party, UnitName};
use serde_json::Value;

use crate::changes::Changes;
use crate::event::{Event, Exit};
use crate::operation::{Operation, RelationRun};
use crate::state::Model;
use crate::tools::{self, Failure, Invocation};

mod variables;

/// The private side of one run: its identity, its buffers, and what it has read so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    id: String,
    unit: UnitName,
    operation: Operation,
    changes: Changes,
    reads: Reads,
}

/// What must not change under the hands of a hook.
#[derive(Debug, Clone, PartialEq, Default)]
struct Reads {
    /// Settings of others, by relation and owner.
    bags: BTreeMap<(u32, Party), Databag>,
    /// The application's configuration.
    config: Option<BTreeMap<String, Value>>,
    /// Leadership was denied once.
    not_leader: bool,
}

/// What a tool call gives back to the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOutcome {
    /// The answer to the client.
    pub response: ExecResponse,
    /// What takes place at once: to be journalled and applied before the answer is sent.
    pub effect: Option<Event>,
    /// Lines for the model's log.
    pub log: Vec<LogLine>,
}

/// A line that a tool writes to the model's log, under the logger `unit.<unit>.juju-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `TRACE`, `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.
    pub level: &'static str,
    /// The text.
    pub message: String,
}

/// The files that tools touch; in Juju it is the agent that opens them, not the tool.
pub trait Files {
    /// The content of a file named by `--file`.
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>>;

    /// Creates or replaces a file named by `-o`.
    fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()>;

    /// Fetches a resource to the unit and returns its absolute path; the error is what follows
    /// `could not download resource: `. Who keeps no resources has none.
    fn resource(&mut self, name: &str) -> Result<String, String> {
        Err(format!("resource {name:?} not found"))
    }
}

impl Model {
    /// The context for a run that is about to start.
    pub fn open_context(&self, unit: &UnitName, operation: &Operation, context_id: String) -> Context {
        Context {
            id: context_id,
            unit: unit.clone(),
            operation: operation.clone(),
            changes: Changes::default(),
            reads: Reads::default(),
        }
    }
}

impl Context {
    /// Its identity, as in `JUJU_CONTEXT_ID`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The unit that it belongs to.
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }

    /// What is run.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What has been buffered so far.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Runs one hook tool.
    ///
    /// # Errors
    ///
    /// The RPC error text of a request that is refused before any tool runs, or [`STDIN_REQUIRED`] if the tool wants
    /// standard input and the request has none; nothing has happened then, and the client calls again.
    pub fn call(&mut self, model: &Model, request: &Request, files: &mut dyn Files) -> Result<CallOutcome, String> {
        let tool = self.find_tool(model, request)?;
        let mut call = Invocation {
            model,
            context: self,
            request,
            files,
            stdout: Vec::new(),
            stderr: Vec::new(),
            effect: None,
            log: Vec::new(),
        };
        let code = match (tool.run)(&mut call) {
            Ok(()) => 0,
            Err(Failure::StdinRequired) => return Err(STDIN_REQUIRED.to_owned()),
            Err(Failure::Help) => {
                call.stdout.extend_from_slice(help(tool).as_bytes());
                0
            }
            Err(Failure::Usage(text)) => complain(&mut call.stderr, &text, 2),
            Err(Failure::Run(text)) => complain(&mut call.stderr, &text, 1),
        };
        let Invocation {
            stdout,
            stderr,
            effect,
            log,
            ..
        } = call;
        let unit = self.unit.clone();
        Ok(CallOutcome {
            response: ExecResponse { code, stdout, stderr },
            effect: effect.map(|effect| Event::ToolEffect { unit, effect }),
            log,
        })
    }

    /// The checks that the agent makes before a tool runs, in its order.
    fn find_tool(&self, model: &Model, request: &Request) -> Result<&'static tools::Tool, String> {
        if !request.token.is_empty() {
            return Err("bad request: token does not match".to_owned());
        }
        if request.command_name.is_empty() {
            return Err("bad request: command not specified".to_owned());
        }
        if !request.dir.starts_with('/') {
            return Err("bad request: Dir is not absolute".to_owned());
        }
        if request.context_id != self.id {
            return Err(format!(
                "bad request: wrong context ID; got {}",
                tools::gotext::quote(&request.context_id)
            ));
        }
        tools::find(&request.command_name, model.juju_version())
            .ok_or_else(|| format!("bad request: unknown command: {}", request.command_name))
    }

    /// The event that ends the run: committed or dropped by the model, as the exit says.
    pub fn finish(self, exit: Exit, stdout: Vec<u8>, stderr: Vec<u8>) -> Event {
        Event::OperationFinished {
            unit: self.unit,
            context_id: self.id,
            exit,
            changes: self.changes,
            stdout,
            stderr,
        }
    }

    /// The buffers.
    pub(crate) fn changes_mut(&mut self) -> &mut Changes {
        &mut self.changes
    }

    /// What the running relation hook is about.
    pub(crate) fn relation_run(&self) -> Option<&RelationRun> {
        self.operation.hook()?.relation.as_ref()
    }

    /// Remembers a denial of leadership for the rest of the run.
    pub(crate) fn confirm_leadership(&mut self, leads: bool) -> bool {
        self.reads.not_leader |= !leads;
        !self.reads.not_leader
    }

    /// Settings of someone else, as they were when first read in this run.
    pub(crate) fn remembered_bag(&mut self, relation: u32, party: &Party, read: impl FnOnce() -> Databag) -> &Databag {
        self.reads.bags.entry((relation, party.clone())).or_insert_with(read)
    }

    /// The configuration, as it was when first read in this run.
    pub(crate) fn remembered_config(
        &mut self,
        read: impl FnOnce() -> BTreeMap<String, Value>,
    ) -> &BTreeMap<String, Value> {
        self.reads.config.get_or_insert_with(read)
    }
}

fn complain(stderr: &mut Vec<u8>, text: &str, code: i64) -> i64 {
    stderr.extend_from_slice(format!("ERROR {text}\n").as_bytes());
    code
}

fn help(tool: &tools::Tool) -> String {
    let arguments = if tool.synopsis.is_empty() {
        String::new()
    } else {
        format!(" {}", tool.synopsis)
    };
    format!(
        "Usage: {} [options]{arguments}\n\nSummary:\n{}\n",
        tool.name, tool.purpose
    )
}
