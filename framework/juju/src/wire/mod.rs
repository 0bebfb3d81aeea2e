//! The agent's RPC protocol: Go's `net/rpc` over `gob`, for both directions, without any I/O.
//!
//! A codec turns values into bytes and bytes into values; who owns the socket feeds what it has read and writes
//! what it is given. [`ClientCodec`] is the hook tool's end, [`ServerCodec`] the agent's. Malformed input is an
//! error and never a panic, and what a peer can make us hold is bounded.

mod client;
mod gob;
mod server;
#[cfg(test)]
mod tests;
mod types;

pub use client::ClientCodec;
pub use gob::{MAX_MESSAGE, WireError};
pub use server::ServerCodec;

/// The one method of the protocol.
pub const METHOD: &str = "Jujuc.Main";

/// The RPC error with which a tool asks its client to call again with standard input.
pub const STDIN_REQUIRED: &str = "hook tool requires stdin, none supplied";

/// One call of a hook tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The context that the caller believes to run in.
    pub context_id: String,
    /// The absolute directory against which the tool resolves file names.
    pub dir: String,
    /// The tool, such as `config-get`.
    pub command_name: String,
    /// The arguments, without the tool's name.
    pub args: Vec<String>,
    /// Standard input; `None` says that it was not read (`StdinSet` false), which differs from empty.
    pub stdin: Option<Vec<u8>>,
    /// The agent's token; empty for local units, absent on the wire from Juju 4.
    pub token: String,
}

/// What a hook tool did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecResponse {
    /// The exit code for the client.
    pub code: i64,
    /// What goes to the client's standard output.
    pub stdout: Vec<u8>,
    /// What goes to the client's standard error.
    pub stderr: Vec<u8>,
}

/// A call as the server receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The call's number on its connection, to be given back in the reply.
    pub seq: u64,
    /// The method, normally [`METHOD`].
    pub method: String,
    /// The request; empty if the method is another than [`METHOD`], as its body is then not looked at.
    pub request: Request,
}

/// An answer as the client receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The number of the call that is answered.
    pub seq: u64,
    /// The tool's result, or the RPC's error text.
    pub result: Result<ExecResponse, String>,
}

/// The error text with which Go's server answers a method that it does not have.
pub fn unknown_method(method: &str) -> String {
    match method.rsplit_once('.') {
        None => format!("rpc: service/method request ill-formed: {method}"),
        Some(("Jujuc", _)) => format!("rpc: can't find method {method}"),
        Some(_) => format!("rpc: can't find service {method}"),
    }
}
