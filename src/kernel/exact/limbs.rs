//! A signed fixed-point number of any size, in digits of 32 bits: what does not fit a cell.
//!
//! Only the digits from the lowest to the highest that have been touched are stored. Adding leaves carries
//! where they fall; they are settled when they are read, and long before a digit could overflow.

use crate::kernel::exact::{BYTES, Canonical, ORIGIN};

const DIGIT_BITS: u32 = 32;
const DIGIT_MASK: i64 = 0xFFFF_FFFF;
/// Digits that numbers within reach take, and two for carries.
const DIGITS: usize = BYTES / 4 + 2;
/// Additions after which carries are settled: each adds less than 2^32 to a digit.
const ADDITIONS: u32 = 1 << 28;

/// The exact sum of everything added so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Limbs {
    /// The place of `digits[0]`.
    base: usize,
    digits: Vec<i64>,
    /// Additions since carries were last settled.
    additions: u32,
}

impl Limbs {
    /// Bytes that all digits take.
    pub(super) const MOST_BYTES: u64 = (size_of::<Limbs>() + DIGITS * size_of::<i64>()) as u64;

    /// Whether nothing has been added.
    pub(super) fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }

    /// Adds `mantissa * 2^exponent`, negated if `negative`; `exponent` must not be below `ORIGIN`.
    pub(super) fn add(&mut self, negative: bool, mantissa: u64, exponent: i32) {
        if mantissa == 0 {
            return;
        }
        let position = (exponent - ORIGIN) as u32;
        let place = (position / DIGIT_BITS) as usize;
        let wide = u128::from(mantissa) << (position % DIGIT_BITS);
        let sign = -i64::from(negative);
        let digits = self.digits_at(place);
        for (index, digit) in digits.iter_mut().enumerate() {
            let part = (wide >> (DIGIT_BITS * index as u32)) as i64 & DIGIT_MASK;
            *digit += (part ^ sign) - sign;
        }
    }

    /// Room for one addition to the three digits from `place` on.
    fn digits_at(&mut self, place: usize) -> &mut [i64; 3] {
        if self.additions >= ADDITIONS {
            self.settle();
        }
        self.additions += 1;
        if place < self.base || place + 3 > self.base + self.digits.len() {
            self.cover(place, place + 3);
        }
        let start = place - self.base;
        self.digits[start..].first_chunk_mut().expect("the digits have just been covered")
    }

    /// Stores digits `first..end` too. Takes the memory for all that may come at once: who spills once, spills
    /// again.
    #[cold]
    fn cover(&mut self, first: usize, end: usize) {
        if self.digits.is_empty() {
            self.base = first;
            self.digits.reserve_exact(DIGITS);
        }
        if first < self.base {
            self.digits.splice(0..0, std::iter::repeat_n(0, self.base - first));
            self.base = first;
        }
        let length = self.digits.len().max(end - self.base);
        self.digits.resize(length, 0);
    }

    /// Adds what another has gathered.
    pub(super) fn merge(&mut self, other: &Limbs) {
        if other.digits.is_empty() {
            return;
        }
        let mut other = other.clone();
        other.settle();
        self.settle();
        self.cover(other.base, other.base + other.digits.len());
        let start = other.base - self.base;
        for (digit, more) in self.digits[start..].iter_mut().zip(&other.digits) {
            *digit += more;
        }
    }

    /// Moves carries up, so that all digits but the last are in 0..2^32, and the last, within 2^32 of zero,
    /// has the sign.
    fn settle(&mut self) {
        let Some((last, below)) = self.digits.split_last_mut() else { return };
        let mut carry = 0;
        for digit in below {
            let sum = *digit + carry;
            *digit = sum & DIGIT_MASK;
            carry = sum >> DIGIT_BITS;
        }
        *last += carry;
        let carry = *last >> DIGIT_BITS;
        if carry != 0 && carry != -1 {
            *last &= DIGIT_MASK;
            self.digits.push(carry);
        }
        self.additions = 2;
    }

    /// The one form that equal numbers share.
    pub(super) fn canonical(&self) -> Canonical {
        let mut settled = self.clone();
        settled.settle();
        let negative = settled.digits.last().is_some_and(|digit| *digit < 0);
        if negative {
            settled.digits.iter_mut().for_each(|digit| *digit = -*digit);
            settled.settle();
        }
        let bytes: Vec<u8> = settled.digits.iter().flat_map(|digit| (*digit as u32).to_le_bytes()).collect();
        Canonical::trimmed(negative, 4 * settled.base, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_negative_numbers_again_and_again_stores_few_digits() {
        let mut one = Limbs::default();
        one.add(true, 0x0019_9999_9999_999a, -56);
        let mut sum = Limbs::default();
        for _ in 0..1000 {
            sum.merge(&one);
        }
        assert!(sum.digits.len() <= 5, "{} digits", sum.digits.len());
        let mut expected = Limbs::default();
        (0..1000).for_each(|_| expected.add(true, 0x0019_9999_9999_999a, -56));
        assert_eq!(sum.canonical(), expected.canonical());
    }

    #[test]
    fn numbers_of_all_exponents_stay_within_the_memory_of_the_first() {
        for negative in [false, true] {
            let mut limbs = Limbs::default();
            limbs.add(negative, 1, 0);
            for exponent in ORIGIN..=2 * 971 + 64 {
                limbs.add(negative, u64::MAX, exponent);
            }
            let other = limbs.clone();
            (0..100).for_each(|_| limbs.merge(&other));
            assert!(limbs.digits.capacity() <= DIGITS, "{} digits", limbs.digits.capacity());
        }
    }
}
