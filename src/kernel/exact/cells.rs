//! Exact numbers, one for each output.
//!
//! Ordinary data fill a cell of 40 bytes an output and nothing else. Once a number does not fit its cell, all
//! outputs get words for every exponent beside them, and those that need them fill them.

use crate::kernel::Isa;
use crate::kernel::exact::cell::Cell;
use crate::kernel::exact::columns::{Strip, Target};
use crate::kernel::exact::kernels::{self, SQUARES_WIDTH, SUM_WIDTH};
use crate::kernel::exact::limbs::{Limbs, Reach};
use crate::kernel::exact::special::Special;
use crate::kernel::exact::window::Window;
use crate::kernel::exact::{Canonical, Number, parts};

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Cells {
    cells: Vec<Cell>,
    /// The top of the last run's window, for outputs that have had no run.
    top: i16,
    reach: Reach,
    /// What did not fit the cells.
    spilled: Limbs,
}

impl Cells {
    /// Numbers within `reach`, which has to hold all that is added.
    pub(in crate::kernel) fn new(reach: Reach, outputs: usize) -> Cells {
        Cells { cells: vec![Cell::default(); outputs], top: 4, reach, spilled: Limbs::new(reach, outputs) }
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub(in crate::kernel) const fn bytes(reach: Reach, outputs: u64) -> (u64, u64) {
        let cells = outputs * size_of::<Cell>() as u64;
        (cells, cells + outputs * reach.bytes())
    }

    pub(in crate::kernel) fn outputs(&self) -> usize {
        self.cells.len()
    }

    /// Adds values to one output.
    pub(in crate::kernel) fn add_run(&mut self, isa: Isa, output: usize, values: &[f64]) {
        let mut window = Window::<SUM_WIDTH> { top: self.top_of(output) };
        window.add(isa, values, kernels::sum, |addition| match addition {
            Ok(part) => self.add(output, part),
            Err(value) => self.add_any(output, value),
        });
        self.top = window.top as i16;
        self.cells[output].top = self.top;
    }

    /// Adds the squares of values to one output; those that are not finite are left out.
    pub(in crate::kernel) fn add_squares_of_run(&mut self, isa: Isa, output: usize, values: &[f64]) {
        let mut window = Window::<SQUARES_WIDTH> { top: self.top_of(output) };
        window.add(isa, values, kernels::sum_of_squares, |addition| match addition {
            Ok(part) => self.add(output, part),
            Err(value) => self.add_square_of_any(output, value),
        });
        self.top = window.top as i16;
        self.cells[output].top = self.top;
    }

    fn top_of(&self, output: usize) -> i32 {
        let top = self.cells[output].top;
        i32::from(if top == i16::MIN { self.top } else { top })
    }

    /// Adds a value, or remembers that it was not finite.
    #[inline]
    pub(in crate::kernel) fn add_any(&mut self, output: usize, value: f64) {
        if value.is_finite() { self.add(output, value) } else { self.cells[output].special.add(value) }
    }

    /// Adds the square of a finite value.
    pub(in crate::kernel) fn add_square_of_any(&mut self, output: usize, value: f64) {
        if value.is_finite() {
            let (_, mantissa, exponent) = parts(value);
            let square = u128::from(mantissa) * u128::from(mantissa);
            self.add_scaled(output, false, square as u64, 2 * exponent);
            self.add_scaled(output, false, (square >> 64) as u64, 2 * exponent + 64);
        }
    }

    /// Adds a finite double.
    #[inline]
    pub(in crate::kernel) fn add(&mut self, output: usize, value: f64) {
        let (negative, mantissa, exponent) = parts(value);
        self.add_scaled(output, negative, mantissa, exponent);
    }

    #[inline]
    fn add_scaled(&mut self, output: usize, negative: bool, mantissa: u64, exponent: i32) {
        if mantissa == 0 {
            return;
        }
        if !self.cells[output].add(negative, mantissa, exponent) {
            self.add_elsewhere(output, negative, mantissa, exponent);
        }
        if self.cells[output].is_full() {
            self.relieve_cell(output);
        }
    }

    /// Adds what does not fit the cell as it is.
    #[cold]
    #[inline(never)]
    fn add_elsewhere(&mut self, output: usize, negative: bool, mantissa: u64, exponent: i32) {
        if !self.cells[output].add_anywhere(negative, mantissa, exponent) {
            self.spilled.add(output, negative, mantissa, exponent);
        }
    }

    #[cold]
    #[inline(never)]
    fn relieve_cell(&mut self, output: usize) {
        if self.cells[output].make_room(None) {
            return;
        }
        let (negative, parts) = self.cells[output].parts();
        self.cells[output].clear();
        parts.for_each(|(word, exponent)| self.spilled.add(output, negative, word, exponent));
    }

    /// Adds what another, with as many outputs, has gathered.
    pub(in crate::kernel) fn merge(&mut self, other: &Cells) {
        for output in 0..other.outputs() {
            self.merge_output(output, other, output);
        }
    }

    fn merge_output(&mut self, output: usize, other: &Cells, of: usize) {
        let cell = &other.cells[of];
        self.cells[output].special.merge(cell.special);
        let (negative, parts) = cell.parts();
        parts.for_each(|(word, exponent)| self.add_scaled(output, negative, word, exponent));
        self.spilled.merge(output, &other.spilled, of);
    }

    pub(in crate::kernel) fn special(&self, output: usize) -> Special {
        self.cells[output].special
    }

    /// An output's number with more doubles added to it.
    pub(in crate::kernel) fn number(&self, output: usize, more: &[f64]) -> Number {
        let mut cell = self.cells[output].clone();
        let mut fits = more.iter().filter(|value| **value != 0.0).map(|value| parts(*value));
        let fits = fits.all(|(negative, mantissa, exponent)| {
            !cell.is_full()
                && (cell.add(negative, mantissa, exponent) || cell.add_anywhere(negative, mantissa, exponent))
        });
        if fits && self.spilled.is_zero(output) {
            Number::Short(cell.short())
        } else {
            self.long(output, more)
        }
    }

    #[cold]
    #[inline(never)]
    fn long(&self, output: usize, more: &[f64]) -> Number {
        let mut all = Limbs::new(self.reach, 1);
        all.merge(0, &self.spilled, output);
        let (negative, words) = self.cells[output].parts();
        words.for_each(|(word, exponent)| all.add(0, negative, word, exponent));
        for (negative, mantissa, exponent) in more.iter().map(|value| parts(*value)) {
            all.add(0, negative, mantissa, exponent);
        }
        Number::Long(all.canonical(0))
    }

    /// Makes a fresh output the number that was sent. False if that is out of reach.
    pub(in crate::kernel) fn set(&mut self, output: usize, special: Special, sent: &Canonical) -> bool {
        if !self.reach.holds(sent) {
            return false;
        }
        self.cells[output].special = special;
        for (index, bytes) in sent.bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            let exponent = sent.exponent() + 64 * index as i32;
            self.add_scaled(output, sent.negative, u64::from_le_bytes(word), exponent);
        }
        true
    }
}

impl Target<2> for Cells {
    const WIDTH: i32 = SUM_WIDTH;

    fn add_row(isa: Isa, row: &[f64], lane: usize, strips: &mut [Strip<2>]) -> bool {
        kernels::sum_row(isa, row, lane, strips)
    }

    #[inline]
    fn add_parts(&mut self, output: usize, parts: [f64; 2]) {
        parts.into_iter().for_each(|part| self.add(output, part));
    }

    fn add_one(&mut self, output: usize, value: f64) {
        self.add_any(output, value);
    }
}

/// Exact sums and sums of squares.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct MomentCells {
    pub(in crate::kernel) sums: Cells,
    pub(in crate::kernel) squares: Cells,
}

impl MomentCells {
    pub(in crate::kernel) fn new(outputs: usize) -> MomentCells {
        MomentCells { sums: Cells::new(Reach::SUMS, outputs), squares: Cells::new(Reach::SQUARES, outputs) }
    }

    /// As [`Cells::bytes`].
    pub(in crate::kernel) const fn bytes(outputs: u64) -> (u64, u64) {
        let (sums, squares) = (Cells::bytes(Reach::SUMS, outputs), Cells::bytes(Reach::SQUARES, outputs));
        (sums.0 + squares.0, sums.1 + squares.1)
    }

    /// Adds two parts of a sum and four of a sum of squares.
    pub(in crate::kernel) fn add(&mut self, output: usize, [high, low, squares @ ..]: [f64; 6]) {
        self.sums.add(output, high);
        self.sums.add(output, low);
        squares.into_iter().for_each(|part| self.squares.add(output, part));
    }
}

impl Target<6> for MomentCells {
    const WIDTH: i32 = SQUARES_WIDTH;

    fn add_row(isa: Isa, row: &[f64], lane: usize, strips: &mut [Strip<6>]) -> bool {
        kernels::moments_row(isa, row, lane, strips)
    }

    fn add_parts(&mut self, output: usize, parts: [f64; 6]) {
        self.add(output, parts);
    }

    fn add_one(&mut self, output: usize, value: f64) {
        self.sums.add_any(output, value);
        self.squares.add_square_of_any(output, value);
    }
}
