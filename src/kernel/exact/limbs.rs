//! Signed fixed-point numbers that hold every exponent: what does not fit cells.
//!
//! There are no words before the first number needs some; then all outputs have them, zeroed, so that those
//! that are never touched take no memory where the system gives it out page by page.

use crate::kernel::exact::{Canonical, ORIGIN};

/// Which bits of numbers can be set: `words` words from word `first` above `ORIGIN` on.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Reach {
    first: usize,
    words: usize,
}

impl Reach {
    /// Sums of 2^64 doubles: from 2^-1088 to 2^1088.
    pub(in crate::kernel) const SUMS: Reach = Reach { first: 17, words: 34 };
    /// Sums of the squares of 2^64 doubles: from 2^-2176 to 2^2112.
    pub(in crate::kernel) const SQUARES: Reach = Reach { first: 0, words: 67 };

    /// Bytes of an output: one word is for the sign and for carries.
    pub(super) const fn bytes(self) -> u64 {
        (size_of::<u64>() * self.stored()) as u64
    }

    const fn stored(self) -> usize {
        self.words + 1
    }

    /// Whether a number lies within.
    pub(in crate::kernel) fn holds(self, number: &Canonical) -> bool {
        let bytes = 8 * self.first..=8 * (self.first + self.words);
        let place = usize::from(number.place);
        number.bytes.is_empty() || bytes.contains(&place) && bytes.contains(&(place + number.bytes.len()))
    }
}

/// A number for each output.
#[derive(Clone, Debug)]
pub(super) struct Limbs {
    reach: Reach,
    outputs: usize,
    /// Two's complement, the least word first; of no output or of all.
    words: Vec<u64>,
}

impl Limbs {
    pub(super) fn new(reach: Reach, outputs: usize) -> Limbs {
        Limbs { reach, outputs, words: Vec::new() }
    }

    /// Adds `mantissa * 2^exponent`, negated if `negative`; the bits that are set must be within reach.
    pub(super) fn add(&mut self, output: usize, negative: bool, mantissa: u64, exponent: i32) {
        if mantissa == 0 {
            return;
        }
        let zeros = mantissa.trailing_zeros();
        let origin = ORIGIN + 64 * self.reach.first as i32;
        let position = (exponent + zeros.cast_signed() - origin) as usize;
        let wide = u128::from(mantissa >> zeros) << (position % 64);
        let mut carry = false;
        for (index, word) in self.all(output)[position / 64..].iter_mut().enumerate() {
            let part = match index {
                0 => wide as u64,
                1 => (wide >> 64) as u64,
                _ if carry => 0,
                _ => break,
            };
            let operation = if negative { u64::borrowing_sub } else { u64::carrying_add };
            (*word, carry) = operation(*word, part, carry);
        }
    }

    /// Adds a number of others of the same reach. It takes 2^63 of the greatest to wrap around.
    pub(super) fn merge(&mut self, output: usize, other: &Limbs, of: usize) {
        if !other.is_zero(of) {
            let mut carry = false;
            for (word, more) in self.all(output).iter_mut().zip(other.of(of)) {
                (*word, carry) = word.carrying_add(*more, carry);
            }
        }
    }

    pub(super) fn is_zero(&self, output: usize) -> bool {
        self.of(output).iter().all(|word| *word == 0)
    }

    /// The one form that equal numbers share.
    pub(super) fn canonical(&self, output: usize) -> Canonical {
        let negative = self.of(output).last().is_some_and(|word| word.cast_signed() < 0);
        let mut carry = negative;
        let magnitude = self.of(output).iter().flat_map(|word| {
            let sum;
            (sum, carry) = if negative { (!word).overflowing_add(carry.into()) } else { (*word, false) };
            sum.to_le_bytes()
        });
        Canonical::trimmed(negative, 8 * self.reach.first, &magnitude.collect::<Vec<u8>>())
    }

    /// The words of an output, or none.
    fn of(&self, output: usize) -> &[u64] {
        let stored = self.reach.stored();
        self.words.get(output * stored..(output + 1) * stored).unwrap_or(&[])
    }

    fn all(&mut self, output: usize) -> &mut [u64] {
        let stored = self.reach.stored();
        if self.words.is_empty() {
            self.words = vec![0; self.outputs * stored];
        }
        &mut self.words[output * stored..][..stored]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of `count` times `mantissa * 2^exponent`.
    fn sum(count: usize, negative: bool, mantissa: u64, exponent: i32) -> Limbs {
        let mut limbs = Limbs::new(Reach::SUMS, 1);
        (0..count).for_each(|_| limbs.add(0, negative, mantissa, exponent));
        limbs
    }

    #[test]
    fn carries_and_borrows_run_through_all_words() {
        let mut limbs = sum(1, false, 1, 1023);
        limbs.add(0, true, 1, -1074);
        let ones = limbs.canonical(0);
        assert_eq!((ones.negative, ones.exponent(), ones.magnitude().0.bits()), (false, -1080, 1023 + 1080));
        limbs.add(0, true, 1, 1023);
        let least = limbs.canonical(0);
        assert_eq!((least.negative, least.bytes), (true, vec![1 << 6]));
        limbs.add(0, false, 1, -1074);
        assert!(limbs.is_zero(0));
        assert_eq!(limbs.canonical(0), Canonical::default());
    }

    #[test]
    fn merging_is_adding() {
        for negative in [false, true] {
            let one = sum(1, negative, 0x0019_9999_9999_999a, -1074);
            let mut merged = Limbs::new(Reach::SUMS, 1);
            (0..1000).for_each(|_| merged.merge(0, &one, 0));
            assert_eq!(merged.canonical(0), sum(1000, negative, 0x0019_9999_9999_999a, -1074).canonical(0));
        }
    }

    #[test]
    fn the_greatest_numbers_within_reach_can_be_added_again_and_again() {
        for (reach, top) in [(Reach::SUMS, 1024), (Reach::SQUARES, 2048)] {
            for negative in [false, true] {
                let mut limbs = Limbs::new(reach, 2);
                for exponent in ORIGIN + 64 * reach.first as i32..=top {
                    limbs.add(1, negative, u64::MAX, exponent);
                }
                let greatest = limbs.clone();
                (0..100).for_each(|_| limbs.merge(1, &greatest, 1));
                let number = limbs.canonical(1);
                assert_eq!(number.negative, negative);
                assert!(number.exponent() + number.magnitude().0.bits() as i32 > top + 64 + 6);
                assert!(limbs.is_zero(0));
            }
        }
    }
}
