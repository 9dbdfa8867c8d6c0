//! Sums and means of short rows, exact and rounded once: sixteen rows side by side.
//!
//! The values of a row are added one by one; each addition's error is exact, and the errors are added in the
//! same way, so that what is lost is known to be tiny. If sum and errors, whatever was lost, round to one
//! double, that is the exact sum's; if not, the row is summed by an accumulator.

use crate::kernel::Isa;
use crate::kernel::accumulate::{Precision, Sums};
use crate::kernel::isa::forms;

/// Rows that are summed side by side.
const LANES: usize = 16;
/// Rows from this length on are left to the accumulator: a shorter length is exact in 26 bits.
const LONG: usize = 1 << 26;
/// More than the roundings by which a sum of magnitudes, all in all, can be too small.
const WIDEN: f64 = 1.0 + 1e-7;
/// More than the roundings of a few operations, relative to the result.
const TINY: f64 = 4.0 * f64::EPSILON;
/// Magnitudes between these can be divided by a length, and leave remainders, without underflow or overflow.
const SMALLEST: f64 = 1e-270;
const GREATEST: f64 = 1e300;

/// What is made of a row.
#[derive(Clone, Copy)]
enum Finish {
    Sum,
    Mean,
}

/// `out[r]`: the exact sum of row r of `row` values, rounded once.
///
/// # Panics
/// When `row` is zero, or `values` are not `row` for each of `out`.
pub fn row_sums(isa: Isa, row: usize, values: &[f64], out: &mut [f64]) {
    reduce(isa, row, values, out, Finish::Sum);
}

/// `out[r]`: the exact mean of row r of `row` values, rounded once.
///
/// # Panics
/// When `row` is zero, or `values` are not `row` for each of `out`.
pub fn row_means(isa: Isa, row: usize, values: &[f64], out: &mut [f64]) {
    reduce(isa, row, values, out, Finish::Mean);
}
fn reduce(isa: Isa, row: usize, values: &[f64], out: &mut [f64], finish: Finish) {
    assert!(row > 0 && values.len() == row * out.len(), "values are not rows of {row} each");
    let are_long = row >= LONG;
    if !are_long {
        reduce_rows(isa, row, values, out, finish);
    }
    for (out, values) in out.iter_mut().zip(values.chunks_exact(row)) {
        if are_long || out.is_nan() {
            *out = exactly(isa, values, finish);
        }
    }
}

/// The slow way, which is always right.
#[cold]
#[inline(never)]
fn exactly(isa: Isa, values: &[f64], finish: Finish) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sums = Sums::new(1);
    sums.add_run(isa, 0, values);
    match finish {
        Finish::Sum => sums.sum(0, Precision::Double),
        Finish::Mean => sums.mean(0, values.len() as u64, Precision::Double),
    }
}

forms! {
    /// Writes NaN where a row's result is not certain.
    fn reduce_rows(row: usize, values: &[f64], out: &mut [f64], finish: Finish) = reduce_rows_body;
}

#[inline(always)]
fn reduce_rows_body(row: usize, values: &[f64], out: &mut [f64], finish: Finish) {
    match finish {
        Finish::Sum if row == 2 => pairs(values, out, |sum| sum),
        Finish::Mean if row == 2 => pairs(values, out, |sum| scaled(sum, 0.5)),
        Finish::Sum => groups(row, values, out, Cascade::sum),
        Finish::Mean => {
            let divisor = row as f64;
            if row.is_power_of_two() {
                groups(row, values, out, |cascade| scaled(cascade.sum(), 1.0 / divisor));
            } else {
                groups(row, values, out, |cascade| cascade.mean(divisor));
            }
        }
    }
}

#[inline(always)]
fn pairs(values: &[f64], out: &mut [f64], finish: impl Fn(f64) -> f64) {
    for (out, [left, right]) in out.iter_mut().zip(values.as_chunks().0) {
        *out = finish(left + right) + 0.0;
    }
}

#[inline(always)]
fn groups(row: usize, values: &[f64], out: &mut [f64], finish: impl Fn(Cascade) -> f64) {
    let (groups, rest) = out.as_chunks_mut::<LANES>();
    let (grouped, remaining) = values.split_at(groups.len() * LANES * row);
    for (out, values) in groups.iter_mut().zip(grouped.chunks_exact(LANES * row)) {
        group(row, values, out, &finish);
    }
    for (out, values) in rest.iter_mut().zip(remaining.chunks_exact(row)) {
        group(row, values, std::array::from_mut(out), &finish);
    }
}

#[inline(always)]
fn group<const L: usize>(row: usize, values: &[f64], out: &mut [f64; L], finish: &impl Fn(Cascade) -> f64) {
    let values = &values[..L * row];
    let (mut sum, mut error, mut lost) = ([0.0; L], [0.0; L], [0.0; L]);
    for lane in 0..L {
        sum[lane] = values[lane * row];
    }
    for place in 1..row {
        for lane in 0..L {
            let (total, part) = two_sum(sum[lane], values[lane * row + place]);
            let (parts, rest) = two_sum(error[lane], part);
            sum[lane] = total;
            error[lane] = parts;
            lost[lane] += f64::abs(rest);
        }
    }
    for lane in 0..L {
        out[lane] = finish(Cascade { sum: sum[lane], error: error[lane], lost: lost[lane] });
    }
}

/// The rounded sum of two doubles and its error. (Not finite if the sum overflows.)
#[inline(always)]
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let of_right = sum - left;
    (sum, (left - (sum - of_right)) + (right - of_right))
}

/// A row's sum: `sum + error`, and something of at most `lost`, whose own rounding is not known.
struct Cascade {
    sum: f64,
    error: f64,
    lost: f64,
}

impl Cascade {
    /// The rounded sum, or NaN if it is not certain.
    #[inline(always)]
    fn sum(self) -> f64 {
        let spread = if self.lost == 0.0 { 0.0 } else { self.lost * WIDEN + self.error.abs() * TINY };
        bracketed(self.sum, self.error, spread)
    }

    /// The rounded mean of `count` values, or NaN if it is not certain: a quotient, and the quotient of what
    /// the first one left.
    #[inline(always)]
    fn mean(self, count: f64) -> f64 {
        let (sum, rest) = two_sum(self.sum, self.error);
        let mean = sum / count;
        let (left, more) = two_sum(remainder(sum, mean, count), rest);
        let correction = left / count;
        let is_exact = (self.lost == 0.0) & (more == 0.0) & (remainder(left, correction, count) == 0.0);
        let spread = self.lost / count * WIDEN + correction.abs() * TINY + f64::MIN_POSITIVE;
        let result = bracketed(mean, correction, if is_exact { 0.0 } else { spread });
        // Remainders are exact where nothing underflows.
        let is_usual = |value: f64| (value == 0.0) | (value.abs() > SMALLEST);
        if is_usual(sum) & is_usual(left) & (sum.abs() < GREATEST) { result } else { f64::NAN }
    }
}

/// `value + more`, give or take `spread`, rounded; NaN if that is not certain. Zero is +0.0.
#[inline(always)]
fn bracketed(value: f64, more: f64, spread: f64) -> f64 {
    let (low, high) = (value + (more - spread), value + (more + spread));
    if low == high { low + 0.0 } else { f64::NAN }
}

/// `value - quotient * count` exactly, for the rounded quotient and a count below 2^26.
#[inline(always)]
fn remainder(value: f64, quotient: f64, count: f64) -> f64 {
    let head = f64::from_bits(quotient.to_bits() & !((1 << 26) - 1));
    let tail = quotient - head;
    (value - head * count) - tail * count
}

/// The value times a power of two, or NaN if that may not be exact.
#[inline(always)]
fn scaled(value: f64, factor: f64) -> f64 {
    let is_exact = (value == 0.0) | (value.abs() > SMALLEST) & (value.abs() < f64::INFINITY);
    if is_exact { value * factor } else { f64::NAN }
}
