//! Sums of integers, exact in 128 bits, and products, modulo 2^64.

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::exact::rounding::Precision;
use crate::kernel::exact::short::Short;
use crate::kernel::isa::forms;

/// Values whose halves are summed before the halves are put together.
const PIECE: usize = 1 << 20;

/// The exact sums of integers. (Sums beyond 128 bits, of 2^64 values and more, wrap.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegerSums {
    /// The lower and the upper half of each sum.
    low: Vec<u64>,
    high: Vec<i64>,
}

impl IntegerSums {
    /// Sums of nothing.
    pub fn new(outputs: usize) -> IntegerSums {
        IntegerSums { low: vec![0; outputs], high: vec![0; outputs] }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.low.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        (outputs * 16, outputs * 16)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[i64]) {
        for piece in values.chunks(PIECE) {
            let (low, high) = halves(isa, piece);
            self.add(output, (i128::from(high) << 32) + i128::from(low));
        }
    }

    /// Adds consecutive rows of `width` values: value j to output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[i64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            for row in values.chunks(width) {
                let range = first..first + row.len();
                add_row(isa, row, &mut self.low[range.clone()], &mut self.high[range]);
            }
        }
    }

    /// Adds what another has gathered. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &IntegerSums) -> bool {
        if self.outputs() != other.outputs() {
            return false;
        }
        (0..other.outputs()).for_each(|output| self.add(output, other.exact(output)));
        true
    }

    /// The sum, or as an error the exact sum if it does not fit.
    pub fn sum(&self, output: usize) -> Result<i64, i128> {
        let sum = self.exact(output);
        i64::try_from(sum).map_err(|_| sum)
    }

    /// The sum divided by `count`, rounded once; NaN if `count` is zero.
    pub fn mean(&self, output: usize, count: u64) -> f64 {
        if count == 0 {
            f64::NAN
        } else {
            Short::integer(self.exact(output)).divided(count, Precision::Double)
        }
    }

    pub(super) fn exact(&self, output: usize) -> i128 {
        i128::from(self.high[output]) << 64 | i128::from(self.low[output])
    }

    fn add(&mut self, output: usize, more: i128) {
        let sum = self.exact(output).wrapping_add(more);
        (self.low[output], self.high[output]) = (sum as u64, (sum >> 64) as i64);
    }
}

impl Packed for IntegerSums {
    const REFUSAL: &'static str = "sums of integers cut short";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        (0..self.outputs()).for_each(|output| writer.signed(self.exact(output)));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<IntegerSums> {
        let mut sums = IntegerSums::new(reader.outputs()?);
        for output in 0..sums.outputs() {
            sums.add(output, reader.signed()?);
        }
        Some(sums)
    }
}

sent_packed!(IntegerSums);

forms! {
    /// The sums of the lower and of the upper 32 bits of the values, at most `PIECE` of them.
    fn halves(values: &[i64]) -> (i64, i64) = halves_body;
}

#[inline(always)]
fn halves_body(values: &[i64]) -> (i64, i64) {
    values.iter().fold((0, 0), |(low, high), value| (low + (value & 0xFFFF_FFFF), high + (value >> 32)))
}

forms! {
    /// Adds each value to the 128 bits of its output.
    fn add_row(row: &[i64], low: &mut [u64], high: &mut [i64]) = add_row_body;
}

#[inline(always)]
fn add_row_body(row: &[i64], low: &mut [u64], high: &mut [i64]) {
    for ((value, low), high) in row.iter().zip(low).zip(high) {
        let part = value.cast_unsigned();
        let sum = low.wrapping_add(part);
        *high = high.wrapping_add((value >> 63) + i64::from(sum < part));
        *low = sum;
    }
}

/// The products of integers modulo 2^64, as signed integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegerProducts {
    products: Vec<i64>,
}

impl IntegerProducts {
    /// Products of nothing: 1.
    pub fn new(outputs: usize) -> IntegerProducts {
        IntegerProducts { products: vec![1; outputs] }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.products.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        (outputs * 8, outputs * 8)
    }

    /// Multiplies one output by values.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[i64]) {
        let product = &mut self.products[output];
        *product = product.wrapping_mul(product_of(isa, values));
    }

    /// Multiplies by consecutive rows of `width` values: output `first + j % width` by value j.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[i64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            for row in values.chunks(width) {
                multiply_row(isa, row, &mut self.products[first..first + row.len()]);
            }
        }
    }

    /// Multiplies by what another has gathered. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &IntegerProducts) -> bool {
        let same = self.outputs() == other.outputs();
        if same {
            multiply_row_body(&other.products, &mut self.products);
        }
        same
    }

    /// The product.
    pub fn product(&self, output: usize) -> i64 {
        self.products[output]
    }
}

impl Packed for IntegerProducts {
    const REFUSAL: &'static str = "products of integers cut short";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        self.products.iter().for_each(|product| writer.signed(i128::from(*product)));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<IntegerProducts> {
        let mut products = IntegerProducts::new(reader.outputs()?);
        for product in &mut products.products {
            *product = i64::try_from(reader.signed()?).ok()?;
        }
        Some(products)
    }
}

sent_packed!(IntegerProducts);

forms! {
    /// The product of the values.
    fn product_of(values: &[i64]) -> i64 = product_of_body;
}

#[inline(always)]
fn product_of_body(values: &[i64]) -> i64 {
    values.iter().fold(1, |product, value| product.wrapping_mul(*value))
}

forms! {
    /// Multiplies each output by its value.
    fn multiply_row(row: &[i64], products: &mut [i64]) = multiply_row_body;
}

#[inline(always)]
fn multiply_row_body(row: &[i64], products: &mut [i64]) {
    for (value, product) in row.iter().zip(products) {
        *product = product.wrapping_mul(*value);
    }
}
