//! Adding rows: one value to each of many outputs, which lie side by side.
//!
//! For each output a few doubles collect what lies in a window of binary exponents that follows the output's
//! values. After at most 1024 additions, while all sums are still exact, they are moved to where exact numbers
//! are kept; values outside the window go there at once.

use crate::kernel::exact::window::limit_above;
use crate::kernel::{BLOCK, Isa};

/// Outputs whose additions are counted together.
const GROUP: usize = 256;

/// Where parts end up, and the loop that makes them.
pub(in crate::kernel) trait Target<const N: usize> {
    /// Binary exponents in the window.
    const WIDTH: i32;

    /// Adds the values that lie in their windows to the parts, and tells whether a value did not.
    fn add_row(isa: Isa, row: &[f64], limits: &[f64], parts: [&mut [f64]; N]) -> bool;

    /// Takes over what an output's parts have collected.
    fn add_parts(&mut self, output: usize, parts: [f64; N]);

    /// Adds a value that lies outside the window.
    fn add_one(&mut self, output: usize, value: f64);
}

/// Parts of sums, for no output or for each.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct Columns<const N: usize> {
    /// Where the windows end: each holds 2^-WIDTH limit <= |x| < limit. A limit of zero holds nothing.
    limits: Vec<f64>,
    parts: [Vec<f64>; N],
    /// Additions to each group since its parts were last taken over, at most `BLOCK`.
    additions: Vec<u16>,
}

impl<const N: usize> Columns<N> {
    /// Bytes of an output.
    pub(in crate::kernel) const BYTES: u64 = 8 * (N as u64 + 1) + 1;

    /// Takes no memory before the first row.
    pub(in crate::kernel) fn new() -> Self {
        Columns { limits: Vec::new(), parts: [const { Vec::new() }; N], additions: Vec::new() }
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
        if row.is_empty() {
            return;
        }
        if self.limits.is_empty() {
            self.limits.resize(outputs, 0.0);
            self.parts.iter_mut().for_each(|part| part.resize(outputs, 0.0));
            self.additions.resize(outputs.div_ceil(GROUP), 0);
        }
        let end = first + row.len();
        for group in first / GROUP..end.div_ceil(GROUP) {
            if usize::from(self.additions[group]) == BLOCK {
                self.flush_group(group, target);
            }
            self.additions[group] += 1;
        }
        let parts = self.parts.each_mut().map(|part| &mut part[first..end]);
        if T::add_row(isa, row, &self.limits[first..end], parts) {
            self.add_outside(first, row, target);
        }
    }

    /// Adds the values of a row that lie outside their windows, and moves windows up to greater values.
    #[cold]
    #[inline(never)]
    fn add_outside<T: Target<N>>(&mut self, first: usize, row: &[f64], target: &mut T) {
        let width = f64::from_bits(((1023 - T::WIDTH) as u64) << 52);
        for (output, &value) in (first..).zip(row) {
            let (size, limit) = (value.abs(), self.limits[output]);
            if size < limit && size >= limit * width || size == 0.0 {
                continue;
            }
            target.add_one(output, value);
            if size >= limit && size.is_finite() {
                self.flush(output, target);
                self.limits[output] = limit_above(size, T::WIDTH / 5);
            }
        }
    }

    /// Has the target take over all parts, and forgets the windows that held nothing.
    #[cold]
    #[inline(never)]
    fn flush_group<T: Target<N>>(&mut self, group: usize, target: &mut T) {
        self.additions[group] = 0;
        let first = group * GROUP;
        for output in first..self.limits.len().min(first + GROUP) {
            if self.flush(output, target) {
                self.limits[output] = 0.0;
            }
        }
    }

    /// Has the target take over an output's parts, and tells whether they were zero.
    fn flush<T: Target<N>>(&mut self, output: usize, target: &mut T) -> bool {
        let parts = self.parts.each_mut().map(|part| std::mem::take(&mut part[output]));
        target.add_parts(output, parts);
        parts == [0.0; N]
    }

    /// The parts of an output, which the target has not yet taken over.
    pub(in crate::kernel) fn parts(&self, output: usize) -> [f64; N] {
        self.parts.each_ref().map(|part| part.get(output).copied().unwrap_or(0.0))
    }
}
