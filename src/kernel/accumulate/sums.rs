//! Exact sums of doubles, and their means.

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::exact::Number;
use crate::kernel::exact::cells::Cells;
use crate::kernel::exact::columns::Columns;
use crate::kernel::exact::limbs::Reach;
use crate::kernel::exact::rounding::{self, Precision};
use crate::kernel::exact::special::Special;

/// The exact sums of doubles, rounded once when they are asked for.
///
/// NaN, or infinities of both signs, make NaN; one infinity makes itself; an exact zero is +0.0.
#[derive(Clone, Debug)]
pub struct Sums {
    cells: Cells,
    columns: Columns<2>,
}

impl Sums {
    /// Sums of nothing.
    pub fn new(outputs: usize) -> Sums {
        Sums { cells: Cells::new(Reach::SUMS, outputs), columns: Columns::new() }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.cells.outputs()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        let (ordinary, any) = Cells::bytes(Reach::SUMS, outputs);
        let columns = Columns::<2>::bytes(outputs);
        (ordinary + columns, any + columns)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[f64]) {
        self.cells.add_run(isa, output, values);
    }

    /// Adds consecutive rows of `width` values: value j to output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[f64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            let outputs = self.outputs();
            for row in values.chunks(width) {
                self.columns.add_row(isa, outputs, first, row, &mut self.cells);
            }
        }
    }

    /// Adds what another has gathered. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &Sums) -> bool {
        if self.outputs() != other.outputs() {
            return false;
        }
        self.cells.merge(&other.cells);
        for output in 0..other.outputs() {
            other.columns.parts(output).into_iter().for_each(|part| self.cells.add(output, part));
        }
        true
    }

    /// The sum.
    pub fn sum(&self, output: usize, precision: Precision) -> f64 {
        self.divided(output, 1, precision)
    }

    /// The sum divided by `count`; NaN if `count` is zero.
    pub fn mean(&self, output: usize, count: u64, precision: Precision) -> f64 {
        if count == 0 { f64::NAN } else { self.divided(output, count, precision) }
    }

    fn divided(&self, output: usize, divisor: u64, precision: Precision) -> f64 {
        rounding::divided(self.special(output), &self.number(output), divisor, precision)
    }

    fn special(&self, output: usize) -> Special {
        self.cells.special(output)
    }

    fn number(&self, output: usize) -> Number {
        self.cells.number(output, &self.columns.parts(output))
    }
}

impl PartialEq for Sums {
    fn eq(&self, other: &Sums) -> bool {
        let same = |output| {
            self.special(output) == other.special(output)
                && self.number(output).canonical() == other.number(output).canonical()
        };
        self.outputs() == other.outputs() && (0..self.outputs()).all(same)
    }
}

impl Packed for Sums {
    const REFUSAL: &'static str = "sums that no values have";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        for output in 0..self.outputs() {
            writer.number(&self.number(output).canonical(), self.special(output).flags());
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Sums> {
        let mut sums = Sums::new(reader.outputs()?);
        for output in 0..sums.outputs() {
            let (number, flags) = reader.number()?;
            if !sums.cells.set(output, Special::of_flags(flags), &number) {
                return None;
            }
        }
        Some(sums)
    }
}

sent_packed!(Sums);
