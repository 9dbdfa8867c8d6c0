//! How the elements of an array are written so that they align: NumPy's rules for its default print options,
//! as of NumPy 2.4.
//!
//! At most 8 digits after the point, fewer where that is exact; one exponent for all or for none.

use crate::array::repr::{Decimal, exponent, word};
use crate::array::value::Value;

/// The most digits after the point.
const PRECISION: usize = 8;

/// What all elements of an array have in common.
pub(super) enum Column {
    Bool,
    /// Right-aligned to so many characters.
    Integer(usize),
    Float(Floats),
}

impl Column {
    /// Fits the elements that will be shown; they have one dtype.
    pub(super) fn fitting(elements: &[Value]) -> Self {
        match elements.first() {
            Some(Value::Bool(_)) => Column::Bool,
            Some(Value::Integer(_)) => {
                Column::Integer(widest(elements.iter().map(|element| element.to_string().len())))
            }
            _ => Column::Float(Floats::fitting(&elements.iter().map(Float::of).collect::<Vec<_>>())),
        }
    }

    /// An element, as wide as every other.
    pub(super) fn word(&self, element: &Value) -> String {
        match self {
            Column::Bool => format!("{:>5}", element.to_string()),
            Column::Integer(width) => format!("{:>width$}", element.to_string()),
            Column::Float(floats) => floats.word(Float::of(element)),
        }
    }
}

/// A float64, or a float32, which has fewer digits.
#[derive(Clone, Copy)]
struct Float {
    value: f64,
    single: bool,
}

/// The common form of floats.
pub(super) struct Floats {
    notation: Notation,
    /// Characters before the point, the sign among them.
    left: usize,
    /// Characters after the point, the exponent among them.
    right: usize,
}

enum Notation {
    Positional,
    /// With so many digits after the point, and so many in the exponent.
    Scientific(usize, usize),
}

impl Floats {
    fn fitting(elements: &[Float]) -> Self {
        let finite: Vec<Float> =
            elements.iter().copied().filter(|element| element.value.is_finite()).collect();
        let mut floats =
            if needs_exponents(&finite) { Floats::scientific(&finite) } else { Floats::positional(&finite) };
        if finite.len() < elements.len() {
            let negative = elements.iter().any(|element| element.value == f64::NEG_INFINITY);
            let width: usize = if negative { 4 } else { 3 };
            floats.left = floats.left.max(width.saturating_sub(floats.right + 1));
        }
        floats
    }

    fn positional(finite: &[Float]) -> Self {
        let parts: Vec<_> = finite.iter().map(|element| element.positional()).collect();
        let left = widest(parts.iter().map(|(whole, _)| whole.len()));
        let right = widest(parts.iter().map(|(_, fraction)| fraction.len()));
        Floats { notation: Notation::Positional, left, right }
    }

    fn scientific(finite: &[Float]) -> Self {
        let decimals: Vec<Decimal> = finite.iter().map(|element| element.significant()).collect();
        let precision = widest(decimals.iter().map(|decimal| decimal.digits.len() - 1));
        let digits = widest(decimals.iter().map(|decimal| exponent(decimal.exponent, 2).len() - 1));
        let left = widest(finite.iter().map(|element| element.sign().len() + 1));
        // After the digits come `e` and the exponent with its sign.
        Floats { notation: Notation::Scientific(precision, digits), left, right: precision + 2 + digits }
    }

    fn word(&self, element: Float) -> String {
        let Floats { left, right, .. } = *self;
        if !element.value.is_finite() {
            return format!("{:>width$}", word(element.value), width = left + 1 + right);
        }
        let (whole, fraction) = match self.notation {
            Notation::Positional => element.positional(),
            Notation::Scientific(precision, digits) => element.scientific(precision, digits),
        };
        format!("{whole:>left$}.{fraction:<right$}")
    }
}

/// Whether some number is so large, or so small, or numbers so different that they would not be readable.
fn needs_exponents(finite: &[Float]) -> bool {
    let magnitudes = || finite.iter().map(|element| element.value.abs()).filter(|value| *value != 0.0);
    let (Some(least), Some(greatest)) = (magnitudes().reduce(f64::min), magnitudes().reduce(f64::max)) else {
        return false;
    };
    // NumPy compares and divides in the elements' own precision.
    let (limit, small, ratio) = if finite.iter().any(|element| element.single) {
        (1e6, f64::from(1e-4_f32), f64::from((greatest / least) as f32))
    } else {
        (1e8, 1e-4, greatest / least)
    };
    greatest >= limit || least < small || ratio > 1000.0
}

fn widest(widths: impl Iterator<Item = usize>) -> usize {
    widths.max().unwrap_or(0)
}

impl Float {
    fn of(element: &Value) -> Self {
        match element {
            Value::Single(value) => Float { value: (*value).into(), single: true },
            element => Float { value: element.number().unwrap_or(f64::NAN), single: false },
        }
    }

    fn sign(self) -> &'static str {
        if self.value.is_sign_negative() { "-" } else { "" }
    }

    fn shortest(self) -> Decimal {
        let magnitude = self.value.abs();
        if self.single { Decimal::shortest(magnitude as f32) } else { Decimal::shortest(magnitude) }
    }

    /// What is before the point, and at most [`PRECISION`] digits after it.
    fn positional(self) -> (String, String) {
        let shortest = self.shortest();
        let (whole, fraction) = if shortest.places() <= PRECISION as i64 {
            shortest.positional()
        } else {
            let rounded = format!("{:.PRECISION$}", self.value.abs());
            let (whole, fraction) = rounded.split_once('.').expect("there are digits after the point");
            (whole.to_owned(), fraction.trim_end_matches('0').to_owned())
        };
        (format!("{}{whole}", self.sign()), fraction)
    }

    /// One digit and at most [`PRECISION`] further ones, without zeros at the end.
    fn significant(self) -> Decimal {
        let shortest = self.shortest();
        let mut decimal = if shortest.digits.len() <= PRECISION + 1 {
            shortest
        } else {
            Decimal::parse(&format!("{:.PRECISION$e}", self.value.abs()))
        };
        let length = decimal.digits.trim_end_matches('0').len();
        decimal.digits.truncate(length.max(1));
        decimal
    }

    /// What is before the point; so many digits after it, and an exponent of so many.
    fn scientific(self, precision: usize, digits: usize) -> (String, String) {
        let shortest = self.shortest();
        // The shortest digits of a power of two are not always the nearest ones.
        let decimal = if shortest.digits.len() == precision + 1 {
            shortest
        } else {
            Decimal::parse(&format!("{:.precision$e}", self.value.abs()))
        };
        let (first, others) = decimal.digits.split_at(1);
        (format!("{}{first}", self.sign()), format!("{others}e{}", exponent(decimal.exponent, digits)))
    }
}
