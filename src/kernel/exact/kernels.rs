//! The loops: the sum of values and the sum of their squares, of a block to one output and of a row to many.
//!
//! Both rest on one fact. Let |x| < 2^top, and let x be a multiple of 2^(top - 87). With q = x rounded to a
//! multiple of 2^(top - 43) and r = x - q, which is exact and at most 2^(top - 44), the sums of up to 1024
//! such q, and of up to 1024 such r, fit in 53 bits, so that every partial sum is exact in any order.

use crate::kernel::exact::columns::{STRIP, Strip};
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
    /// Adds each value to the parts of its output, if it lies in the output's window, and tells whether a value
    /// other than zero did not. The first value belongs to lane `lane` of the first strip.
    pub(super) fn sum_row(row: &[f64], lane: usize, strips: &mut [Strip<2>]) -> bool = sum_row_body;
}

forms! {
    /// Adds each value to the first two parts of its output and its square to the other four, as `sum_row`.
    pub(super) fn moments_row(row: &[f64], lane: usize, strips: &mut [Strip<6>]) -> bool = moments_row_body;
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
fn sum_row_body(row: &[f64], lane: usize, strips: &mut [Strip<2>]) -> bool {
    let mut outside = [0; STRIP];
    by_strip(row, lane, strips, |values, Strip { limits, parts: [high, low] }| {
        for lane in 0..STRIP {
            let (value, splitter, miss) = inside::<SUM_WIDTH>(values[lane], limits[lane]);
            outside[lane] |= miss;
            let rounded = (value + splitter) - splitter;
            high[lane] += rounded;
            low[lane] += value - rounded;
        }
    });
    outside != [0; STRIP]
}

#[inline(always)]
fn moments_row_body(row: &[f64], lane: usize, strips: &mut [Strip<6>]) -> bool {
    let mut outside = [0; STRIP];
    by_strip(row, lane, strips, |values, Strip { limits, parts }| {
        let [high, low, square_high, square_low, error_high, error_low] = parts;
        for lane in 0..STRIP {
            let (value, splitter, miss) = inside::<SQUARES_WIDTH>(values[lane], limits[lane]);
            outside[lane] |= miss;
            let rounded = (value + splitter) - splitter;
            high[lane] += rounded;
            low[lane] += value - rounded;
            let square = value * value;
            let error = error_of_square(value, square);
            let splitter = limits[lane] * splitter;
            let rounded = (square + splitter) - splitter;
            square_high[lane] += rounded;
            square_low[lane] += square - rounded;
            let splitter = splitter * power_of_two(-54);
            let rounded = (error + splitter) - splitter;
            error_high[lane] += rounded;
            error_low[lane] += error - rounded;
        }
    });
    outside != [0; STRIP]
}

/// The value if it lies in the window below `limit`, or zero; the splitter of the window; and zero for a value
/// that is inside or zero.
#[inline(always)]
fn inside<const WIDTH: i32>(value: f64, limit: f64) -> (f64, f64, u64) {
    let size = value.abs();
    let fits = (size < limit) & (size >= limit * power_of_two(-WIDTH));
    (if fits { value } else { 0.0 }, limit * SPLIT, if fits { 0 } else { size.to_bits() })
}

/// Hands the values of each strip to `add`, with zeros for outputs that have none.
#[inline(always)]
fn by_strip<const N: usize>(
    row: &[f64],
    lane: usize,
    strips: &mut [Strip<N>],
    mut add: impl FnMut(&[f64; STRIP], &mut Strip<N>),
) {
    let (head, row) = row.split_at(if lane == 0 { 0 } else { row.len().min(STRIP - lane) });
    let mut strips = strips.iter_mut();
    if !head.is_empty()
        && let Some(strip) = strips.next()
    {
        add(&padded(head, lane), strip);
    }
    let (whole, tail) = row.as_chunks::<STRIP>();
    for (values, strip) in whole.iter().zip(strips.by_ref()) {
        add(values, strip);
    }
    if !tail.is_empty()
        && let Some(strip) = strips.next()
    {
        add(&padded(tail, 0), strip);
    }
}

/// The values from lane `lane` on, and zeros.
#[inline(always)]
fn padded(values: &[f64], lane: usize) -> [f64; STRIP] {
    let mut strip = [0.0; STRIP];
    strip[lane..].iter_mut().zip(values).for_each(|(place, value)| *place = *value);
    strip
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
