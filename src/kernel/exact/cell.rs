//! An exact number in a window of 256 bits: where a sum is kept as long as its exponents allow it.
//!
//! 256 bits hold the sum of 2^64 doubles of 35 binary exponents, or of their squares, wherever the first of
//! them put the window. What does not fit is for `cells` to keep elsewhere.

use crate::kernel::exact::ORIGIN;
use crate::kernel::exact::short::{Short, WORDS};
use crate::kernel::exact::special::Special;

/// Bits of a magnitude: the 256 less a sign and one bit for a carry.
const ROOM: i32 = 254;
/// Bits below the first number added that are kept free for smaller ones.
const BELOW: i32 = 112;
/// The base of a cell that nothing has been added to: everything lies below it.
const UNSET: i16 = i16::MAX;

#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Two's complement, least word first.
    words: [u64; WORDS],
    /// The exponent of the least bit, a multiple of 8 not below `ORIGIN`.
    base: i16,
    /// The top of the window in which the next values are expected, `i16::MIN` before the first; of no
    /// influence on the number.
    pub(super) top: i16,
    /// Values that are not finite.
    pub(super) special: Special,
}

impl Default for Cell {
    fn default() -> Cell {
        Cell { words: [0; WORDS], base: UNSET, top: i16::MIN, special: Special::default() }
    }
}

impl Cell {
    /// Adds `mantissa * 2^exponent`, negated if `negative`, or returns false if it does not fit. The mantissa
    /// must not be zero.
    #[inline]
    pub(super) fn add(&mut self, negative: bool, mantissa: u64, exponent: i32) -> bool {
        let offset = exponent - i32::from(self.base);
        let bits = (64 - mantissa.leading_zeros()).cast_signed();
        if offset < 0 || offset + bits > ROOM {
            return false;
        }
        let wide = u128::from(mantissa) << (offset % 64);
        let (wide, sign) = if negative { (wide.wrapping_neg(), u64::MAX) } else { (wide, 0) };
        let mut carry = false;
        for (index, word) in self.words.iter_mut().enumerate() {
            let part = match index.wrapping_sub(offset as usize / 64) {
                0 => wide as u64,
                1 => (wide >> 64) as u64,
                above if above < WORDS => sign,
                _ => 0,
            };
            (*word, carry) = word.carrying_add(part, carry);
        }
        true
    }

    /// Adds a number that `add` takes, after moving the window if need be. False if no window holds it.
    pub(super) fn add_anywhere(&mut self, negative: bool, mantissa: u64, exponent: i32) -> bool {
        let zeros = mantissa.trailing_zeros();
        let (mantissa, exponent) = (mantissa >> zeros, exponent + zeros.cast_signed());
        self.add(negative, mantissa, exponent)
            || self.make_room(Some((mantissa, exponent))) && self.add(negative, mantissa, exponent)
    }

    /// Whether a further addition could overflow.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        let top = self.words[WORDS - 1].cast_signed() >> (ROOM % 64);
        top != 0 && top != -1
    }

    /// Moves the window so that the number is in its middle, and so that this addition fits too, if some window
    /// holds them.
    pub(super) fn make_room(&mut self, addition: Option<(u64, i32)>) -> bool {
        let (negative, words) = self.magnitude();
        let reach = |(word, at): (u64, i32)| {
            (at + word.trailing_zeros().cast_signed(), at + 64 - word.leading_zeros().cast_signed())
        };
        if words == [0; WORDS] {
            let Some((low, high)) = addition.map(reach) else { return true };
            self.base = based(low - BELOW);
            return high - i32::from(self.base) <= ROOM;
        }
        let reaches = self.placed(words).chain(addition).map(reach);
        let (low, high) = reaches
            .fold((i32::MAX, i32::MIN), |(low, high), (lower, higher)| (low.min(lower), high.max(higher)));
        let slack = ROOM - (high - low);
        if slack < 16 {
            return false;
        }
        let placed = self.placed(words);
        self.words = [0; WORDS];
        self.base = based(low - slack / 2);
        for (word, at) in placed {
            let zeros = word.trailing_zeros();
            self.add(negative, word >> zeros, at + zeros.cast_signed());
        }
        true
    }

    /// The number's parts: words of its magnitude that are not zero, with the exponents of their least bits.
    pub(super) fn parts(&self) -> (bool, impl Iterator<Item = (u64, i32)> + use<>) {
        let (negative, words) = self.magnitude();
        (negative, self.placed(words))
    }

    fn placed(&self, words: [u64; WORDS]) -> impl Iterator<Item = (u64, i32)> + use<> {
        let base = i32::from(self.base);
        let placed = words.into_iter().enumerate().map(move |(index, word)| (word, base + 64 * index as i32));
        placed.filter(|(word, _)| *word != 0)
    }

    fn magnitude(&self) -> (bool, [u64; WORDS]) {
        let negative = self.words[WORDS - 1].cast_signed() < 0;
        let mut words = self.words;
        if negative {
            let mut carry = true;
            for word in &mut words {
                (*word, carry) = (!*word).overflowing_add(u64::from(carry));
            }
        }
        (negative, words)
    }

    /// The number, if it was kept here alone.
    pub(super) fn short(&self) -> Short {
        let (negative, words) = self.magnitude();
        Short { negative, words, exponent: self.base.into() }
    }

    /// Makes the number zero.
    pub(super) fn clear(&mut self) {
        (self.words, self.base) = ([0; WORDS], UNSET);
    }
}

/// A base not above `exponent`, unless nothing lies so low.
fn based(exponent: i32) -> i16 {
    (exponent.max(ORIGIN) & !7) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_to_hold_small_and_large_numbers_and_no_further() {
        let mut cell = Cell::default();
        assert!(!cell.add(false, 1, 0) && cell.make_room(Some((1, 0))) && cell.add(false, 1, 0));
        let one = cell.short().canonical();
        for (exponent, fits) in [(-180, true), (-400, false), (40, true), (150, false)] {
            let added = cell.add(true, 1, exponent)
                || cell.make_room(Some((1, exponent))) && cell.add(true, 1, exponent);
            assert_eq!(added, fits, "{exponent}");
        }
        for exponent in [-180, 40] {
            assert!(cell.add(false, 1, exponent));
        }
        assert_eq!(cell.short().canonical(), one);
    }

    #[test]
    fn a_cell_is_full_before_it_overflows() {
        for negative in [false, true] {
            let mut cell = Cell::default();
            assert!(cell.make_room(Some((1, 0))) && cell.add(negative, 1, 0));
            let top = i32::from(cell.base) + ROOM - 64;
            while !cell.is_full() {
                assert!(cell.add(negative, u64::MAX, top));
            }
            for _ in 0..2 {
                let canonical = cell.short().canonical();
                assert_eq!(canonical.negative, negative);
                assert_eq!(canonical.magnitude().0.bits() as i32 + canonical.exponent(), top + 65);
                assert!(cell.make_room(None) && !cell.is_full(), "the window follows the number");
            }
        }
    }
}
