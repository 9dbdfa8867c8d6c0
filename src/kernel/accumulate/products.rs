//! Products of doubles: sign, exponent and 192 bits of mantissa, rounded once at the end.
//!
//! Each multiplication cuts off what lies below the 192 bits, a relative error below 2^-191. Orders of n
//! factors can therefore differ in the last bits of the mantissa, and in the rounded result with a chance of
//! less than n 2^-136, which is not zero, but has never been seen.

use num_bigint::BigUint;

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::exact::{parts, rounding, rounding::Precision};

const WORDS: usize = 3;
/// An exponent that no 2^50 doubles reach; beyond it a product stays.
const EXPONENTS: i64 = 1 << 61;

/// The products of doubles.
#[derive(Clone, Debug, PartialEq)]
pub struct Products {
    products: Vec<Product>,
}

/// `mantissa * 2^exponent`, unless a flag says otherwise.
#[derive(Clone, Copy, Debug)]
struct Product {
    /// Least word first; the highest bit is set.
    mantissa: [u64; WORDS],
    exponent: i64,
    negative: bool,
    /// Whether there was a zero, an infinity, a NaN.
    flags: u8,
}

const ZERO: u8 = 1;
const INFINITE: u8 = 2;
const NAN: u8 = 4;
const NEGATIVE: u8 = 8;
const FINITE: u8 = 16;

const ONE: Product = Product { mantissa: [0, 0, 1 << 63], exponent: -191, negative: false, flags: 0 };

impl Products {
    /// Products of nothing: 1.
    pub fn new(outputs: usize) -> Products {
        Products { products: vec![ONE; outputs] }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.products.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        let bytes = outputs * size_of::<Product>() as u64;
        (bytes, bytes)
    }

    /// Multiplies one output by values.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, _: Isa, output: usize, values: &[f64]) {
        let mut product = self.products[output];
        values.iter().for_each(|value| product.multiply(*value));
        self.products[output] = product;
    }

    /// Multiplies by consecutive rows of `width` values: output `first + j % width` by value j.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[f64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            for row in values.chunks(width) {
                let products = &mut self.products[first..first + row.len()];
                products.iter_mut().zip(row).for_each(|(product, value)| product.multiply(*value));
            }
        }
    }

    /// Multiplies by what another has gathered. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &Products) -> bool {
        let same = self.outputs() == other.outputs();
        if same {
            self.products.iter_mut().zip(&other.products).for_each(|(product, other)| product.merge(other));
        }
        same
    }

    /// The product: NaN if a factor is NaN, or if zeros and infinities meet.
    pub fn product(&self, output: usize, precision: Precision) -> f64 {
        self.products[output].round(precision)
    }
}

impl Product {
    #[inline]
    fn multiply(&mut self, value: f64) {
        let (negative, mantissa, exponent) = parts(value);
        self.negative ^= negative;
        if !value.is_finite() || mantissa == 0 {
            self.flags |= flag(value);
            return;
        }
        let zeros = mantissa.leading_zeros();
        let mantissa = u128::from(mantissa << zeros);
        let mut product = [0; WORDS + 1];
        let mut carry = 0;
        for (word, product) in self.mantissa.iter().zip(&mut product) {
            let wide = u128::from(*word) * mantissa + carry;
            (*product, carry) = (wide as u64, wide >> 64);
        }
        product[WORDS] = carry as u64;
        let exponent = i64::from(exponent) - i64::from(zeros) + 64;
        self.take_top(&product, exponent);
    }

    fn merge(&mut self, other: &Product) {
        self.negative ^= other.negative;
        self.flags |= other.flags;
        let mut product = [0; 2 * WORDS];
        for (place, factor) in other.mantissa.iter().enumerate() {
            let mut carry = 0;
            for (word, product) in self.mantissa.iter().zip(&mut product[place..]) {
                let wide = u128::from(*word) * u128::from(*factor) + u128::from(*product) + carry;
                (*product, carry) = (wide as u64, wide >> 64);
            }
            product[place + WORDS] = carry as u64;
        }
        self.take_top(&product, other.exponent + 192);
    }

    /// Keeps the 192 highest bits of a product, whose lowest kept word is worth 2^`more` times the last one's.
    #[inline(always)]
    fn take_top(&mut self, product: &[u64], more: i64) {
        let [.., below, low, middle, high] = *product else { return };
        let shift = high.leading_zeros();
        let joined =
            |upper: u64, lower: u64| ((u128::from(upper) << 64 | u128::from(lower)) << shift >> 64) as u64;
        self.mantissa = [joined(low, below), joined(middle, low), joined(high, middle)];
        let exponent = self.exponent + more - i64::from(shift);
        self.exponent = exponent.clamp(-EXPONENTS, EXPONENTS);
    }

    /// Without the parts that flags make meaningless.
    fn canonical(self) -> Product {
        let flags = match self.flags {
            0 => return self,
            ZERO | INFINITE => self.flags,
            _ => NAN,
        };
        Product { negative: self.negative && flags != NAN, flags, ..ONE }
    }

    fn round(self, precision: Precision) -> f64 {
        let Product { mantissa, exponent, negative, flags } = self.canonical();
        let magnitude = match flags {
            0 => {
                let mantissa = BigUint::from_bytes_le(mantissa.map(u64::to_le_bytes).as_flattened());
                rounding::nearest(&mantissa, false, exponent, precision)
            }
            ZERO => 0.0,
            INFINITE => f64::INFINITY,
            _ => return f64::NAN,
        };
        if negative { -magnitude } else { magnitude }
    }
}

/// What a factor is that is zero or not finite.
fn flag(value: f64) -> u8 {
    if value.is_nan() {
        NAN
    } else if value == 0.0 {
        ZERO
    } else {
        INFINITE
    }
}

impl PartialEq for Product {
    fn eq(&self, other: &Product) -> bool {
        let fields = |product: &Product| {
            let Product { mantissa, exponent, negative, flags } = product.canonical();
            (mantissa, exponent, negative, flags)
        };
        fields(self) == fields(other)
    }
}

impl Packed for Products {
    const REFUSAL: &'static str = "products that no values have";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        for product in &self.products {
            let Product { mantissa, exponent, negative, flags } = product.canonical();
            let is_one = (mantissa, exponent) == (ONE.mantissa, ONE.exponent);
            let negative = if negative { NEGATIVE } else { 0 };
            writer.byte(flags | negative | if is_one { 0 } else { FINITE });
            if !is_one {
                writer.signed(exponent.into());
                let words = mantissa.map(u64::to_be_bytes);
                let bytes = [words[2], words[1], words[0]];
                let bytes = bytes.as_flattened();
                let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                writer.byte(length as u8);
                writer.raw(&bytes[..length]);
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Products> {
        let mut products = Products::new(reader.outputs()?);
        for product in &mut products.products {
            *product = Product::unpack(reader)?;
        }
        Some(products)
    }
}

impl Product {
    fn unpack(reader: &mut Reader<'_>) -> Option<Product> {
        let head = reader.byte()?;
        let mut product = Product { negative: head & NEGATIVE != 0, flags: head & 7, ..ONE };
        if head & FINITE != 0 {
            product.exponent = i64::try_from(reader.signed()?).ok()?;
            let bytes = reader.byte().and_then(|length| reader.slice(length.into()))?;
            let mut padded = [0; 8 * WORDS];
            padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
            let [high, middle, low] = *padded.as_chunks::<8>().0 else { return None };
            product.mantissa = [low, middle, high].map(u64::from_be_bytes);
            let is_one = (product.mantissa, product.exponent) == (ONE.mantissa, ONE.exponent);
            let is_normal = high[0] >= 0x80 && bytes.last() != Some(&0);
            if product.flags != 0
                || is_one
                || !is_normal
                || product.exponent.unsigned_abs() > EXPONENTS as u64
            {
                return None;
            }
        }
        let is_canonical = head < 32 && matches!(product.flags, 0 | ZERO | INFINITE | NAN);
        (is_canonical && !(product.flags == NAN && product.negative)).then_some(product)
    }
}

sent_packed!(Products);
