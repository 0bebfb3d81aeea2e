//! Hook tools over the unit agent's socket: one connection for the whole hook, and no process for a call.

use std::collections::BTreeMap;

use super::{Connection, ToolCall, ToolOutput, Transport, TransportError, connection, unit_of};
use crate::env;
use crate::names::UnitName;
use crate::wire::Request;

/// The unit agent's socket.
///
/// Standard input that the caller has goes with the first request: the question-and-answer that the hook-tool program
/// needs to find out whether its standard input is wanted is saved. A call without standard input to a tool that wants it
/// is refused by the agent ([`crate::wire::STDIN_REQUIRED`]).
#[derive(Debug)]
pub struct RpcTransport {
    network: String,
    address: String,
    context_id: String,
    token: String,
    dir: String,
    unit: Option<UnitName>,
    connection: Option<Connection>,
}

impl RpcTransport {
    /// Connects to the agent that the hook's variables name. Files in arguments of tools are relative to the current
    /// directory of this process.
    pub fn connect<I: IntoIterator<Item = (String, String)>>(vars: I) -> Result<RpcTransport, TransportError> {
        let vars: BTreeMap<String, String> = vars.into_iter().collect();
        let required = |variable| {
            let value = vars.get(variable).filter(|value| !value.is_empty()).cloned();
            value.ok_or(TransportError::NotSet { variable })
        };
        let context_id = required(env::CONTEXT_ID)?;
        let dir = std::env::current_dir().map_err(connection::failed("find the current directory"))?;
        let mut transport = RpcTransport {
            context_id,
            dir: dir.to_string_lossy().into_owned(),
            address: required(env::SOCKET_ADDRESS)?,
            network: required(env::SOCKET_NETWORK)?,
            token: vars.get(env::AGENT_TOKEN).cloned().unwrap_or_default(),
            unit: unit_of(&vars),
            connection: None,
        };
        transport.connection = Some(Connection::dial(&transport.network, &transport.address)?);
        Ok(transport)
    }

    /// One call, without any repetition. [`crate::client`] builds the hook-tool program on it.
    pub(crate) fn request(
        &mut self,
        call: &ToolCall,
    ) -> Result<Result<crate::wire::ExecResponse, String>, TransportError> {
        let request = Request {
            context_id: self.context_id.clone(),
            dir: self.dir.clone(),
            command_name: call.tool.clone(),
            args: call.args.clone(),
            stdin: call.stdin.clone(),
            token: self.token.clone(),
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::dial(&self.network, &self.address)?,
        };
        // A connection that has failed once is not put back: the next call dials anew.
        let answer = connection.call(&request)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// The same transport with another patience.
    #[cfg(test)]
    pub(super) fn with_answer_timeout(self, timeout: std::time::Duration) -> Result<RpcTransport, TransportError> {
        let connection = self
            .connection
            .map(|connection| connection.with_answer_timeout(timeout))
            .transpose()?;
        Ok(RpcTransport { connection, ..self })
    }
}

impl Transport for RpcTransport {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        match self.request(call)? {
            Ok(answer) => Ok(ToolOutput {
                code: answer.code,
                stdout: answer.stdout,
                stderr: answer.stderr,
            }),
            Err(text) => Err(TransportError::Refused { text }),
        }
    }

    fn name(&self) -> &'static str {
        "rpc"
    }

    fn unit(&self) -> Option<UnitName> {
        self.unit.clone()
    }
}
