//! How many values are not zero.

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::isa::forms;

/// Counts of the values other than zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    counts: Vec<u64>,
}

impl Counts {
    /// Counts of nothing.
    pub fn new(outputs: usize) -> Counts {
        Counts { counts: vec![0; outputs] }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.counts.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        (outputs * 8, outputs * 8)
    }

    /// Counts values of one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[i64]) {
        let count = &mut self.counts[output];
        *count = count.wrapping_add(count_of(isa, values));
    }

    /// Counts in consecutive rows of `width` values: value j for output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[i64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            for row in values.chunks(width) {
                count_row(isa, row, &mut self.counts[first..first + row.len()]);
            }
        }
    }

    /// Adds what another has counted. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &Counts) -> bool {
        let same = self.outputs() == other.outputs();
        if same {
            for (count, more) in self.counts.iter_mut().zip(&other.counts) {
                *count = count.wrapping_add(*more);
            }
        }
        same
    }

    /// How many values were not zero.
    pub fn count(&self, output: usize) -> u64 {
        self.counts[output]
    }
}

impl Packed for Counts {
    const REFUSAL: &'static str = "counts cut short";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        self.counts.iter().for_each(|count| writer.unsigned((*count).into()));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Counts> {
        let mut counts = Counts::new(reader.outputs()?);
        for count in &mut counts.counts {
            *count = u64::try_from(reader.unsigned()?).ok()?;
        }
        Some(counts)
    }
}

sent_packed!(Counts);

forms! {
    /// How many of the values are not zero.
    fn count_of(values: &[i64]) -> u64 = count_of_body;
}

#[inline(always)]
fn count_of_body(values: &[i64]) -> u64 {
    values.iter().map(|value| u64::from(*value != 0)).sum()
}

forms! {
    /// Counts each value for its output.
    fn count_row(row: &[i64], counts: &mut [u64]) = count_row_body;
}

#[inline(always)]
fn count_row_body(row: &[i64], counts: &mut [u64]) {
    for (value, count) in row.iter().zip(counts) {
        *count = count.wrapping_add(u64::from(*value != 0));
    }
}
