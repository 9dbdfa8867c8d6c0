//! Exact sums of doubles and of their squares: mean, variance and standard deviation, each rounded once.

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::exact::cells::MomentCells;
use crate::kernel::exact::columns::Columns;
use crate::kernel::exact::rounding::{self, Precision, Spread};
use crate::kernel::exact::special::Special;
use crate::kernel::exact::{Canonical, Number};

/// The exact sums of doubles and of their squares.
///
/// Sum and mean are those of [`Sums`](crate::kernel::accumulate::Sums).
#[derive(Clone, Debug)]
pub struct Moments {
    cells: MomentCells,
    columns: Columns<6>,
}

impl Moments {
    /// Moments of nothing.
    pub fn new(outputs: usize) -> Moments {
        Moments { cells: MomentCells::new(outputs), columns: Columns::new() }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.cells.sums.outputs()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        let (ordinary, any) = MomentCells::bytes(outputs);
        let columns = Columns::<6>::bytes(outputs);
        (ordinary + columns, any + columns)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[f64]) {
        self.cells.sums.add_run(isa, output, values);
        self.cells.squares.add_squares_of_run(isa, output, values);
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
    pub fn merge(&mut self, other: &Moments) -> bool {
        if self.outputs() != other.outputs() {
            return false;
        }
        self.cells.sums.merge(&other.cells.sums);
        self.cells.squares.merge(&other.cells.squares);
        for output in 0..other.outputs() {
            self.cells.add(output, other.columns.parts(output));
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

    /// The variance of `count` values with `ddof` degrees of freedom taken off: (n Q - S^2) / (n (n - ddof))
    /// for sum S and sum of squares Q. NaN unless `count` exceeds `ddof`, and NaN if a value was not finite.
    pub fn variance(&self, output: usize, count: u64, ddof: u64, precision: Precision) -> f64 {
        self.spread(output, (count, ddof), precision, Spread::Variance)
    }

    /// The square root of the exact variance, rounded once; NaN as [`variance`](Self::variance) is.
    pub fn standard_deviation(&self, output: usize, count: u64, ddof: u64, precision: Precision) -> f64 {
        self.spread(output, (count, ddof), precision, Spread::StandardDeviation)
    }

    fn spread(&self, output: usize, of: (u64, u64), precision: Precision, spread: Spread) -> f64 {
        if self.special(output).value().is_some() {
            return f64::NAN;
        }
        let (sum, squares) = self.numbers(output);
        rounding::spread(&sum, &squares, of, precision, spread)
    }

    fn divided(&self, output: usize, divisor: u64, precision: Precision) -> f64 {
        rounding::divided(self.special(output), &self.numbers(output).0, divisor, precision)
    }

    fn special(&self, output: usize) -> Special {
        self.cells.sums.special(output)
    }

    /// The sum and the sum of squares.
    fn numbers(&self, output: usize) -> (Number, Number) {
        let [high, low, squares @ ..] = self.columns.parts(output);
        (self.cells.sums.number(output, &[high, low]), self.cells.squares.number(output, &squares))
    }

    fn canonical(&self, output: usize) -> (Canonical, Canonical) {
        let (sum, squares) = self.numbers(output);
        (sum.canonical(), squares.canonical())
    }
}

impl PartialEq for Moments {
    fn eq(&self, other: &Moments) -> bool {
        let same = |output| {
            self.special(output) == other.special(output) && self.canonical(output) == other.canonical(output)
        };
        self.outputs() == other.outputs() && (0..self.outputs()).all(same)
    }
}

impl Packed for Moments {
    const REFUSAL: &'static str = "moments that no values have";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        for output in 0..self.outputs() {
            let (sum, squares) = self.canonical(output);
            writer.number(&sum, self.special(output).flags());
            writer.number(&squares, 0);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Moments> {
        let mut moments = Moments::new(reader.outputs()?);
        for output in 0..moments.outputs() {
            let (sum, flags) = reader.number()?;
            let (squares, none) = reader.number()?;
            let is_sound = !squares.negative
                && none == 0
                && moments.cells.sums.set(output, Special::of_flags(flags), &sum)
                && moments.cells.squares.set(output, Special::default(), &squares);
            if !is_sound {
                return None;
            }
        }
        Some(moments)
    }
}

sent_packed!(Moments);
