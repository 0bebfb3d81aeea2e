//! The ways from a hook to the hook tools.
//!
//! [`Transport`] is the port: one call, one answer. [`RpcTransport`] speaks to the agent's socket, one connection for
//! the whole hook; [`ExecTransport`] starts the hook-tool programs; [`ScriptedTransport`] answers from a script, for
//! tests. [`transport_from_env`] chooses.

mod connection;
mod exec;
mod rpc;
mod scripted;

pub(crate) use connection::Connection;
pub use exec::ExecTransport;
pub use rpc::RpcTransport;
pub use scripted::ScriptedTransport;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::env;
use crate::names::UnitName;
use crate::wire::WireError;

/// One call of a hook tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool's name, such as `config-get`.
    pub tool: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it may read from standard input.
    pub stdin: Option<Vec<u8>>,
}

impl ToolCall {
    /// A call of a tool with arguments and without standard input.
    pub fn new<A: Into<String>>(tool: impl Into<String>, args: impl IntoIterator<Item = A>) -> ToolCall {
        ToolCall {
            tool: tool.into(),
            args: args.into_iter().map(Into::into).collect(),
            stdin: None,
        }
    }

    /// The same call with standard input.
    #[must_use]
    pub fn with_stdin(self, stdin: impl Into<Vec<u8>>) -> ToolCall {
        ToolCall {
            stdin: Some(stdin.into()),
            ..self
        }
    }
}

/// What a hook tool did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// The exit code; 0 is success.
    pub code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl ToolOutput {
    /// A success with this standard output.
    pub fn ok(stdout: impl Into<Vec<u8>>) -> ToolOutput {
        ToolOutput {
            code: 0,
            stdout: stdout.into(),
            stderr: Vec::new(),
        }
    }

    /// A failure as Juju's tools report it: `ERROR <message>` on standard error.
    pub fn error(code: i64, message: &str) -> ToolOutput {
        ToolOutput {
            code,
            stdout: Vec::new(),
            stderr: format!("ERROR {message}\n").into_bytes(),
        }
    }
}

/// A way to the hook tools.
pub trait Transport {
    /// Runs one tool. A tool that fails is an answer (its code is not 0), not an error.
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError>;

    /// The way's name, such as `rpc`.
    fn name(&self) -> &'static str;

    /// The local unit, if the transport knows it; [`crate::Tools`] must know which bags are its own.
    fn unit(&self) -> Option<UnitName> {
        None
    }
}

/// A tool could not be asked, or its answer was not received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A variable of the hook's environment is absent or empty.
    #[error("{variable} not set")]
    NotSet {
        /// The variable.
        variable: &'static str,
    },
    /// `CHARM_HOOK_TRANSPORT` holds another word than `rpc` and `exec`.
    #[error("cannot use hook transport {value:?}: expected rpc or exec")]
    UnknownTransport {
        /// The variable's value.
        value: String,
    },
    /// The agent listens on a network that this client does not speak.
    #[error("cannot dial {address:?}: network {network:?} is not supported")]
    Network {
        /// The network that the agent named.
        network: String,
        /// The address.
        address: String,
    },
    /// Nobody answers at the agent's socket. The text is Go's.
    #[error("dial unix {address}: connect: {reason}")]
    Dial {
        /// The address.
        address: String,
        /// The system's reason.
        reason: String,
    },
    /// Reading from or writing to the agent or a hook-tool program failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The agent closed the connection before its answer was complete. The text is Go's.
    #[error("unexpected EOF")]
    Closed,
    /// The agent's bytes are not the protocol.
    #[error("cannot understand the unit agent's answer: {0}")]
    Wire(#[from] WireError),
    /// No answer within the transport's (long) deadline.
    #[error("cannot wait any longer for the hook tool: no answer after {0:?}")]
    Timeout(Duration),
    /// The agent refused the call.
    #[error("{text}")]
    Refused {
        /// The agent's error text.
        text: String,
    },
    /// There is no program of the tool's name on `PATH`.
    #[error("cannot find hook tool {tool:?} on PATH")]
    NoProgram {
        /// The tool.
        tool: String,
    },
}

/// Opens the way to the hook tools that the variables describe.
///
/// The agent's socket is used if somebody answers there, else the hook-tool programs. `CHARM_HOOK_TRANSPORT` forces one
/// of them. If the socket's very first answer is not understood, the programs take over, as they come from the same
/// version of Juju as the agent.
pub fn transport_from_env<I: IntoIterator<Item = (String, String)>>(
    vars: I,
) -> Result<Box<dyn Transport>, TransportError> {
    let vars: BTreeMap<String, String> = vars.into_iter().collect();
    match vars.get(env::HOOK_TRANSPORT).map_or("", String::as_str) {
        "rpc" => Ok(Box::new(RpcTransport::connect(vars)?)),
        "exec" => Ok(Box::new(ExecTransport::from_vars(vars))),
        "" => choose(vars),
        value => Err(TransportError::UnknownTransport {
            value: value.to_owned(),
        }),
    }
}

fn choose(vars: BTreeMap<String, String>) -> Result<Box<dyn Transport>, TransportError> {
    let exec = ExecTransport::from_vars(vars.clone());
    let exec = exec.has_tools().then_some(exec);
    match (RpcTransport::connect(vars), exec) {
        (Ok(rpc), Some(exec)) => Ok(Box::new(Cautious {
            current: Box::new(rpc),
            other: Some(exec),
        })),
        (Ok(rpc), None) => Ok(Box::new(rpc)),
        (Err(_), Some(exec)) => Ok(Box::new(exec)),
        (Err(error), None) => Err(error),
    }
}

/// The socket until its first answer has been understood; if it is not, the programs.
struct Cautious {
    current: Box<dyn Transport>,
    other: Option<ExecTransport>,
}

impl Transport for Cautious {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        let answer = self.current.call(call);
        match (answer, self.other.take()) {
            (Err(TransportError::Wire(_) | TransportError::Closed), Some(exec)) => {
                self.current = Box::new(exec);
                self.current.call(call)
            }
            (answer, _) => answer,
        }
    }

    fn name(&self) -> &'static str {
        self.current.name()
    }

    fn unit(&self) -> Option<UnitName> {
        self.current.unit()
    }
}

/// The local unit, by the hook's variables.
fn unit_of(vars: &BTreeMap<String, String>) -> Option<UnitName> {
    vars.get(env::UNIT_NAME).and_then(|name| name.parse().ok())
}

#[cfg(test)]
mod tests;
