//! Adding values to exact sums a block at a time, wherever they lie in a window of binary exponents.
//!
//! A kernel adds a block of values without a look at their exponents, in a few doubles whose sum is exact if
//! all of them lay in the window it was given, and tells the range they had. If that fits, its parts are
//! handed over. If not, the window is moved to the block's greatest value, the values outside it are picked out and
//! handed over one by one, and the kernel adds the rest. Where the window lies has no influence on the sum.

use crate::kernel::isa::forms;
use crate::kernel::{BLOCK, Isa};

/// Values that are added side by side.
pub(super) const LANES: usize = 16;
/// Fewer values than this are added one by one.
const FEW: usize = 12;
/// Windows for which all constants and parts of kernels are normal doubles.
const TOPS: std::ops::RangeInclusive<i32> = -440..=490;

/// Where the next values are expected: 2^(top - WIDTH) <= |x| < 2^top.
pub(super) struct Window<const WIDTH: i32> {
    pub(super) top: i32,
}

/// What a kernel makes of a block.
pub(super) struct Parts<const N: usize> {
    /// Doubles that are the block's exact sum together, if its range fits the window.
    pub(super) parts: [f64; N],
    /// The least and the greatest magnitude. NaN is left out here, and is NaN in the last part.
    pub(super) least: f64,
    pub(super) greatest: f64,
}

/// Adds at most `BLOCK` values, for a window with this top.
pub(super) type Kernel<const N: usize> = fn(Isa, &[f64], i32) -> Parts<N>;

impl<const WIDTH: i32> Window<WIDTH> {
    /// Hands to `add` the parts that `kernel` makes of the values, as `Ok`, and as `Err` the values of which it
    /// can make none.
    pub(super) fn add<const N: usize>(
        &mut self,
        isa: Isa,
        values: &[f64],
        kernel: Kernel<N>,
        mut add: impl FnMut(Result<f64, f64>),
    ) {
        for block in values.chunks(BLOCK) {
            if block.len() < FEW {
                block.iter().for_each(|value| add(Err(*value)));
                continue;
            }
            let Parts { parts, least, greatest } = kernel(isa, block, self.top);
            if least >= self.bottom() && greatest < self.limit() && !parts[N - 1].is_nan() {
                parts.into_iter().for_each(|part| add(Ok(part)));
            } else {
                self.top = top_above(greatest, 1);
                self.add_inside(isa, block, kernel, &mut add);
            }
        }
    }

    /// Adds a block, part of which may lie outside the window.
    #[cold]
    fn add_inside<const N: usize>(
        &self,
        isa: Isa,
        block: &[f64],
        kernel: Kernel<N>,
        add: &mut impl FnMut(Result<f64, f64>),
    ) {
        let (bottom, limit) = (self.bottom(), self.limit());
        let mut inside = [0.0; BLOCK];
        let inside = &mut inside[..block.len()];
        if pick(isa, block, bottom, limit, inside) {
            let is_outside = |value: &&f64| !(value.abs() >= bottom && value.abs() < limit);
            block.iter().filter(is_outside).for_each(|value| add(Err(*value)));
        }
        kernel(isa, inside, self.top).parts.into_iter().for_each(|part| add(Ok(part)));
    }

    fn bottom(&self) -> f64 {
        power_of_two(self.top - WIDTH)
    }

    fn limit(&self) -> f64 {
        power_of_two(self.top)
    }
}

/// The top of a window that ends above this magnitude, with `spare` exponents more.
fn top_above(magnitude: f64, spare: i32) -> i32 {
    let exponent = (magnitude.to_bits() >> 52) as i32 - 1023;
    (exponent + 1 + spare).clamp(*TOPS.start(), *TOPS.end())
}

/// The limit of such a window.
pub(super) fn limit_above(magnitude: f64, spare: i32) -> f64 {
    power_of_two(top_above(magnitude, spare))
}

forms! {
    /// Copies the values with `bottom <= |x| < limit`, zero for the others, and tells whether a value other
    /// than zero was not copied.
    fn pick(block: &[f64], bottom: f64, limit: f64, inside: &mut [f64]) -> bool = pick_body;
}

#[inline(always)]
fn pick_body(block: &[f64], bottom: f64, limit: f64, inside: &mut [f64]) -> bool {
    let mut outside = 0;
    for (inside, value) in inside.iter_mut().zip(block) {
        let size = value.abs();
        let fits = (size >= bottom) & (size < limit);
        *inside = if fits { *value } else { 0.0 };
        outside |= if fits { 0 } else { size.to_bits() };
    }
    outside != 0
}

/// Hands each value of a block to `add` with the lane that it belongs to.
#[inline(always)]
pub(super) fn by_lane(block: &[f64], mut add: impl FnMut(usize, f64)) {
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for (lane, value) in group.iter().enumerate() {
            add(lane, *value);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        add(lane, *value);
    }
}

/// Least and greatest magnitude, lane by lane.
pub(super) struct Range {
    least: [f64; LANES],
    greatest: [f64; LANES],
}

impl Range {
    #[inline(always)]
    pub(super) fn new() -> Range {
        Range { least: [f64::INFINITY; LANES], greatest: [0.0; LANES] }
    }

    /// Widens a lane by a value; NaN leaves it as it is.
    #[inline(always)]
    pub(super) fn add(&mut self, lane: usize, value: f64) {
        let size = value.abs();
        self.least[lane] = if size < self.least[lane] { size } else { self.least[lane] };
        self.greatest[lane] = if size > self.greatest[lane] { size } else { self.greatest[lane] };
    }

    /// The parts of a block, whose lanes are summed; with those of a fitting block that is exact.
    #[inline(always)]
    pub(super) fn with<const N: usize>(self, parts: [[f64; LANES]; N]) -> Parts<N> {
        Parts {
            parts: parts.map(|lanes| lanes.into_iter().fold(0.0, |sum, lane| sum + lane)),
            least: self.least.into_iter().fold(f64::INFINITY, f64::min),
            greatest: self.greatest.into_iter().fold(0.0, f64::max),
        }
    }
}

/// The splitter of a window, divided by the window's limit.
pub(super) const SPLIT: f64 = 768.0;

/// Adding and subtracting it rounds what is below 2^top to a multiple of 2^(top - 43).
#[inline(always)]
pub(super) fn splitter(top: i32) -> f64 {
    SPLIT * power_of_two(top)
}

/// 2^exponent, for exponents of normal doubles.
#[inline(always)]
pub(super) const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
