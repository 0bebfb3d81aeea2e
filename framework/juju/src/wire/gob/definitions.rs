//! Type definitions: what a peer has said about its values, and walks through values by it.

use std::collections::BTreeMap;

use super::{Reader, Result, WireError, id};

/// The most types that a peer may define, and the most fields of one of them. The protocol needs five and seven.
const MAX_TYPES: usize = 256;
pub(super) const MAX_FIELDS: usize = 256;
/// The longest name of a field; longer ones cannot be ours.
pub(super) const MAX_NAME: usize = 128;
/// How deep values may be nested.
const MAX_DEPTH: u32 = 32;

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
pub(in crate::wire) struct Types {
    known: BTreeMap<i64, Type>,
}

impl Types {
    /// Takes a `wireType` value that defines the type `id`.
    pub(super) fn define(&mut self, id: i64, reader: &mut Reader<'_>) -> Result<()> {
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
    pub(in crate::wire) fn list_element(&self, id: i64) -> Option<i64> {
        match self.known.get(&id) {
            Some(Type::List(element)) => Some(*element),
            Some(Type::Struct(_) | Type::Map(..) | Type::Opaque) | None => None,
        }
    }

    /// Reads a struct of type `id`. `field` gets the name and type of each field that is present, and answers whether it
    /// has consumed the value; what it leaves is skipped. The definition must share a name with `expected` unless either is empty.
    pub(in crate::wire) fn read_struct<'a>(
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
            return Err(WireError::Malformed(
                "a struct has no field in common with what is expected",
            ));
        }
        reader.fields(|reader, number| {
            let definition = fields
                .get(number)
                .ok_or(WireError::Malformed("a struct has more fields than its type"))?;
            if field(reader, &definition.name, definition.id)? {
                return Ok(());
            }
            self.skip(definition.id, reader, MAX_DEPTH)
        })
    }

    /// Walks over a value of any type. Every value takes at least one byte, so this ends.
    fn skip(&self, id: i64, reader: &mut Reader<'_>, depth: u32) -> Result<()> {
        let depth = depth
            .checked_sub(1)
            .ok_or(WireError::Malformed("values are nested too deeply"))?;
        match id {
            id::BOOL | id::INT | id::UINT | id::FLOAT => reader.uint().map(drop),
            id::COMPLEX => reader.uint().and_then(|_| reader.uint()).map(drop),
            id::BYTES | id::STRING => reader.bytes().map(drop),
            id::INTERFACE => skip_interface(reader),
            _ => match self.get(id)? {
                Type::Opaque => reader.bytes().map(drop),
                Type::List(element) => (0..reader.count()?).try_for_each(|_| self.skip(*element, reader, depth)),
                Type::Map(key, value) => (0..reader.count()?).try_for_each(|_| {
                    self.skip(*key, reader, depth)?;
                    self.skip(*value, reader, depth)
                }),
                Type::Struct(fields) => reader.fields(|reader, number| {
                    let field = fields
                        .get(number)
                        .ok_or(WireError::Malformed("a struct has more fields than its type"))?;
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
