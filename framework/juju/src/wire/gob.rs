//! The part of Go's `gob` encoding that the protocol needs.
//!
//! [`Reader`] takes scalars apart; [`Types`] remembers the type definitions of one direction of a connection and walks
//! through values by them, so that unknown fields of any type can be skipped; [`Stream`] cuts the incoming bytes into
//! messages. [`Writer`] goes the other way, in the canonical form (zero values left out).
//!
//! What a peer can make us hold is bounded: by [`MAX_MESSAGE`], by the number and size of definitions, and by never
//! reserving memory from a count that the bytes themselves do not back.

use std::collections::BTreeMap;

/// The largest message that is accepted, in bytes.
pub const MAX_MESSAGE: usize = 64 << 20;
/// The most types that a peer may define, and the most fields of one of them. The protocol needs five and seven.
const MAX_TYPES: usize = 256;
const MAX_FIELDS: usize = 256;
/// The longest name of a field; longer ones cannot be ours.
const MAX_NAME: usize = 128;
/// How deep values may be nested.
const MAX_DEPTH: u32 = 32;

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
        if count > self.bytes.len() { Err(TRUNCATED) } else { Ok(count) }
    }

    /// Calls `field` with the number of each field of a struct; `field` must consume the field's value.
    fn fields(&mut self, mut field: impl FnMut(&mut Reader<'a>, usize) -> Result<()>) -> Result<()> {
        let mut next = 0_usize;
        loop {
            let delta = usize::try_from(self.uint()?).map_err(|_| WireError::Malformed("a field number is too large"))?;
            if delta == 0 {
                return Ok(());
            }
            next = next.checked_add(delta).ok_or(WireError::Malformed("a field number is too large"))?;
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
    let Some(digits) = bytes.get(1..=count) else { return Ok(None) };
    let value = digits.iter().fold(0, |value, &digit| value << 8 | u64::from(digit));
    Ok(Some((value, count + 1)))
}

/// A type that a peer has defined.
#[derive(Debug, Clone)]
enum Type {
    Struct(Vec<Field>),
    /// Slices and arrays look alike on the wire.
    List(i64),
    Map(i64, i64),
    /// A type that encodes itself: one string of bytes.
    Opaque,
}

#[derive(Debug, Clone, Default)]
struct Field {
    name: String,
    id: i64,
}

/// The definitions of one direction of one connection.
#[derive(Debug, Default)]
pub(super) struct Types {
    known: BTreeMap<i64, Type>,
}

impl Types {
    /// Takes a `wireType` value that defines the type `id`.
    fn define(&mut self, id: i64, reader: &mut Reader<'_>) -> Result<()> {
        if id < id::FIRST_USER {
            return Err(WireError::Malformed("a type is defined under a reserved id"));
        }
        if self.known.contains_key(&id) {
            return Err(WireError::Malformed("a type is defined twice"));
        }
        if self.known.len() >= MAX_TYPES {
            return Err(WireError::Malformed("too many types are defined"));
        }
        let mut defined = None;
        reader.fields(|reader, number| {
            let kind = match number {
                0 => read_list_type(reader)?,
                1 => read_list_type(reader)?,
                2 => read_struct_type(reader)?,
                3 => read_map_type(reader)?,
                4..=6 => read_opaque_type(reader)?,
                _ => return Err(WireError::Malformed("a type definition has an unknown kind")),
            };
            match defined.replace(kind) {
                None => Ok(()),
                Some(_) => Err(WireError::Malformed("a type definition has two kinds")),
            }
        })?;
        let kind = defined.ok_or(WireError::Malformed("a type definition is empty"))?;
        self.known.insert(id, kind);
        Ok(())
    }

    fn get(&self, id: i64) -> Result<&Type> {
        self.known.get(&id).ok_or(WireError::UnknownType(id))
    }

    /// The element type of a list type, if `id` is one.
    pub(super) fn list_element(&self, id: i64) -> Option<i64> {
        match self.known.get(&id) {
            Some(Type::List(element)) => Some(*element),
            Some(Type::Struct(_) | Type::Map(..) | Type::Opaque) | None => None,
        }
    }

    /// Reads a struct of type `id`. `field` gets the name and type of each field that is present, and answers whether it
    /// has consumed the value; what it leaves is skipped. The definition must share a name with `expected` unless either is empty.
    pub(super) fn read_struct<'a>(
        &self,
        id: i64,
        reader: &mut Reader<'a>,
        expected: &[&str],
        mut field: impl FnMut(&mut Reader<'a>, &str, i64) -> Result<bool>,
    ) -> Result<()> {
        let Type::Struct(fields) = self.get(id)? else {
            return Err(WireError::Malformed("a value is no struct"));
        };
        let strange = fields.iter().all(|field| !expected.contains(&field.name.as_str()));
        if strange && !fields.is_empty() && !expected.is_empty() {
            return Err(WireError::Malformed("a struct has no field in common with what is expected"));
        }
        reader.fields(|reader, number| {
            let definition = fields.get(number).ok_or(WireError::Malformed("a struct has more fields than its type"))?;
            if field(reader, &definition.name, definition.id)? {
                return Ok(());
            }
            self.skip(definition.id, reader, MAX_DEPTH)
        })
    }

    /// Walks over a value of any type. Every value takes at least one byte, so this ends.
    fn skip(&self, id: i64, reader: &mut Reader<'_>, depth: u32) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(WireError::Malformed("values are nested too deeply"))?;
        match id {
            id::BOOL | id::INT | id::UINT | id::FLOAT => reader.uint().map(drop),
            id::COMPLEX => reader.uint().and_then(|_| reader.uint()).map(drop),
            id::BYTES | id::STRING => reader.bytes().map(drop),
            id::INTERFACE => skip_interface(reader),
            _ => match self.get(id)? {
                Type::Opaque => reader.bytes().map(drop),
                Type::List(element) => {
                    (0..reader.count()?).try_for_each(|_| self.skip(*element, reader, depth))
                }
                Type::Map(key, value) => (0..reader.count()?).try_for_each(|_| {
                    self.skip(*key, reader, depth)?;
                    self.skip(*value, reader, depth)
                }),
                Type::Struct(fields) => reader.fields(|reader, number| {
                    let field = fields.get(number).ok_or(WireError::Malformed("a struct has more fields than its type"))?;
                    self.skip(field.id, reader, depth)
                }),
            },
        }
    }
}

/// An interface value: the concrete type's name (empty for nil), its id, the value's length, the value.
fn skip_interface(reader: &mut Reader<'_>) -> Result<()> {
    if reader.bytes()?.is_empty() {
        return Ok(());
    }
    if reader.int()? < 0 {
        return Err(WireError::Malformed("a type is defined inside a value"));
    }
    reader.bytes().map(drop)
}

/// `CommonType`: name and id, neither of which matters to a reader.
fn read_common_type(reader: &mut Reader<'_>) -> Result<()> {
    reader.fields(|reader, number| match number {
        0 => reader.bytes().map(drop),
        1 => reader.int().map(drop),
        _ => Err(WireError::Malformed("a type's name has unknown parts")),
    })
}

/// `sliceType` and `arrayType`, which only adds a length.
fn read_list_type(reader: &mut Reader<'_>) -> Result<Type> {
    let mut element = 0;
    reader.fields(|reader, number| {
        match number {
            0 => read_common_type(reader)?,
            1 => element = reader.int()?,
            2 => drop(reader.int()?),
            _ => return Err(WireError::Malformed("a list type has unknown parts")),
        }
        Ok(())
    })?;
    Ok(Type::List(element))
}

fn read_map_type(reader: &mut Reader<'_>) -> Result<Type> {
    let (mut key, mut value) = (0, 0);
    reader.fields(|reader, number| {
        match number {
            0 => read_common_type(reader)?,
            1 => key = reader.int()?,
            2 => value = reader.int()?,
            _ => return Err(WireError::Malformed("a map type has unknown parts")),
        }
        Ok(())
    })?;
    Ok(Type::Map(key, value))
}

fn read_opaque_type(reader: &mut Reader<'_>) -> Result<Type> {
    reader.fields(|reader, number| match number {
        0 => read_common_type(reader),
        _ => Err(WireError::Malformed("a self-encoding type has unknown parts")),
    })?;
    Ok(Type::Opaque)
}

fn read_struct_type(reader: &mut Reader<'_>) -> Result<Type> {
    let mut fields = Vec::new();
    reader.fields(|reader, number| match number {
        0 => read_common_type(reader),
        1 => {
            let count = reader.count()?;
            if count > MAX_FIELDS {
                return Err(WireError::Malformed("a struct type has too many fields"));
            }
            (0..count).try_for_each(|_| read_field(reader).map(|field| fields.push(field)))
        }
        _ => Err(WireError::Malformed("a struct type has unknown parts")),
    })?;
    Ok(Type::Struct(fields))
}

fn read_field(reader: &mut Reader<'_>) -> Result<Field> {
    let mut field = Field::default();
    reader.fields(|reader, number| {
        match number {
            0 => {
                let name = reader.bytes()?;
                if name.len() > MAX_NAME {
                    return Err(WireError::Malformed("a field's name is too long"));
                }
                field.name = String::from_utf8_lossy(name).into_owned();
            }
            1 => field.id = reader.int()?,
            _ => return Err(WireError::Malformed("a field has unknown parts")),
        }
        Ok(())
    })?;
    Ok(field)
}

/// Incoming bytes, cut into values with their types known.
#[derive(Debug, Default)]
pub(super) struct Stream {
    buffer: Vec<u8>,
    start: usize,
    types: Types,
    broken: bool,
}

impl Stream {
    /// Takes bytes from the connection. After an error they are thrown away.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Decodes the next value with `decode`, which gets the value's type and must consume it; `None` if it is not complete.
    pub(super) fn value<T>(
        &mut self,
        decode: impl FnOnce(&Types, i64, &mut Reader<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.broken {
            return Err(WireError::Broken);
        }
        let result = self.try_value(decode);
        if result.is_err() {
            self.broken = true;
            self.buffer = Vec::new();
            self.start = 0;
        }
        result
    }

    fn try_value<T>(
        &mut self,
        decode: impl FnOnce(&Types, i64, &mut Reader<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        loop {
            let pending = &self.buffer[self.start..];
            let Some((length, prefix)) = uint_prefix(pending)? else { return Ok(None) };
            let size = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE);
            let size = size.ok_or(WireError::TooLong { length, limit: MAX_MESSAGE })?;
            let Some(message) = pending.get(prefix..prefix + size) else { return Ok(None) };
            self.start += prefix + size;
            let mut reader = Reader::new(message);
            let id = reader.int()?;
            if id < 0 {
                self.types.define(id.checked_neg().ok_or(WireError::UnknownType(id))?, &mut reader)?;
                end(&reader)?;
                continue;
            }
            let value = decode(&self.types, id, &mut reader)?;
            end(&reader)?;
            self.release();
            return Ok(Some(value));
        }
    }

    /// Gives memory back once a large message is done.
    fn release(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(64 << 10);
            self.start = 0;
        }
    }
}

fn end(reader: &Reader<'_>) -> Result<()> {
    if reader.is_empty() { Ok(()) } else { Err(WireError::Malformed("a message is longer than its value")) }
}

/// Builds the payload of one message.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    previous: usize,
}

impl Writer {
    pub(super) fn uint(&mut self, value: u64) {
        if value < 0x80 {
            self.bytes.push(value.to_be_bytes()[7]);
            return;
        }
        let bytes = value.to_be_bytes();
        let digits = &bytes[(value.leading_zeros() / 8) as usize..];
        // At most 8, so the negation fits one byte.
        self.bytes.push((digits.len() as u8).wrapping_neg());
        self.bytes.extend_from_slice(digits);
    }

    pub(super) fn int(&mut self, value: i64) {
        let shifted = value.cast_unsigned() << 1;
        self.uint(if value < 0 { !shifted } else { shifted });
    }

    pub(super) fn string(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Announces the field with this number (counted from 0, rising within a struct).
    pub(super) fn field(&mut self, number: usize) {
        self.uint((number + 1 - self.previous) as u64);
        self.previous = number + 1;
    }

    /// A field with a text or bytes, left out when empty.
    pub(super) fn string_field(&mut self, number: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.field(number);
            self.string(bytes);
        }
    }

    /// A field with an unsigned number, left out when 0.
    pub(super) fn uint_field(&mut self, number: usize, value: u64) {
        if value != 0 {
            self.field(number);
            self.uint(value);
        }
    }

    /// A field with a signed number, left out when 0.
    pub(super) fn int_field(&mut self, number: usize, value: i64) {
        if value != 0 {
            self.field(number);
            self.int(value);
        }
    }

    /// A nested struct; its fields are counted anew.
    pub(super) fn nested(&mut self, fill: impl FnOnce(&mut Writer)) {
        let outer = std::mem::take(&mut self.previous);
        fill(self);
        self.uint(0);
        self.previous = outer;
    }

    /// The bytes of a message: length, type id, payload.
    pub(super) fn message(id: i64, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut payload = Writer::default();
        payload.int(id);
        fill(&mut payload);
        let mut message = Writer::default();
        message.uint(payload.bytes.len() as u64);
        message.bytes.append(&mut payload.bytes);
        message.bytes
    }

    /// The message that defines a struct type.
    pub(super) fn struct_definition(id: i64, name: &str, fields: &[(&str, i64)]) -> Vec<u8> {
        Writer::message(-id, |writer| {
            writer.nested(|wire_type| {
                wire_type.field(2);
                wire_type.nested(|struct_type| {
                    struct_type.common(id, name);
                    if fields.is_empty() {
                        return;
                    }
                    struct_type.field(1);
                    struct_type.uint(fields.len() as u64);
                    for (name, id) in fields {
                        struct_type.nested(|field| {
                            field.string_field(0, name.as_bytes());
                            field.int_field(1, *id);
                        });
                    }
                });
            });
        })
    }

    /// The message that defines a slice type.
    pub(super) fn slice_definition(id: i64, name: &str, element: i64) -> Vec<u8> {
        Writer::message(-id, |writer| {
            writer.nested(|wire_type| {
                wire_type.field(1);
                wire_type.nested(|slice_type| {
                    slice_type.common(id, name);
                    slice_type.int_field(1, element);
                });
            });
        })
    }

    fn common(&mut self, id: i64, name: &str) {
        self.field(0);
        self.nested(|common| {
            common.string_field(0, name.as_bytes());
            common.int_field(1, id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        fill(&mut writer);
        writer.bytes
    }

    #[test]
    fn unsigned_numbers() {
        for (value, bytes) in [
            (0_u64, &[0][..]),
            (127, &[0x7f]),
            (128, &[0xff, 0x80]),
            (258, &[0xfe, 1, 2]),
            (u64::MAX, &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(written(|w| w.uint(value)), bytes);
            assert_eq!(Reader::new(bytes).uint(), Ok(value));
        }
    }

    #[test]
    fn signed_numbers() {
        for (value, bytes) in
            [(0_i64, &[0][..]), (2, &[4]), (-1, &[1]), (64, &[0xff, 0x80]), (-65, &[0xff, 0x81])]
        {
            assert_eq!(written(|w| w.int(value)), bytes);
            assert_eq!(Reader::new(bytes).int(), Ok(value));
        }
        for value in [i64::MIN, i64::MAX] {
            assert_eq!(Reader::new(&written(|w| w.int(value))).int(), Ok(value));
        }
    }

    #[test]
    fn malformed_scalars() {
        assert_eq!(Reader::new(&[]).uint(), Err(TRUNCATED));
        assert_eq!(Reader::new(&[0xfe, 1]).uint(), Err(TRUNCATED));
        assert!(Reader::new(&[0xf7, 0, 0, 0, 0, 0, 0, 0, 0, 0]).uint().is_err(), "nine bytes");
        assert!(Reader::new(&[0x80]).uint().is_err(), "128 bytes");
        assert!(Reader::new(&[2]).bool().is_err());
        assert_eq!(Reader::new(&[5, b'a']).bytes(), Err(TRUNCATED));
        assert_eq!(Reader::new(&[1, 0xff]).string().as_deref(), Ok("\u{fffd}"));
    }

    #[test]
    fn definitions_are_checked() {
        let define = |message: Vec<u8>| {
            let mut stream = Stream::default();
            stream.feed(&message);
            stream.value(|_, _, _| Ok(()))
        };
        assert_eq!(define(Writer::struct_definition(64, "A", &[("X", id::INT)])), Ok(None));
        assert!(define(Writer::struct_definition(63, "A", &[])).is_err(), "a reserved id");
        let many: Vec<(&str, i64)> = vec![("", 1); MAX_FIELDS + 1];
        assert!(define(Writer::struct_definition(64, "A", &many)).is_err());
        assert!(define(Writer::struct_definition(64, "A", &[(&"x".repeat(MAX_NAME + 1), 1)])).is_err());
        let twice = [Writer::struct_definition(64, "A", &[]), Writer::struct_definition(64, "A", &[])].concat();
        assert!(define(twice).is_err());
        assert!(define((64..400).flat_map(|id| Writer::slice_definition(id, "", 6)).collect()).is_err());
        assert!(define(Writer::message(-64, |w| w.uint(0))).is_err(), "an empty definition");
    }

    #[test]
    fn values_of_any_type_are_skipped() {
        let mut stream = Stream::default();
        stream.feed(&Writer::slice_definition(70, "[]T", 71));
        stream.feed(&Writer::struct_definition(71, "T", &[("A", id::COMPLEX), ("B", id::INTERFACE)]));
        let kind = |id: i64, number: usize, parts: &[(usize, i64)]| {
            Writer::message(-id, |w| {
                w.nested(|w| {
                    w.field(number);
                    w.nested(|w| parts.iter().for_each(|(field, value)| w.int_field(*field, *value)));
                });
            })
        };
        stream.feed(&kind(72, 3, &[(1, id::STRING), (2, 70)]));
        stream.feed(&kind(73, 4, &[]));
        stream.feed(&kind(74, 0, &[(1, id::FLOAT), (2, 2)]));
        stream.feed(&Writer::struct_definition(75, "Top", &[("M", 72), ("O", 73), ("F", 74), ("Last", id::UINT)]));
        stream.feed(&Writer::message(75, |w| {
            w.nested(|w| {
                w.field(0);
                w.uint(1);
                w.string(b"key");
                w.uint(1);
                w.nested(|w| {
                    w.field(0);
                    w.uint(1);
                    w.uint(2);
                    w.field(1);
                    w.string(b"main.T");
                    w.int(70);
                    w.string(&[0, 1]);
                });
                w.string_field(1, b"opaque");
                w.field(2);
                w.uint(2);
                w.uint(500);
                w.uint(600);
                w.uint_field(3, 42);
            });
        }));
        let mut last = 0;
        let read = stream.value(|types, id, reader| {
            types.read_struct(id, reader, &["Last"], |reader, name, _| {
                let ours = name == "Last";
                if ours {
                    last = reader.uint()?;
                }
                Ok(ours)
            })
        });
        assert_eq!((read, last), (Ok(Some(())), 42));
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut stream = Stream::default();
        stream.feed(&Writer::struct_definition(64, "T", &[("Next", 64)]));
        stream.feed(&Writer::message(64, |w| {
            (0..100_000).for_each(|_| w.uint(1));
            (0..=100_000).for_each(|_| w.uint(0));
        }));
        let read = stream.value(|types, id, reader| types.read_struct(id, reader, &[], |_, _, _| Ok(false)));
        assert_eq!(read, Err(WireError::Malformed("values are nested too deeply")));
    }

    #[test]
    fn a_broken_stream_stays_broken_and_keeps_nothing() {
        let mut stream = Stream::default();
        stream.feed(&[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]);
        let long = stream.value(|_, _, _| Ok(()));
        assert_eq!(long, Err(WireError::TooLong { length: u64::MAX, limit: MAX_MESSAGE }));
        stream.feed(&[0; 1000]);
        assert_eq!(stream.value(|_, _, _| Ok(())), Err(WireError::Broken));
        assert_eq!(stream.buffer.capacity(), 0);
    }
}
