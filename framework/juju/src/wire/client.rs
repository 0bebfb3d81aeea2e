//! The hook tool's end of a connection: requests out, replies in.

use super::gob::{Stream, Writer, id};
use super::types::{HEADER_FIELDS, Header, request_fields, skip_body};
use super::{ExecResponse, METHOD, Reply, Request, WireError};

/// The client's end of one connection.
///
/// ```
/// use juju::wire::{ClientCodec, ExecResponse, Request, ServerCodec};
///
/// let (mut client, mut server) = (ClientCodec::new(), ServerCodec::new());
/// let request = Request { command_name: "is-leader".into(), ..Request::default() };
/// server.feed(&client.encode(&request));
/// let call = server.next()?.expect("one whole call was fed");
/// assert_eq!(call.request, request);
///
/// let answer = Ok(ExecResponse { stdout: b"True\n".to_vec(), ..ExecResponse::default() });
/// client.feed(&server.encode_reply(call.seq, &answer));
/// assert_eq!(client.next()?.expect("one whole reply was fed").result, answer);
/// # Ok::<(), juju::wire::WireError>(())
/// ```
#[derive(Debug)]
pub struct ClientCodec {
    with_token: bool,
    sent: u64,
    stream: Stream,
    header: Option<Header>,
}

/// The ids of the types that a client defines, in the order in which Go meets them.
const HEADER_ID: i64 = id::FIRST_USER;
const REQUEST_ID: i64 = HEADER_ID + 1;
const STRINGS_ID: i64 = HEADER_ID + 2;

impl Default for ClientCodec {
    fn default() -> ClientCodec {
        ClientCodec::new()
    }
}

impl ClientCodec {
    /// A codec for a new connection, with requests as in Juju 2.9 and 3; Juju 4 understands them.
    pub fn new() -> ClientCodec {
        ClientCodec {
            with_token: true,
            sent: 0,
            stream: Stream::default(),
            header: None,
        }
    }

    /// A codec whose requests have no token, as in Juju 4.
    pub fn without_token() -> ClientCodec {
        ClientCodec {
            with_token: false,
            ..ClientCodec::new()
        }
    }

    /// The bytes of a call. Calls are numbered from 0 in the order of encoding, and each must be written.
    pub fn encode(&mut self, request: &Request) -> Vec<u8> {
        let first = self.sent == 0;
        let header = Header {
            method: METHOD.to_owned(),
            seq: self.sent,
            error: String::new(),
        };
        self.sent += 1;
        let mut bytes = Vec::new();
        if first {
            bytes.extend(Writer::struct_definition(HEADER_ID, "Request", &HEADER_FIELDS[..2]));
        }
        bytes.extend(Writer::message(HEADER_ID, |writer| header.write(writer)));
        if first {
            let fields = request_fields(STRINGS_ID);
            let fields = if self.with_token { &fields[..] } else { &fields[..6] };
            bytes.extend(Writer::struct_definition(REQUEST_ID, "Request", fields));
            bytes.extend(Writer::slice_definition(STRINGS_ID, "[]string", id::STRING));
        }
        bytes.extend(Writer::message(REQUEST_ID, |writer| {
            request.write(writer, self.with_token)
        }));
        bytes
    }

    /// Takes bytes from the connection, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.stream.feed(bytes);
    }

    /// The next complete reply; `None` if more bytes are needed. After an error the connection is of no use.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not say that a reply is not complete yet"
    )]
    pub fn next(&mut self) -> Result<Option<Reply>, WireError> {
        if self.header.is_none() {
            self.header = self.stream.value(Header::read)?;
        }
        let Some(header) = &self.header else { return Ok(None) };
        let body = if header.error.is_empty() {
            self.stream.value(ExecResponse::read)?.map(Ok)
        } else {
            self.stream.value(skip_body)?.map(|()| Err(header.error.clone()))
        };
        let reply = body.map(|result| Reply {
            seq: header.seq,
            result,
        });
        if reply.is_some() {
            self.header = None;
        }
        Ok(reply)
    }
}
