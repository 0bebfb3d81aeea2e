//! The way out: scalars, structs and definitions in their canonical form.

/// Builds the payload of one message.
#[derive(Debug, Default)]
pub(in crate::wire) struct Writer {
    pub(super) bytes: Vec<u8>,
    previous: usize,
}

impl Writer {
    pub(in crate::wire) fn uint(&mut self, value: u64) {
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

    pub(in crate::wire) fn int(&mut self, value: i64) {
        let shifted = value.cast_unsigned() << 1;
        self.uint(if value < 0 { !shifted } else { shifted });
    }

    pub(in crate::wire) fn string(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Announces the field with this number (counted from 0, rising within a struct).
    pub(in crate::wire) fn field(&mut self, number: usize) {
        self.uint((number + 1 - self.previous) as u64);
        self.previous = number + 1;
    }

    /// A field with a text or bytes, left out when empty.
    pub(in crate::wire) fn string_field(&mut self, number: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.field(number);
            self.string(bytes);
        }
    }

    /// A field with an unsigned number, left out when 0.
    pub(in crate::wire) fn uint_field(&mut self, number: usize, value: u64) {
        if value != 0 {
            self.field(number);
            self.uint(value);
        }
    }

    /// A field with a signed number, left out when 0.
    pub(in crate::wire) fn int_field(&mut self, number: usize, value: i64) {
        if value != 0 {
            self.field(number);
            self.int(value);
        }
    }

    /// A nested struct; its fields are counted anew.
    pub(in crate::wire) fn nested(&mut self, fill: impl FnOnce(&mut Writer)) {
        let outer = std::mem::take(&mut self.previous);
        fill(self);
        self.uint(0);
        self.previous = outer;
    }

    /// The bytes of a message: length, type id, payload.
    pub(in crate::wire) fn message(id: i64, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut payload = Writer::default();
        payload.int(id);
        fill(&mut payload);
        let mut message = Writer::default();
        message.uint(payload.bytes.len() as u64);
        message.bytes.append(&mut payload.bytes);
        message.bytes
    }

    /// The message that defines a struct type.
    pub(in crate::wire) fn struct_definition(id: i64, name: &str, fields: &[(&str, i64)]) -> Vec<u8> {
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
    pub(in crate::wire) fn slice_definition(id: i64, name: &str, element: i64) -> Vec<u8> {
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
