//! Exact numbers within 256 bits, and the last step of a reduction in fixed words.
//!
//! Ordinary data have such sums, and there may be millions of them. What is made of them is, to the bit, what
//! `rounding` makes of numbers of any size; where words do not suffice, `rounding` has to.

use num_bigint::BigUint;

use crate::kernel::exact::rounding::{Precision, Spread, nearest_of_word};
use crate::kernel::exact::{Canonical, ORIGIN};

/// Words of a magnitude, and of the numerator of a variance.
pub(super) const WORDS: usize = 4;
const NUMERATOR: usize = 6;

/// `words * 2^exponent`, negated if `negative`; the least word is the first.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Short {
    pub(super) negative: bool,
    pub(super) words: [u64; WORDS],
    pub(super) exponent: i32,
}

impl Short {
    /// A natural number.
    pub(in crate::kernel) fn natural<const N: usize>(words: [u64; N]) -> Short {
        let mut short = Short { negative: false, words: [0; WORDS], exponent: 0 };
        short.words[..N].copy_from_slice(&words);
        short
    }

    /// An integer.
    pub(in crate::kernel) fn integer(value: i128) -> Short {
        let size = value.unsigned_abs();
        Short { negative: value < 0, ..Short::natural([size as u64, (size >> 64) as u64]) }
    }

    /// The magnitude as an integer and the exponent of its least bit.
    pub(super) fn magnitude(&self) -> (BigUint, i64) {
        let bytes = self.words.map(u64::to_le_bytes);
        (BigUint::from_bytes_le(bytes.as_flattened()), self.exponent.into())
    }

    /// The form that equal numbers share; the exponent must be a multiple of 8 not below `ORIGIN`.
    pub(super) fn canonical(&self) -> Canonical {
        let bytes = self.words.map(u64::to_le_bytes);
        Canonical::trimmed(self.negative, (self.exponent - ORIGIN) as usize / 8, bytes.as_flattened())
    }

    /// The number divided by `divisor`, which must not be zero, rounded.
    pub(in crate::kernel) fn divided(&self, divisor: u64, precision: Precision) -> f64 {
        let ratio = Ratio::new(&self.words, self.exponent.into(), divisor);
        let value = ratio.map_or(0.0, |ratio| ratio.rounded(precision));
        if self.negative { -value } else { value }
    }
}

/// As [`spread`](crate::kernel::exact::rounding::spread), if words suffice; `count` must exceed `ddof`.
pub(super) fn spread(
    sum: &Short,
    squares: &Short,
    (count, ddof): (u64, u64),
    precision: Precision,
    spread: Spread,
) -> Option<f64> {
    let divisor = count.checked_mul(count - ddof)?;
    let left = product(&squares.words, count);
    let sum_low = lowest(&sum.words).unwrap_or(0);
    let right = square(cut(&sum.words, sum_low)?);
    // Both in units of the least bit that is set in either.
    let bases = (i64::from(squares.exponent), 2 * (i64::from(sum.exponent) + sum_low));
    let lows = [lowest(&left).map(|low| bases.0 + low), lowest(&right).map(|low| bases.1 + low)];
    let exponent = lows.into_iter().flatten().min().unwrap_or(0);
    let (left, right): ([_; NUMERATOR], [_; NUMERATOR]) =
        (cut(&left, exponent - bases.0)?, cut(&right, exponent - bases.1)?);
    let mut numerator = [0; NUMERATOR];
    let mut borrow = false;
    for (place, word) in numerator.iter_mut().enumerate() {
        (*word, borrow) = left[place].borrowing_sub(right[place], borrow);
    }
    // Negative only if `count` is not the number of values added.
    if borrow {
        return Some(f64::NAN);
    }
    let Some(ratio) = Ratio::new(&numerator, exponent, divisor) else { return Some(0.0) };
    Some(match spread {
        Spread::Variance => ratio.rounded(precision),
        Spread::StandardDeviation => ratio.root_rounded(precision),
    })
}

/// `quotient * 2^exponent`, and something below the quotient's last bit if `inexact`.
struct Ratio {
    /// Of 127 or 128 bits.
    quotient: u128,
    exponent: i64,
    inexact: bool,
}

impl Ratio {
    /// `words * 2^exponent / divisor`, unless it is zero. The divisor must not be zero.
    fn new(words: &[u64], exponent: i64, divisor: u64) -> Option<Ratio> {
        // The upper 191 bits by 64 bits, so that each step has a quotient of a word.
        let low = lowest(words)?;
        let (base, scale) = (length(words) - 191, divisor.leading_zeros());
        let divisor = u128::from(divisor << scale);
        let (mut quotient, mut rest) = (0, u128::from(bits_at(words, base + 128)));
        for position in [base + 64, base] {
            let dividend = rest << 64 | u128::from(bits_at(words, position));
            (quotient, rest) = ((quotient << 64) + dividend / divisor, dividend % divisor);
        }
        let inexact = rest != 0 || low < base;
        Some(Ratio { quotient, exponent: exponent + base + i64::from(scale), inexact })
    }

    fn rounded(&self, precision: Precision) -> f64 {
        let inexact = self.inexact || self.quotient as u64 != 0;
        nearest_of_word((self.quotient >> 64) as u64, inexact, self.exponent + 64, precision)
    }

    /// The root of it, rounded.
    fn root_rounded(&self, precision: Precision) -> f64 {
        let odd = self.exponent & 1;
        let square = self.quotient >> odd;
        let root = square.isqrt();
        let inexact = self.inexact || root * root != square || square << odd != self.quotient;
        nearest_of_word(root as u64, inexact, (self.exponent + odd) / 2, precision)
    }
}

/// The position of the least bit that is set, unless none is.
fn lowest(words: &[u64]) -> Option<i64> {
    let place = words.iter().position(|word| *word != 0)?;
    Some(64 * place as i64 + i64::from(words[place].trailing_zeros()))
}

/// How many bits there are from the first to the greatest that is set.
fn length(words: &[u64]) -> i64 {
    let place = words.iter().rposition(|word| *word != 0);
    place.map_or(0, |place| 64 * (place as i64 + 1) - i64::from(words[place].leading_zeros()))
}

/// The 64 bits from a position on, which may lie below or above all words.
fn bits_at(words: &[u64], position: i64) -> u64 {
    let (place, shift) = (position.div_euclid(64), position.rem_euclid(64));
    // Places below zero become large ones.
    let word = |place: i64| u128::from(*words.get(place as usize).unwrap_or(&0));
    ((word(place + 1) << 64 | word(place)) >> shift) as u64
}

/// The bits from a position on, if they fit `N` words.
fn cut<const N: usize>(words: &[u64], low: i64) -> Option<[u64; N]> {
    let length = length(words);
    let fit = length == 0 || length - low <= 64 * N as i64;
    fit.then(|| std::array::from_fn(|place| bits_at(words, low + 64 * place as i64)))
}

fn product(words: &[u64; WORDS], factor: u64) -> [u64; WORDS + 1] {
    let (mut product, mut carry) = ([0; WORDS + 1], 0);
    for (word, product) in words.iter().zip(&mut product) {
        (*product, carry) = word.carrying_mul(factor, carry);
    }
    product[WORDS] = carry;
    product
}

fn square([low, high]: [u64; 2]) -> [u64; WORDS] {
    let (low, high) = (u128::from(low), u128::from(high));
    let cross = low * high;
    let (first, upper) = (low * low, high * high);
    // The cross product counts twice, one word up.
    let (lower, carry) = first.overflowing_add(cross << 65);
    let upper = upper + (cross >> 63) + u128::from(carry);
    [lower as u64, (lower >> 64) as u64, upper as u64, (upper >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    use crate::kernel::exact::Number;
    use crate::kernel::exact::cells::MomentCells;
    use crate::kernel::exact::rounding::Precision::{Double, Single};
    use crate::kernel::exact::rounding::{long_spread, quotient};

    /// Words with few and with many bits that are set, in any places.
    fn shorts() -> impl Strategy<Value = Short> {
        let word =
            prop_oneof![any::<u64>(), any::<u64>().prop_map(|word| word & word >> 7 & 0x8100_0001), Just(0)];
        (prop::array::uniform4(word), 0..=4_usize, -1300..900_i32).prop_map(|(mut words, used, exponent)| {
            words[used..].fill(0);
            Short { negative: false, words, exponent }
        })
    }

    /// Ordinary, tiny, huge, and mixed values.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let scaled = |exponents: std::ops::Range<i32>| {
            (-2.0..2.0_f64, exponents).prop_map(|(value, exponent)| value * 2f64.powi(exponent))
        };
        let offset = (-4..4_i32, 10.0..11.0_f64).prop_map(|(exponent, value)| value * f64::from(exponent));
        let any = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite());
        let whole = (-9..9_i32).prop_map(f64::from);
        prop_oneof![
            prop::collection::vec(scaled(0..1), 1..50),
            prop::collection::vec(offset, 1..50),
            prop::collection::vec(whole, 1..50),
            prop::collection::vec(scaled(-30..30), 1..50),
            prop::collection::vec(scaled(-1074..-1000), 1..50),
            prop::collection::vec(scaled(990..1023), 1..50),
            prop::collection::vec(any, 1..9),
            (-1e9..1e9_f64, 1..20_usize).prop_map(|(value, count)| vec![value; count]),
        ]
    }

    /// For values such as these words have to suffice.
    fn ordinary(value: &f64) -> bool {
        *value == 0.0 || (1e-9..1e9).contains(&value.abs())
    }

    /// Whether a variance and its root, if words suffice, are those of large numbers; and whether they do.
    fn check_spread(sum: &Short, squares: &Short, of: (u64, u64)) -> Result<bool, TestCaseError> {
        let mut suffice = true;
        for precision in [Single, Double] {
            for what in [Spread::Variance, Spread::StandardDeviation] {
                let long = long_spread(sum.magnitude(), squares.magnitude(), of, precision, what);
                let short = spread(sum, squares, of, precision, what);
                prop_assert_eq!(short.unwrap_or(long).to_bits(), long.to_bits());
                suffice &= short.is_some();
            }
        }
        Ok(suffice)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn quotients_are_those_of_large_numbers(
            number in shorts(),
            divisor in prop_oneof![1_u64..4, 1..=u64::MAX, (0..64_u32).prop_map(|bit| 1 << bit)],
        ) {
            for precision in [Single, Double] {
                let (magnitude, exponent) = number.magnitude();
                let large = quotient(&magnitude, &divisor.into(), exponent, precision);
                prop_assert_eq!(number.divided(divisor, precision).to_bits(), large.to_bits());
            }
        }

        #[test]
        fn spreads_of_any_sums_are_those_of_large_numbers(
            sum in shorts(),
            squares in shorts(),
            count in prop_oneof![2_u64..9, 2..=u64::MAX],
            ddof in 0..2_u64,
            near in any::<bool>(),
        ) {
            let exponent = if near { 2 * sum.exponent + 64 } else { squares.exponent };
            check_spread(&sum, &Short { exponent, ..squares }, (count, ddof))?;
        }

        #[test]
        fn spreads_of_values_are_those_of_large_numbers(values in values(), more in 0..2_u64) {
            let mut cells = MomentCells::new(1);
            for value in &values {
                cells.sums.add_any(0, *value);
                cells.squares.add_square_of_any(0, *value);
            }
            let (sum, squares) = (cells.sums.number(0, &[]), cells.squares.number(0, &[]));
            let count = values.len() as u64;
            if let (Number::Short(sum), Number::Short(squares)) = (sum, squares) {
                for ddof in 0..count.min(2) {
                    let suffice = check_spread(&sum, &squares, (count, ddof))?;
                    prop_assert!(suffice || !values.iter().all(ordinary));
                }
                check_spread(&sum, &squares, (count + more, 0))?;
            } else {
                prop_assert!(!values.iter().all(ordinary));
            }
        }
    }
}
