//! The one form that equal exact numbers share: what is compared, sent and rounded.

use num_bigint::BigUint;

use crate::kernel::exact::ORIGIN;

/// A number in sign and magnitude, without zero bytes at either end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Canonical {
    pub(in crate::kernel) negative: bool,
    /// How many bytes above `ORIGIN` the first of `bytes` stands; 0 for zero.
    pub(in crate::kernel) place: u16,
    /// The magnitude, least byte first.
    pub(in crate::kernel) bytes: Vec<u8>,
}

impl Canonical {
    /// A number whose magnitude, least byte first, may have zero bytes at both ends.
    pub(super) fn trimmed(negative: bool, place: usize, bytes: &[u8]) -> Canonical {
        let Some(first) = bytes.iter().position(|byte| *byte != 0) else { return Canonical::default() };
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(first, |last| last + 1);
        Canonical { negative, place: (place + first) as u16, bytes: bytes[first..end].to_vec() }
    }

    /// Whether this is a number's canonical form.
    pub(in crate::kernel) fn is_valid(&self) -> bool {
        match self.bytes[..] {
            [] => !self.negative && self.place == 0,
            [first, ..] => first != 0 && self.bytes.last() != Some(&0),
        }
    }

    /// The exponent of the magnitude's least bit.
    pub(super) fn exponent(&self) -> i32 {
        ORIGIN + 8 * i32::from(self.place)
    }

    /// The magnitude as an integer and the exponent of its least bit.
    pub(super) fn magnitude(&self) -> (BigUint, i64) {
        (BigUint::from_bytes_le(&self.bytes), i64::from(self.exponent()))
    }
}
