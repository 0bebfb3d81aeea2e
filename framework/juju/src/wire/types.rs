//! The structs of the protocol: how each is defined, written and read.

use super::gob::{Reader, Types, WireError, Writer, id};
use super::{ExecResponse, Request};

/// The most arguments of one call: as many empty ones as Linux lets a program have. Bounds what a peer can make us hold.
const MAX_ARGS: usize = 1 << 18;

/// `rpc.Request` and `rpc.Response`; only the latter has an error text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) method: String,
    pub(super) seq: u64,
    pub(super) error: String,
}

/// The fields of `rpc.Response`; `rpc.Request` has the first two.
pub(super) const HEADER_FIELDS: [(&str, i64); 3] =
    [("ServiceMethod", id::STRING), ("Seq", id::UINT), ("Error", id::STRING)];

/// The fields of `ExecResponse`.
pub(super) const RESPONSE_FIELDS: [(&str, i64); 3] = [("Code", id::INT), ("Stdout", id::BYTES), ("Stderr", id::BYTES)];

/// The fields of `Request`, given the id of `[]string`. Juju 4 has all but the last.
pub(super) fn request_fields(strings: i64) -> [(&'static str, i64); 7] {
    [
        ("ContextId", id::STRING),
        ("Dir", id::STRING),
        ("CommandName", id::STRING),
        ("Args", strings),
        ("StdinSet", id::BOOL),
        ("Stdin", id::BYTES),
        ("Token", id::STRING),
    ]
}

impl Header {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.nested(|writer| {
            writer.string_field(0, self.method.as_bytes());
            writer.uint_field(1, self.seq);
            writer.string_field(2, self.error.as_bytes());
        });
    }

    pub(super) fn read(types: &Types, id: i64, reader: &mut Reader<'_>) -> Result<Header, WireError> {
        let mut header = Header::default();
        types.read_struct(id, reader, &names(&HEADER_FIELDS), |reader, name, id| {
            match name {
                "ServiceMethod" => header.method = string(reader, id, "ServiceMethod")?,
                "Seq" => header.seq = expect(id, id::UINT, "Seq").and_then(|()| reader.uint())?,
                "Error" => header.error = string(reader, id, "Error")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(header)
    }
}

impl Request {
    /// Writes the request; a client of Juju 4 has no token.
    pub(super) fn write(&self, writer: &mut Writer, with_token: bool) {
        writer.nested(|writer| {
            writer.string_field(0, self.context_id.as_bytes());
            writer.string_field(1, self.dir.as_bytes());
            writer.string_field(2, self.command_name.as_bytes());
            if !self.args.is_empty() {
                writer.field(3);
                writer.uint(self.args.len() as u64);
                self.args.iter().for_each(|arg| writer.string(arg.as_bytes()));
            }
            writer.uint_field(4, u64::from(self.stdin.is_some()));
            writer.string_field(5, self.stdin.as_deref().unwrap_or_default());
            if with_token {
                writer.string_field(6, self.token.as_bytes());
            }
        });
    }

    pub(super) fn read(types: &Types, id: i64, reader: &mut Reader<'_>) -> Result<Request, WireError> {
        let mut request = Request::default();
        let (mut stdin_set, mut stdin) = (false, Vec::new());
        types.read_struct(id, reader, &names(&request_fields(0)), |reader, name, id| {
            match name {
                "ContextId" => request.context_id = string(reader, id, "ContextId")?,
                "Dir" => request.dir = string(reader, id, "Dir")?,
                "CommandName" => request.command_name = string(reader, id, "CommandName")?,
                "Args" => request.args = strings(types, reader, id, "Args")?,
                "StdinSet" => stdin_set = expect(id, id::BOOL, "StdinSet").and_then(|()| reader.bool())?,
                "Stdin" => stdin = bytes(reader, id, "Stdin")?,
                "Token" => request.token = string(reader, id, "Token")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        request.stdin = stdin_set.then_some(stdin);
        Ok(request)
    }
}

impl ExecResponse {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.nested(|writer| {
            writer.int_field(0, self.code);
            writer.string_field(1, &self.stdout);
            writer.string_field(2, &self.stderr);
        });
    }

    pub(super) fn read(types: &Types, id: i64, reader: &mut Reader<'_>) -> Result<ExecResponse, WireError> {
        let mut response = ExecResponse::default();
        types.read_struct(id, reader, &names(&RESPONSE_FIELDS), |reader, name, id| {
            match name {
                "Code" => response.code = expect(id, id::INT, "Code").and_then(|()| reader.int())?,
                "Stdout" => response.stdout = bytes(reader, id, "Stdout")?,
                "Stderr" => response.stderr = bytes(reader, id, "Stderr")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(response)
    }
}

/// Reads a struct of any shape and throws it away, as Go does with the body that follows an error.
pub(super) fn skip_body(types: &Types, id: i64, reader: &mut Reader<'_>) -> Result<(), WireError> {
    types.read_struct(id, reader, &[], |_, _, _| Ok(false))
}

fn names<const N: usize>(fields: &[(&'static str, i64); N]) -> [&'static str; N] {
    fields.map(|(name, _)| name)
}

fn expect(id: i64, wanted: i64, field: &'static str) -> Result<(), WireError> {
    if id == wanted {
        Ok(())
    } else {
        Err(WireError::FieldType(field))
    }
}

fn string(reader: &mut Reader<'_>, id: i64, field: &'static str) -> Result<String, WireError> {
    expect(id, id::STRING, field)?;
    reader.string()
}

fn bytes(reader: &mut Reader<'_>, id: i64, field: &'static str) -> Result<Vec<u8>, WireError> {
    expect(id, id::BYTES, field)?;
    reader.bytes().map(<[u8]>::to_vec)
}

fn strings(types: &Types, reader: &mut Reader<'_>, id: i64, field: &'static str) -> Result<Vec<String>, WireError> {
    if types.list_element(id) != Some(id::STRING) {
        return Err(WireError::FieldType(field));
    }
    let count = reader.count()?;
    if count > MAX_ARGS {
        return Err(WireError::Malformed("a call has too many arguments"));
    }
    (0..count).map(|_| reader.string()).collect()
}
