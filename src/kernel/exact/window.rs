//! Adding blocks of values to exact sums, a vector at a time.
//!
//! All values of a block that lie in a window of 35 binary exponents, 2^(top-35) <= |x| < 2^top, are added
//! exactly in two doubles a lane: x = q + r with q = x rounded to a multiple of 2^(top-43) by adding and
//! subtracting a constant, so |r| <= 2^(top-44), and r is a multiple of 2^(top-87) as x is. The sums of at
//! most 1024 such q, and r, need no more than 53 bits, so every partial sum is exact in any order. A block
//! is added without a look at its exponents; if its range then turns out not to fit, it is done again with
//! the window moved and the values outside it picked out.

use crate::kernel::exact::limbs::Limbs;
use crate::kernel::exact::special::Special;
use crate::kernel::isa::forms;
use crate::kernel::{BLOCK, Isa};

const LANES: usize = 16;
/// Binary exponents in a window.
const WIDTH: i32 = 35;
/// Windows for which all constants are normal doubles.
const LOWEST_TOP: i32 = -900;
const HIGHEST_TOP: i32 = 1000;
/// Fewer values than this are added one by one.
const FEW: usize = 2 * LANES;

/// Where the next values are expected: below 2^top, and not below 2^(top - WIDTH).
#[derive(Clone, Debug)]
pub(super) struct Window {
    top: i32,
}

impl Default for Window {
    fn default() -> Window {
        Window { top: 4 }
    }
}

impl Window {
    /// Adds values to `limbs`, those that are not finite to `special`.
    pub(super) fn add(&mut self, isa: Isa, values: &[f64], limbs: &mut Limbs, special: &mut Special) {
        for block in values.chunks(BLOCK) {
            if block.len() < FEW {
                block.iter().for_each(|value| add_one(*value, limbs, special));
                continue;
            }
            let sums = optimistic(isa, block, self.top);
            if sums.fit(self.top) {
                limbs.add(sums.high);
                limbs.add(sums.low);
            } else {
                self.add_irregular(isa, block, sums.greatest, limbs, special);
            }
        }
    }

    /// Adds a block that does not fit the window: moves it to the block's greatest value, and adds those
    /// below it one by one.
    #[cold]
    fn add_irregular(
        &mut self,
        isa: Isa,
        block: &[f64],
        greatest: f64,
        limbs: &mut Limbs,
        special: &mut Special,
    ) {
        self.top = (exponent(greatest) + 2).clamp(LOWEST_TOP, HIGHEST_TOP);
        let sums = masked(isa, block, self.top);
        limbs.add(sums.high);
        limbs.add(sums.low);
        if sums.outside {
            let (least, limit) = (power_of_two(self.top - WIDTH), power_of_two(self.top));
            let outside = |value: &&f64| !(value.abs() >= least && value.abs() < limit);
            block.iter().filter(outside).for_each(|value| add_one(*value, limbs, special));
        }
    }
}

fn add_one(value: f64, limbs: &mut Limbs, special: &mut Special) {
    if value.is_finite() { limbs.add(value) } else { special.add(value) }
}

/// The exact sum of a block as `high + low`, if its range fits.
struct Sums {
    high: f64,
    low: f64,
    least: f64,
    greatest: f64,
}

impl Sums {
    /// Whether the sums are exact. NaN among the values is NaN in the sums, and infinity in the range.
    #[inline(always)]
    fn fit(&self, top: i32) -> bool {
        self.least >= power_of_two(top - WIDTH) && self.greatest < power_of_two(top) && !self.low.is_nan()
    }
}

/// The exact sum of the values of a block that lie in the window, as `high + low`.
struct MaskedSums {
    high: f64,
    low: f64,
    outside: bool,
}

forms! {
    /// The sums of at most `BLOCK` values, which hold if they [fit](Sums::fit).
    fn optimistic(block: &[f64], top: i32) -> Sums = optimistic_body;
}

forms! {
    /// The sums of those of at most `BLOCK` values that lie in the window.
    fn masked(block: &[f64], top: i32) -> MaskedSums = masked_body;
}

#[inline(always)]
fn optimistic_body(block: &[f64], top: i32) -> Sums {
    let splitter = splitter(top);
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    let (mut least, mut greatest) = ([f64::INFINITY; LANES], [0.0; LANES]);
    let mut add = |lane: usize, value: f64| {
        let size = value.abs();
        least[lane] = if size < least[lane] { size } else { least[lane] };
        greatest[lane] = if size > greatest[lane] { size } else { greatest[lane] };
        let rounded = (value + splitter) - splitter;
        high[lane] += rounded;
        low[lane] += value - rounded;
    };
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            add(lane, group[lane]);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        add(lane, *value);
    }
    Sums {
        high: total(high),
        low: total(low),
        least: least.into_iter().fold(f64::INFINITY, f64::min),
        greatest: greatest.into_iter().fold(0.0, f64::max),
    }
}

#[inline(always)]
fn masked_body(block: &[f64], top: i32) -> MaskedSums {
    let splitter = splitter(top);
    let (least, limit) = (power_of_two(top - WIDTH), power_of_two(top));
    let (mut high, mut low, mut outside) = ([0.0; LANES], [0.0; LANES], [0; LANES]);
    let mut add = |lane: usize, value: f64| {
        let size = value.abs();
        let inside = (size >= least) & (size < limit);
        let kept = if inside { value } else { 0.0 };
        outside[lane] |= if inside { 0 } else { size.to_bits() };
        let rounded = (kept + splitter) - splitter;
        high[lane] += rounded;
        low[lane] += kept - rounded;
    };
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            add(lane, group[lane]);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        add(lane, *value);
    }
    MaskedSums { high: total(high), low: total(low), outside: outside.into_iter().any(|bits| bits != 0) }
}

/// Adding and subtracting it rounds what is below 2^top to a multiple of 2^(top-43).
#[inline(always)]
fn splitter(top: i32) -> f64 {
    1.5 * power_of_two(top + 9)
}

/// The sum of the lanes; exact like every partial sum of a block.
#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    lanes.into_iter().fold(0.0, |sum, lane| sum + lane)
}

/// The binary exponent of a double.
fn exponent(value: f64) -> i32 {
    (value.to_bits() >> 52 & 0x7FF) as i32 - 1023
}

/// 2^exponent, for exponents of normal doubles.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
