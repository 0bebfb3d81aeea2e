//! Incoming bytes, cut into messages.

use super::{MAX_MESSAGE, Reader, Result, Types, WireError, uint_prefix};

/// Incoming bytes, cut into values with their types known.
#[derive(Debug, Default)]
pub(in crate::wire) struct Stream {
    pub(super) buffer: Vec<u8>,
    start: usize,
    types: Types,
    broken: bool,
}

impl Stream {
    /// Takes bytes from the connection. After an error they are thrown away.
    pub(in crate::wire) fn feed(&mut self, bytes: &[u8]) {
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
    pub(in crate::wire) fn value<T>(
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

    fn try_value<T>(&mut self, decode: impl FnOnce(&Types, i64, &mut Reader<'_>) -> Result<T>) -> Result<Option<T>> {
        loop {
            let pending = &self.buffer[self.start..];
            let Some((length, prefix)) = uint_prefix(pending)? else {
                return Ok(None);
            };
            let size = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE);
            let size = size.ok_or(WireError::TooLong {
                length,
                limit: MAX_MESSAGE,
            })?;
            let Some(message) = pending.get(prefix..prefix + size) else {
                return Ok(None);
            };
            self.start += prefix + size;
            let mut reader = Reader::new(message);
            let id = reader.int()?;
            if id < 0 {
                self.types
                    .define(id.checked_neg().ok_or(WireError::UnknownType(id))?, &mut reader)?;
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
    if reader.is_empty() {
        Ok(())
    } else {
        Err(WireError::Malformed("a message is longer than its value"))
    }
}
