//! What is sent of an accumulator: bytes, packed by hand, an output at a time.
//!
//! An output that nothing was added to takes a byte or three. Reading checks everything: what is accepted is
//! what some values would have led to, or is harmless.

use serde::de::{Error, Visitor};

use crate::kernel::exact::Canonical;

/// An accumulator that can be sent.
pub(super) trait Packed: Sized {
    /// What is wrong with bytes that are refused.
    const REFUSAL: &'static str;

    fn pack(&self, writer: &mut Writer);

    /// `None` for bytes that `pack` does not write.
    fn unpack(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Sends a [`Packed`] type as bytes.
macro_rules! sent_packed {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut writer = $crate::kernel::accumulate::wire::Writer::default();
                $crate::kernel::accumulate::wire::Packed::pack(self, &mut writer);
                serializer.serialize_bytes(writer.bytes())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let visitor = $crate::kernel::accumulate::wire::PackedVisitor::<$type>::default();
                deserializer.deserialize_bytes(visitor)
            }
        }
    };
}
pub(super) use sent_packed;

pub(super) struct PackedVisitor<T>(std::marker::PhantomData<T>);

impl<T> Default for PackedVisitor<T> {
    fn default() -> Self {
        PackedVisitor(std::marker::PhantomData)
    }
}

impl<T: Packed> Visitor<'_> for PackedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes of an accumulator")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
        let mut reader = Reader { rest: bytes };
        let value = T::unpack(&mut reader).filter(|_| reader.rest.is_empty());
        value.ok_or_else(|| E::custom(T::REFUSAL))
    }
}

/// Gathers bytes.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first; the last has its upper bit clear.
    pub(super) fn unsigned(&mut self, value: u128) {
        let mut rest = value;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    /// Small for integers near zero.
    pub(super) fn signed(&mut self, value: i128) {
        self.unsigned((value << 1 ^ value >> 127).cast_unsigned());
    }

    /// A number, with three bits of the caller's.
    pub(super) fn number(&mut self, number: &Canonical, flags: u8) {
        let length = number.bytes.len();
        self.byte(flags | u8::from(number.negative) << 3 | u8::from(length > 0) << 4);
        if length > 0 {
            self.unsigned(length as u128);
            self.raw(&number.place.to_le_bytes());
            self.raw(&number.bytes);
        }
    }
}

/// Takes bytes apart. `None` wherever they end too early.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.raw::<1>().map(|[byte]| byte)
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// An integer in its shortest form.
    pub(super) fn unsigned(&mut self) -> Option<u128> {
        let mut value: u128 = 0;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7F);
            value |= part << shift;
            if byte < 0x80 {
                let is_shortest = part != 0 || shift == 0;
                return (is_shortest && value >> shift == part).then_some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i128> {
        let value = self.unsigned()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number of outputs, each of which takes a byte at least.
    pub(super) fn outputs(&mut self) -> Option<usize> {
        let outputs = usize::try_from(self.unsigned()?).ok()?;
        (outputs <= self.rest.len()).then_some(outputs)
    }

    /// A number and three bits of the caller's.
    pub(super) fn number(&mut self) -> Option<(Canonical, u8)> {
        let head = self.byte()?;
        if head >= 0x20 {
            return None;
        }
        let mut number = Canonical { negative: head & 8 != 0, ..Canonical::default() };
        if head & 0x10 != 0 {
            let length = usize::try_from(self.unsigned()?).ok()?;
            number.place = u16::from_le_bytes(self.raw()?);
            number.bytes = self.slice(length)?.to_vec();
            if length == 0 {
                return None;
            }
        }
        number.is_valid().then_some((number, head & 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_written_and_in_one_form_alone() {
        for value in [0, 1, -1, 63, -64, 64, i128::from(i64::MIN), i128::MAX, i128::MIN] {
            let mut writer = Writer::default();
            writer.signed(value);
            let mut reader = Reader { rest: writer.bytes() };
            assert_eq!((reader.signed(), reader.rest.len()), (Some(value), 0));
        }
        let read = |bytes: &[u8]| Reader { rest: bytes }.unsigned();
        assert_eq!(read(&[0x80, 1]), Some(128));
        assert_eq!(read(&[0x80, 0]), None, "not the shortest form");
        assert_eq!(read(&[0x80]), None, "cut short");
        assert_eq!(read(&[[0xFF; 18].as_slice(), &[3]].concat()), Some(u128::MAX));
        assert_eq!(read(&[[0xFF; 18].as_slice(), &[4]].concat()), None, "129 bits");
        assert_eq!(read(&[0xFF; 40]), None, "no end");
    }
}
