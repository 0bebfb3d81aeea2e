//! The unit agent's end of a connection: calls in, replies out.

use super::gob::{Stream, Writer, id};
use super::types::{HEADER_FIELDS, Header, RESPONSE_FIELDS, skip_body};
use super::{Call, ExecResponse, METHOD, Request, WireError};

/// The server's end of one connection.
#[derive(Debug)]
pub struct ServerCodec {
    stream: Stream,
    header: Option<Header>,
    next_id: i64,
    header_id: Option<i64>,
    response_id: Option<i64>,
    empty_id: Option<i64>,
}

impl Default for ServerCodec {
    fn default() -> ServerCodec {
        ServerCodec::new()
    }
}

impl ServerCodec {
    /// A codec for a new connection.
    pub fn new() -> ServerCodec {
        ServerCodec {
            stream: Stream::default(),
            header: None,
            next_id: id::FIRST_USER,
            header_id: None,
            response_id: None,
            empty_id: None,
        }
    }

    /// Takes bytes from the connection, cut anywhere. Call [`ServerCodec::next`] until it gives `None` before feeding
    /// more: that bounds what a client can make us hold.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.stream.feed(bytes);
    }

    /// The next complete call; `None` if more bytes are needed. After an error the connection is of no use.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not say that a call is not complete yet"
    )]
    pub fn next(&mut self) -> Result<Option<Call>, WireError> {
        if self.header.is_none() {
            self.header = self.stream.value(Header::read)?;
        }
        let Some(header) = &self.header else { return Ok(None) };
        let request = if header.method == METHOD {
            self.stream.value(Request::read)?
        } else {
            self.stream.value(skip_body)?.map(|()| Request::default())
        };
        let Some(request) = request else { return Ok(None) };
        let header = self.header.take().unwrap_or_default();
        Ok(Some(Call {
            seq: header.seq,
            method: header.method,
            request,
        }))
    }

    /// The bytes of the reply to the call with this number. Replies must be written in the order of encoding. An empty
    /// error text would read as success, so it is replaced.
    pub fn encode_reply(&mut self, seq: u64, result: &Result<ExecResponse, String>) -> Vec<u8> {
        let error = match result {
            Ok(_) => "",
            Err(text) if text.is_empty() => "unknown error",
            Err(text) => text,
        };
        let header = Header {
            method: METHOD.to_owned(),
            seq,
            error: error.to_owned(),
        };
        let mut bytes = Vec::new();
        let fields = &HEADER_FIELDS;
        let id = define(&mut self.next_id, &mut self.header_id, &mut bytes, "Response", fields);
        bytes.extend(Writer::message(id, |writer| header.write(writer)));
        match result {
            Ok(response) => {
                let id = define(
                    &mut self.next_id,
                    &mut self.response_id,
                    &mut bytes,
                    "ExecResponse",
                    &RESPONSE_FIELDS,
                );
                bytes.extend(Writer::message(id, |writer| response.write(writer)));
            }
            Err(_) => {
                let id = define(&mut self.next_id, &mut self.empty_id, &mut bytes, "", &[]);
                bytes.extend(Writer::message(id, |writer| writer.nested(|_| ())));
            }
        }
        bytes
    }
}

/// The id of a type; at its first use it gets the next number, and its definition is written.
fn define(next: &mut i64, known: &mut Option<i64>, out: &mut Vec<u8>, name: &str, fields: &[(&str, i64)]) -> i64 {
    if let Some(id) = *known {
        return id;
    }
    let id = *next;
    *next += 1;
    *known = Some(id);
    out.extend(Writer::struct_definition(id, name, fields));
    id
}
