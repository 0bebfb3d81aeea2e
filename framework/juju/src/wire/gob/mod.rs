//! The part of Go's `gob` encoding that the protocol needs.
//!
//! [`Reader`] takes scalars apart; [`Types`] remembers the type definitions of one direction of a connection and walks
//! through values by them, so that unknown fields of any type can be skipped; [`Stream`] cuts the incoming bytes into
//! messages. [`Writer`] goes the other way, in the canonical form (zero values left out).
//!
//! What a peer can make us hold is bounded: by [`MAX_MESSAGE`], by the number and size of definitions, and by never
//! reserving memory from a count that the bytes themselves do not back.

mod definitions;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use definitions::Types;
pub(super) use stream::Stream;
pub(super) use writer::Writer;

/// The largest message that is accepted, in bytes.
pub const MAX_MESSAGE: usize = 64 << 20;
/// The type ids that exist without definition.
pub(super) mod id {
    pub(crate) const BOOL: i64 = 1;
    pub(crate) const INT: i64 = 2;
    pub(crate) const UINT: i64 = 3;
    pub(crate) const FLOAT: i64 = 4;
    pub(crate) const BYTES: i64 = 5;
    pub(crate) const STRING: i64 = 6;
    pub(crate) const COMPLEX: i64 = 7;
    pub(crate) const INTERFACE: i64 = 8;
    /// The first id for types of the user.
    pub(crate) const FIRST_USER: i64 = 64;
}

/// Bytes that are not the protocol. After such an error a connection is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A message, or a definition within it, is larger than is accepted.
    #[error("cannot accept a message of {length} bytes: the limit is {limit}")]
    TooLong {
        /// The announced length.
        length: u64,
        /// The bound.
        limit: usize,
    },
    /// The bytes break a rule of the encoding.
    #[error("cannot decode the message: {0}")]
    Malformed(&'static str),
    /// A value refers to a type that was not defined.
    #[error("cannot decode the message: type {0} is not defined")]
    UnknownType(i64),
    /// A field has another type than the protocol says.
    #[error("cannot decode the message: field {0} has the wrong type")]
    FieldType(&'static str),
    /// The codec has already failed; what follows a malformed message cannot be understood.
    #[error("cannot decode the message: the stream is already broken")]
    Broken,
}

type Result<T> = std::result::Result<T, WireError>;

const TRUNCATED: WireError = WireError::Malformed("the message is truncated");

/// Takes values off the front of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(TRUNCATED)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn uint(&mut self) -> Result<u64> {
        let (value, length) = uint_prefix(self.bytes)?.ok_or(TRUNCATED)?;
        self.take(length)?;
        Ok(value)
    }

    pub(super) fn int(&mut self) -> Result<i64> {
        let raw = self.uint()?;
        let magnitude = (raw >> 1).cast_signed();
        Ok(if raw & 1 == 1 { !magnitude } else { magnitude })
    }

    pub(super) fn bool(&mut self) -> Result<bool> {
        match self.uint()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Malformed("a boolean is neither 0 nor 1")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    /// A text. Go's strings are any bytes; what is not UTF-8 is replaced, as Go does when it writes JSON.
    pub(super) fn string(&mut self) -> Result<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A number of bytes or elements that are still to come; each takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.uint()?).map_err(|_| TRUNCATED)?;
        if count > self.bytes.len() {
            Err(TRUNCATED)
        } else {
            Ok(count)
        }
    }

    /// Calls `field` with the number of each field of a struct; `field` must consume the field's value.
    fn fields(&mut self, mut field: impl FnMut(&mut Reader<'a>, usize) -> Result<()>) -> Result<()> {
        let mut next = 0_usize;
        loop {
            let delta =
                usize::try_from(self.uint()?).map_err(|_| WireError::Malformed("a field number is too large"))?;
            if delta == 0 {
                return Ok(());
            }
            next = next
                .checked_add(delta)
                .ok_or(WireError::Malformed("a field number is too large"))?;
            field(self, next - 1)?;
        }
    }
}

/// An unsigned number at the front of `bytes` and its encoded length; `None` if more bytes are needed.
fn uint_prefix(bytes: &[u8]) -> Result<Option<(u64, usize)>> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some((u64::from(first), 1)));
    }
    let count = usize::from(first.wrapping_neg());
    if count > 8 {
        return Err(WireError::Malformed("a number is longer than 8 bytes"));
    }
    let Some(digits) = bytes.get(1..=count) else {
        return Ok(None);
    };
    let value = digits.iter().fold(0, |value, &digit| value << 8 | u64::from(digit));
    Ok(Some((value, count + 1)))
}
