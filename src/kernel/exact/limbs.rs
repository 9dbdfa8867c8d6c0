//! A signed fixed-point number of any size, in digits of 32 bits: what exact sums are kept in.
//!
//! The least bit of digit 0 stands for 2^-2176, below the square of the smallest double; only the digits that
//! have been touched are stored. Adding leaves carries where they fall; they are settled when they are read,
//! and long before a digit could overflow.

use num_bigint::BigUint;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

const DIGIT_BITS: u32 = 32;
const DIGIT_MASK: i64 = 0xFFFF_FFFF;
/// The exponent of the least bit of digit 0.
const ORIGIN: i32 = -2176;
/// Digits that 2^64 squares of doubles can reach, with room for a sign.
const DIGITS: usize = 136;
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
    /// Adds a finite double.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let (negative, mantissa, exponent) = parts(value);
        self.add_scaled(negative, mantissa, exponent);
    }

    /// Adds the square of a finite double.
    #[inline]
    pub(super) fn add_square(&mut self, value: f64) {
        let (_, mantissa, exponent) = parts(value);
        let square = u128::from(mantissa) * u128::from(mantissa);
        self.add_scaled(false, square as u64, 2 * exponent);
        self.add_scaled(false, (square >> 64) as u64, 2 * exponent + 64);
    }

    /// Adds `mantissa * 2^exponent`, negated if `negative`; `exponent` must not be below `ORIGIN`.
    #[inline]
    fn add_scaled(&mut self, negative: bool, mantissa: u64, exponent: i32) {
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
    #[inline]
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

    /// Stores digits `first..end` too.
    #[cold]
    fn cover(&mut self, first: usize, end: usize) {
        if self.digits.is_empty() {
            self.base = first;
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

    /// The one form that equal sums share.
    pub(super) fn canonical(&self) -> Canonical {
        let mut settled = self.clone();
        settled.settle();
        let negative = settled.digits.last().is_some_and(|digit| *digit < 0);
        if negative {
            settled.digits.iter_mut().for_each(|digit| *digit = -*digit);
            settled.settle();
        }
        let is_zero = |digit: &&i64| **digit == 0;
        let zeros_above = settled.digits.iter().rev().take_while(is_zero).count();
        settled.digits.truncate(settled.digits.len() - zeros_above);
        let zeros_below = settled.digits.iter().take_while(is_zero).count();
        let digits: Vec<u32> = settled.digits[zeros_below..].iter().map(|digit| *digit as u32).collect();
        let base = if digits.is_empty() { 0 } else { settled.base + zeros_below };
        Canonical { negative, base: base as u8, digits: Digits(digits) }
    }
}

impl PartialEq for Limbs {
    fn eq(&self, other: &Limbs) -> bool {
        self.canonical() == other.canonical()
    }
}

/// A sum in sign and magnitude, without zero digits at either end: the form that is compared and sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Canonical {
    pub(super) negative: bool,
    base: u8,
    digits: Digits,
}

impl Canonical {
    /// The magnitude as an integer and the exponent of its least bit.
    pub(super) fn magnitude(&self) -> (BigUint, i64) {
        let exponent = i64::from(ORIGIN) + i64::from(self.base) * i64::from(DIGIT_BITS);
        (BigUint::new(self.digits.0.clone()), exponent)
    }

    /// The sum that was sent, or what is wrong with it.
    pub(super) fn into_limbs(self) -> Result<Limbs, &'static str> {
        let digits = self.digits.0;
        if digits.first() == Some(&0) || digits.last() == Some(&0) {
            return Err("an exact sum has zero digits at an end");
        }
        if digits.is_empty() && (self.negative || self.base != 0) {
            return Err("an exact sum of zero has a sign or a base");
        }
        if usize::from(self.base) + digits.len() > DIGITS {
            return Err("an exact sum is out of range");
        }
        let sign = if self.negative { -1 } else { 1 };
        let digits = digits.into_iter().map(|digit| sign * i64::from(digit)).collect();
        Ok(Limbs { base: usize::from(self.base), digits, additions: 1 })
    }
}

/// Digits whose number is bounded while they are read.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Digits(Vec<u32>);

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digits, D::Error> {
        deserializer.deserialize_seq(DigitsVisitor)
    }
}

struct DigitsVisitor;

impl<'de> Visitor<'de> for DigitsVisitor {
    type Value = Digits;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at most {DIGITS} digits")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Digits, A::Error> {
        let mut digits = Vec::new();
        while let Some(digit) = sequence.next_element()? {
            if digits.len() == DIGITS {
                return Err(A::Error::invalid_length(DIGITS + 1, &self));
            }
            digits.push(digit);
        }
        Ok(Digits(digits))
    }
}

/// Sign, integer mantissa, and the exponent of the mantissa's least bit.
#[inline]
fn parts(value: f64) -> (bool, u64, i32) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    (bits >> 63 == 1, mantissa, exponent.max(1) - 1075)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_negative_sums_again_and_again_stores_few_digits() {
        let mut one = Limbs::default();
        one.add(-0.1);
        let mut sum = Limbs::default();
        for _ in 0..1000 {
            sum.merge(&one);
        }
        assert!(sum.digits.len() <= 5, "{} digits", sum.digits.len());
        let mut expected = Limbs::default();
        (0..1000).for_each(|_| expected.add(-0.1));
        assert_eq!(sum, expected);
    }

    #[test]
    fn zeros_store_no_digits() {
        let mut sum = Limbs::default();
        sum.add(0.0);
        sum.add_square(-0.0);
        assert!(sum.digits.is_empty());
    }
}
