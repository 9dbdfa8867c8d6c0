//! Adding rows: one value to each of many outputs, which lie side by side.
//!
//! For each output a few doubles collect what lies in a window of binary exponents that follows the output's
//! values. After at most 1024 additions, while all sums are still exact, they are moved to where exact numbers
//! are kept; values outside the window go there at once.

use crate::kernel::exact::window::{limit_above, power_of_two};
use crate::kernel::{BLOCK, Isa};

/// Outputs that are added to side by side.
pub(super) const STRIP: usize = 16;
/// Strips whose additions are counted together.
const GROUP: usize = 16;
/// Values of a row whose windows are moved before they are added.
const PIECE: usize = 8 * STRIP;

/// Where parts end up, and the loop that makes them.
pub(in crate::kernel) trait Target<const N: usize> {
    /// Binary exponents in the window.
    const WIDTH: i32;

    /// Adds the values that lie in their windows to the parts, from lane `lane` of the first strip on, and
    /// tells whether a value did not.
    fn add_row(isa: Isa, row: &[f64], lane: usize, strips: &mut [Strip<N>]) -> bool;

    /// Takes over what an output's parts have collected.
    fn add_parts(&mut self, output: usize, parts: [f64; N]);

    /// Adds a value that lies outside the window.
    fn add_one(&mut self, output: usize, value: f64);
}

/// What the outputs side by side have collected.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Strip<const N: usize> {
    /// Where the windows end: each holds 2^-WIDTH limit <= |x| < limit. A limit of zero holds nothing.
    pub(super) limits: [f64; STRIP],
    pub(super) parts: [[f64; STRIP]; N],
}

/// Strips for no output or for all.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct Columns<const N: usize> {
    strips: Vec<Strip<N>>,
    /// Additions to each group of strips since its parts were last taken over, at most `BLOCK`.
    additions: Vec<u16>,
}

impl<const N: usize> Columns<N> {
    /// The most bytes of all outputs.
    pub(in crate::kernel) const fn bytes(outputs: u64) -> u64 {
        let strips = outputs.div_ceil(STRIP as u64);
        strips * size_of::<Strip<N>>() as u64 + strips.div_ceil(GROUP as u64) * 2
    }

    /// Takes no memory before the first row.
    pub(in crate::kernel) fn new() -> Self {
        Columns { strips: Vec::new(), additions: Vec::new() }
    }

    /// Adds `row[k]` to output `first + k` of `outputs`.
    pub(in crate::kernel) fn add_row<T: Target<N>>(
        &mut self,
        isa: Isa,
        outputs: usize,
        first: usize,
        row: &[f64],
        target: &mut T,
    ) {
        let end = first + row.len();
        assert!(end <= outputs, "no output {end} of {outputs}");
        if self.strips.is_empty() {
            let empty = Strip { limits: [0.0; STRIP], parts: [[0.0; STRIP]; N] };
            self.strips = vec![empty; outputs.div_ceil(STRIP)];
            self.additions = vec![0; self.strips.len().div_ceil(GROUP)];
        }
        let strips = first / STRIP..end.div_ceil(STRIP);
        for group in strips.start / GROUP..strips.end.div_ceil(GROUP) {
            if usize::from(self.additions[group]) == BLOCK {
                self.flush_group(group, target);
            }
            self.additions[group] += 1;
        }
        if T::add_row(isa, row, first % STRIP, &mut self.strips[strips]) {
            self.add_outside(isa, first, row, target);
        }
    }

    /// Adds the values of a row that lie outside their windows: greater ones after moving windows up to them,
    /// all together, and what no window holds one by one.
    #[cold]
    #[inline(never)]
    fn add_outside<T: Target<N>>(&mut self, isa: Isa, first: usize, row: &[f64], target: &mut T) {
        for (first, row) in (first..).step_by(PIECE).zip(row.chunks(PIECE)) {
            let mut again = [0.0; PIECE];
            for ((output, &value), again) in (first..).zip(row).zip(&mut again) {
                let (size, lane) = (value.abs(), output % STRIP);
                let strip = &mut self.strips[output / STRIP];
                let holds = |limit: f64| size < limit && size >= limit * power_of_two(-T::WIDTH);
                if size == 0.0 || holds(strip.limits[lane]) {
                    continue;
                }
                if size >= strip.limits[lane] && size.is_finite() {
                    target.add_parts(output, strip.take(lane));
                    strip.limits[lane] = limit_above(size, T::WIDTH / 5);
                }
                if holds(strip.limits[lane]) { *again = value } else { target.add_one(output, value) }
            }
            if again != [0.0; PIECE] {
                let strips = first / STRIP..(first + row.len()).div_ceil(STRIP);
                T::add_row(isa, &again[..row.len()], first % STRIP, &mut self.strips[strips]);
            }
        }
    }

    /// Has the target take over all parts, and forgets the windows that held nothing.
    #[cold]
    #[inline(never)]
    fn flush_group<T: Target<N>>(&mut self, group: usize, target: &mut T) {
        self.additions[group] = 0;
        let first = group * GROUP;
        for (number, strip) in (first..).zip(self.strips[first..].iter_mut().take(GROUP)) {
            for lane in 0..STRIP {
                let parts = strip.take(lane);
                if parts == [0.0; N] {
                    strip.limits[lane] = 0.0;
                } else {
                    target.add_parts(number * STRIP + lane, parts);
                }
            }
        }
    }

    /// The parts of an output, which the target has not yet taken over.
    pub(in crate::kernel) fn parts(&self, output: usize) -> [f64; N] {
        let strip = self.strips.get(output / STRIP);
        strip.map_or([0.0; N], |strip| strip.parts.each_ref().map(|part| part[output % STRIP]))
    }
}

impl<const N: usize> Strip<N> {
    fn take(&mut self, lane: usize) -> [f64; N] {
        self.parts.each_mut().map(|part| std::mem::take(&mut part[lane]))
    }
}
