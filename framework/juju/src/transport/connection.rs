//! One connection to the unit agent's socket.

use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;
use std::{fmt, io};

use super::TransportError;
use crate::wire::{ClientCodec, ExecResponse, Request, WireError};

/// How long a tool may take: `resource-get` downloads. Juju itself sets no limit; this one only ends what is dead.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How long the agent may take to read a request.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A connection on which calls follow each other.
pub(crate) struct Connection {
    stream: UnixStream,
    codec: ClientCodec,
    sent: u64,
    answer_timeout: Duration,
}

impl Connection {
    /// Dials the agent. An address that begins with `@` is an abstract socket.
    pub(crate) fn dial(network: &str, address: &str) -> Result<Connection, TransportError> {
        if network != "unix" {
            return Err(TransportError::Network {
                network: network.to_owned(),
                address: address.to_owned(),
            });
        }
        let refused = |error: io::Error| TransportError::Dial {
            address: address.to_owned(),
            reason: reason(&error),
        };
        let socket = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(address),
        };
        let stream = socket
            .and_then(|socket| UnixStream::connect_addr(&socket))
            .map_err(refused)?;
        let connection = Connection {
            stream,
            codec: ClientCodec::new(),
            sent: 0,
            answer_timeout: ANSWER_TIMEOUT,
        };
        connection.set_timeouts()?;
        Ok(connection)
    }

    /// The same connection with another patience.
    #[cfg(test)]
    pub(crate) fn with_answer_timeout(self, timeout: Duration) -> Result<Connection, TransportError> {
        let connection = Connection {
            answer_timeout: timeout,
            ..self
        };
        connection.set_timeouts()?;
        Ok(connection)
    }

    fn set_timeouts(&self) -> Result<(), TransportError> {
        let read = self.stream.set_read_timeout(Some(self.answer_timeout));
        let both = read.and_then(|()| self.stream.set_write_timeout(Some(WRITE_TIMEOUT)));
        both.map_err(failed("prepare the unit agent's socket"))
    }

    /// Makes one call. The inner error is the agent's. After an outer error the connection must not be used again.
    pub(crate) fn call(&mut self, request: &Request) -> Result<Result<ExecResponse, String>, TransportError> {
        let bytes = self.codec.encode(request);
        let seq = self.sent;
        self.sent += 1;
        self.stream.write_all(&bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => TransportError::Timeout(WRITE_TIMEOUT),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => TransportError::Closed,
            _ => failed("write to the unit agent's socket")(error),
        })?;
        let reply = self.reply()?;
        if reply.seq != seq {
            return Err(WireError::Malformed("a reply answers another call").into());
        }
        Ok(reply.result)
    }

    fn reply(&mut self) -> Result<crate::wire::Reply, TransportError> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            if let Some(reply) = self.codec.next()? {
                return Ok(reply);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(TransportError::Closed),
                Ok(count) => self.codec.feed(&buffer[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(TransportError::Timeout(self.answer_timeout));
                    }
                    ErrorKind::ConnectionReset => return Err(TransportError::Closed),
                    _ => return Err(failed("read from the unit agent's socket")(error)),
                },
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

pub(super) fn failed(action: &str) -> impl FnOnce(io::Error) -> TransportError {
    let action = action.to_owned();
    move |source| TransportError::Io { action, source }
}

/// The system's words as Go prints them: lower case, without the number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
