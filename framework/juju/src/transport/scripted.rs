//! A transport that answers from a script, for tests.
//!
//! ```
//! use juju::{ScriptedTransport, Tools};
//!
//! let mut transport = ScriptedTransport::new();
//! transport.answer("is-leader --format=json", "true");
//! let log = transport.log();
//! let mut tools = Tools::new(Box::new(transport));
//! assert!(tools.is_leader()?);
//! assert_eq!(log.borrow().len(), 1);
//! # Ok::<(), juju::ToolError>(())
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::{ToolCall, ToolOutput, Transport, TransportError};

/// Answers by command line; whatever the script does not name is refused as the agent refuses unknown commands.
#[derive(Debug, Default)]
pub struct ScriptedTransport {
    answers: BTreeMap<String, VecDeque<ToolOutput>>,
    log: Rc<RefCell<Vec<ToolCall>>>,
}

impl ScriptedTransport {
    /// A script without answers.
    pub fn new() -> ScriptedTransport {
        ScriptedTransport::default()
    }

    /// Answers this command line (tool and arguments joined by single spaces) with success and this output.
    /// Several answers to one line are given in turn; the last is repeated.
    pub fn answer(&mut self, line: &str, stdout: &str) -> &mut ScriptedTransport {
        self.output(line, ToolOutput::ok(stdout))
    }

    /// Lets this command line fail with `ERROR <message>`.
    pub fn fail(&mut self, line: &str, code: i64, message: &str) -> &mut ScriptedTransport {
        self.output(line, ToolOutput::error(code, message))
    }

    /// Answers this command line with any output.
    pub fn output(&mut self, line: &str, output: ToolOutput) -> &mut ScriptedTransport {
        self.answers.entry(line.to_owned()).or_default().push_back(output);
        self
    }

    /// The calls so far; the handle stays valid when the transport has been given away.
    pub fn log(&self) -> Rc<RefCell<Vec<ToolCall>>> {
        Rc::clone(&self.log)
    }
}

impl Transport for ScriptedTransport {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        self.log.borrow_mut().push(call.clone());
        let mut line = call.tool.clone();
        for arg in &call.args {
            line.push(' ');
            line.push_str(arg);
        }
        let unscripted = || TransportError::Refused {
            text: format!("no scripted answer to `{line}`"),
        };
        let answers = self.answers.get_mut(&line).ok_or_else(unscripted)?;
        let next = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        next.ok_or_else(unscripted)
    }

    fn name(&self) -> &'static str {
        "scripted"
    }
}
