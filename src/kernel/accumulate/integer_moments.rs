//! Exact sums of integers and of their squares: mean, variance and standard deviation, each rounded once.

use crate::kernel::Isa;
use crate::kernel::accumulate::IntegerSums;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::exact::Number;
use crate::kernel::exact::rounding::{self, Precision, Spread};
use crate::kernel::exact::short::Short;
use crate::kernel::isa::forms;

/// Values below it in magnitude are small: the squares of 1024 of them have a sum of less than 64 bits.
const SMALL: i64 = 1 << 26;
/// Values, or additions to one output, after which the sums of small squares are put away.
const PIECE: usize = 1024;
/// Outputs whose additions are counted together.
const GROUP: usize = 256;

/// The exact sums of integers and of their squares.
#[derive(Clone, Debug)]
pub struct IntegerMoments {
    sums: IntegerSums,
    /// Sums of squares in 192 bits, least word first.
    squares: Vec<[u64; 3]>,
    /// Sums of small squares that have not been put away, and additions to each group since they were.
    small: Vec<u64>,
    additions: Vec<u16>,
}

impl IntegerMoments {
    /// Moments of nothing.
    pub fn new(outputs: usize) -> IntegerMoments {
        IntegerMoments {
            sums: IntegerSums::new(outputs),
            squares: vec![[0; 3]; outputs],
            small: vec![0; outputs],
            additions: vec![0; outputs.div_ceil(GROUP)],
        }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.sums.outputs()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        let bytes = outputs * 48 + outputs.div_ceil(GROUP as u64) * 2;
        (bytes, bytes)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[i64]) {
        self.sums.add_run(isa, output, values);
        for piece in values.chunks(PIECE) {
            let (sum, all_small) = small_squares(isa, piece);
            self.add_square(output, u128::from(sum));
            if !all_small {
                self.add_large(piece.iter().map(|value| (output, *value)));
            }
        }
    }

    /// Adds consecutive rows of `width` values: value j to output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[i64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            self.sums.add_rows(isa, first, width, values);
            values.chunks(width).for_each(|row| self.add_row(isa, first, row));
        }
    }

    fn add_row(&mut self, isa: Isa, first: usize, row: &[i64]) {
        let end = first + row.len();
        for group in first / GROUP..end.div_ceil(GROUP) {
            if usize::from(self.additions[group]) == PIECE {
                self.put_away(group);
            }
            self.additions[group] += 1;
        }
        if !add_small_squares(isa, row, &mut self.small[first..end]) {
            self.add_large((first..).zip(row.iter().copied()));
        }
    }

    #[cold]
    #[inline(never)]
    fn add_large(&mut self, values: impl Iterator<Item = (usize, i64)>) {
        for (output, value) in values.filter(|(_, value)| !is_small(*value)) {
            let size = u128::from(value.unsigned_abs());
            self.add_square(output, size * size);
        }
    }

    fn put_away(&mut self, group: usize) {
        self.additions[group] = 0;
        for output in group * GROUP..self.outputs().min((group + 1) * GROUP) {
            let small = std::mem::take(&mut self.small[output]);
            self.add_square(output, u128::from(small));
        }
    }

    /// Adds to a sum of squares; beyond 192 bits, which takes 2^64 values and more, it wraps.
    fn add_square(&mut self, output: usize, square: u128) {
        self.add_squares(output, [square as u64, (square >> 64) as u64, 0]);
    }

    fn add_squares(&mut self, output: usize, more: [u64; 3]) {
        let mut carry = 0;
        for (word, more) in self.squares[output].iter_mut().zip(more) {
            let sum = u128::from(*word) + u128::from(more) + carry;
            (*word, carry) = (sum as u64, sum >> 64);
        }
    }

    /// Adds what another has gathered. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &IntegerMoments) -> bool {
        let same = self.sums.merge(&other.sums);
        if same {
            (0..other.outputs()).for_each(|output| self.add_squares(output, other.squares_of(output)));
        }
        same
    }

    /// The sum divided by `count`, rounded once; NaN if `count` is zero.
    pub fn mean(&self, output: usize, count: u64) -> f64 {
        self.sums.mean(output, count)
    }

    /// The variance of `count` values with `ddof` degrees of freedom taken off, rounded once; NaN unless
    /// `count` exceeds `ddof`.
    pub fn variance(&self, output: usize, count: u64, ddof: u64) -> f64 {
        self.spread(output, (count, ddof), Spread::Variance)
    }

    /// The square root of the exact variance, rounded once; NaN as [`variance`](Self::variance) is.
    pub fn standard_deviation(&self, output: usize, count: u64, ddof: u64) -> f64 {
        self.spread(output, (count, ddof), Spread::StandardDeviation)
    }

    fn spread(&self, output: usize, of: (u64, u64), spread: Spread) -> f64 {
        let sum = Number::Short(Short::integer(self.sums.exact(output)));
        let squares = Number::Short(Short::natural(self.squares_of(output)));
        rounding::spread(&sum, &squares, of, Precision::Double, spread)
    }

    fn squares_of(&self, output: usize) -> [u64; 3] {
        let [low, middle, high] = self.squares[output];
        let (low, carry) = low.overflowing_add(self.small[output]);
        let (middle, carry) = middle.overflowing_add(u64::from(carry));
        [low, middle, high.wrapping_add(u64::from(carry))]
    }
}

impl PartialEq for IntegerMoments {
    fn eq(&self, other: &IntegerMoments) -> bool {
        let same = |output| self.squares_of(output) == other.squares_of(output);
        self.sums == other.sums && (0..self.outputs()).all(same)
    }
}

impl Packed for IntegerMoments {
    const REFUSAL: &'static str = "moments that no integers have";

    fn pack(&self, writer: &mut Writer) {
        self.sums.pack(writer);
        for output in 0..self.outputs() {
            let words = self.squares_of(output).map(u64::to_le_bytes);
            let bytes = words.as_flattened();
            let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            writer.byte(length as u8);
            writer.raw(&bytes[..length]);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<IntegerMoments> {
        let sums = IntegerSums::unpack(reader)?;
        let mut moments = IntegerMoments::new(sums.outputs());
        moments.sums = sums;
        for squares in &mut moments.squares {
            let bytes = reader.byte().and_then(|length| reader.slice(length.into()))?;
            let mut padded = [0; 24];
            padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
            if bytes.last() == Some(&0) {
                return None;
            }
            for (word, bytes) in squares.iter_mut().zip(padded.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
        }
        Some(moments)
    }
}

sent_packed!(IntegerMoments);

#[inline(always)]
fn is_small(value: i64) -> bool {
    // In one comparison; what wraps is not small.
    value.wrapping_add(SMALL).cast_unsigned() < 2 * SMALL.cast_unsigned()
}

/// The square of a small value, zero for any other.
#[inline(always)]
fn small_square(value: i64) -> u64 {
    let value = i64::from(if is_small(value) { value as i32 } else { 0 });
    (value * value).cast_unsigned()
}

forms! {
    /// The sum of the squares of small values, at most `PIECE` of them, and whether all were small.
    fn small_squares(values: &[i64]) -> (u64, bool) = small_squares_body;
}

#[inline(always)]
fn small_squares_body(values: &[i64]) -> (u64, bool) {
    values
        .iter()
        .fold((0, true), |(sum, all_small), value| (sum + small_square(*value), all_small & is_small(*value)))
}

forms! {
    /// Adds the squares of small values to the sums of their outputs, and tells whether all were small.
    fn add_small_squares(row: &[i64], sums: &mut [u64]) -> bool = add_small_squares_body;
}

#[inline(always)]
fn add_small_squares_body(row: &[i64], sums: &mut [u64]) -> bool {
    let mut all_small = true;
    for (value, sum) in row.iter().zip(sums) {
        *sum += small_square(*value);
        all_small &= is_small(*value);
    }
    all_small
}
