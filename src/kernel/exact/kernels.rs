//! The loops: the sum of values and the sum of their squares, of a block to one output and of a row to many.
//!
//! Both rest on one fact. Let |x| < 2^top, and let x be a multiple of 2^(top - 87). With q = x rounded to a
//! multiple of 2^(top - 43) and r = x - q, which is exact and at most 2^(top - 44), the sums of up to 1024
//! such q, and of up to 1024 such r, fit in 53 bits, so that every partial sum is exact in any order.

use crate::kernel::exact::window::{LANES, Parts, Range, SPLIT, by_lane, power_of_two, splitter};
use crate::kernel::isa::forms;

/// Binary exponents in the window of the sum: a double not below 2^(top - 35) is a multiple of 2^(top - 87).
pub(super) const SUM_WIDTH: i32 = 35;
/// Binary exponents in the window of the sum of squares, whose own window is twice as wide: 34 of the 35.
pub(super) const SQUARES_WIDTH: i32 = 17;

forms! {
    /// The sum of at most 1024 values, in two parts.
    pub(super) fn sum(block: &[f64], top: i32) -> Parts<2> = sum_body;
}

forms! {
    /// The sum of the squares of at most 1024 values, in four parts.
    pub(super) fn sum_of_squares(block: &[f64], top: i32) -> Parts<4> = sum_of_squares_body;
}

forms! {
    /// Adds each value to the two parts of its output, if it lies in that output's window, whose limit is
    /// given. Tells whether a value other than zero did not.
    pub(super) fn sum_row(row: &[f64], limits: &[f64], parts: [&mut [f64]; 2]) -> bool = sum_row_body;
}

forms! {
    /// Adds each value to the first two parts of its output and its square to the other four, as `sum_row`.
    pub(super) fn moments_row(row: &[f64], limits: &[f64], parts: [&mut [f64]; 6]) -> bool = moments_row_body;
}

#[inline(always)]
fn sum_body(block: &[f64], top: i32) -> Parts<2> {
    let splitter = splitter(top);
    let mut range = Range::new();
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    by_lane(block, |lane, value| {
        range.add(lane, value);
        let rounded = (value + splitter) - splitter;
        high[lane] += rounded;
        low[lane] += value - rounded;
    });
    range.with([high, low])
}

/// The square is `square + error` exactly. `square` is below 2^(2 top) and a multiple of 2^(2 top - 86);
/// `error` is at most 2^(2 top - 54) and a multiple of 2^(2 top - 138), the square of the value's last bit.
#[inline(always)]
fn sum_of_squares_body(block: &[f64], top: i32) -> Parts<4> {
    let (splitter, error_splitter) = (splitter(2 * top), splitter(2 * top - 54));
    let mut range = Range::new();
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    let (mut error_high, mut error_low) = ([0.0; LANES], [0.0; LANES]);
    by_lane(block, |lane, value| {
        range.add(lane, value);
        let square = value * value;
        let error = error_of_square(value, square);
        let rounded = (square + splitter) - splitter;
        high[lane] += rounded;
        low[lane] += square - rounded;
        let rounded = (error + error_splitter) - error_splitter;
        error_high[lane] += rounded;
        error_low[lane] += error - rounded;
    });
    range.with([high, low, error_high, error_low])
}

#[inline(always)]
fn sum_row_body(row: &[f64], limits: &[f64], parts: [&mut [f64]; 2]) -> bool {
    let count = row.len();
    let limits = &limits[..count];
    let [high, low] = parts.map(|part| &mut part[..count]);
    let mut outside = 0;
    for index in 0..count {
        let (value, splitter) = inside::<SUM_WIDTH>(row[index], limits[index], &mut outside);
        let rounded = (value + splitter) - splitter;
        high[index] += rounded;
        low[index] += value - rounded;
    }
    outside != 0
}

#[inline(always)]
fn moments_row_body(row: &[f64], limits: &[f64], parts: [&mut [f64]; 6]) -> bool {
    let count = row.len();
    let limits = &limits[..count];
    let [high, low, square_high, square_low, error_high, error_low] = parts.map(|part| &mut part[..count]);
    let mut outside = 0;
    for index in 0..count {
        let (value, splitter) = inside::<SQUARES_WIDTH>(row[index], limits[index], &mut outside);
        let rounded = (value + splitter) - splitter;
        high[index] += rounded;
        low[index] += value - rounded;
        let square = value * value;
        let error = error_of_square(value, square);
        let splitter = limits[index] * splitter;
        let rounded = (square + splitter) - splitter;
        square_high[index] += rounded;
        square_low[index] += square - rounded;
        let splitter = splitter * power_of_two(-54);
        let rounded = (error + splitter) - splitter;
        error_high[index] += rounded;
        error_low[index] += error - rounded;
    }
    outside != 0
}

/// The value if it lies in the window below `limit`, zero and a bit in `outside` if not; and the splitter of
/// the window.
#[inline(always)]
fn inside<const WIDTH: i32>(value: f64, limit: f64, outside: &mut u64) -> (f64, f64) {
    let size = value.abs();
    let fits = (size < limit) & (size >= limit * power_of_two(-WIDTH));
    *outside |= if fits { 0 } else { size.to_bits() };
    (if fits { value } else { 0.0 }, limit * SPLIT)
}

/// `value * value - square` exactly, for the rounded `square` (Dekker 1971): the value is cut into 26 bits and
/// a signed rest of 26, whose products are exact.
#[inline(always)]
fn error_of_square(value: f64, square: f64) -> f64 {
    let head = f64::from_bits(value.to_bits().wrapping_add(1 << 26) & !((1 << 27) - 1));
    let tail = value - head;
    let cross = head * tail;
    ((head * head - square) + (cross + cross)) + tail * tail
}
