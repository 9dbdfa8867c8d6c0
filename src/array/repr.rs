//! Numbers as Python and NumPy print them: the shortest digits that read back as the same number.
//!
//! How numbers stand together in an array is `array`'s and `column`'s matter.

use std::fmt::LowerExp;
use std::str::FromStr;

pub(super) mod array;
mod column;

/// A float64: `0.1`, `1e+16`, `5.662568700976701e-06`, `nan`, `-inf`.
pub(super) fn repr(value: f64) -> String {
    number(value, 1e16, || Decimal::shortest(value.abs()))
}

/// A float32, whose digits are fewer.
pub(super) fn single(value: f32) -> String {
    number(value.into(), 1e6, || Decimal::shortest(value.abs()))
}

/// Without an exponent from 0.0001 to below `limit`.
fn number(value: f64, limit: f64, decimal: impl FnOnce() -> Decimal) -> String {
    if !value.is_finite() {
        return word(value).to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let decimal = decimal();
    if value == 0.0 || (1e-4..limit).contains(&value.abs()) {
        let (whole, fraction) = decimal.positional();
        return format!("{sign}{whole}.{}", if fraction.is_empty() { "0" } else { &fraction });
    }
    let (first, others) = decimal.digits.split_at(1);
    let point = if others.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{others}e{}", exponent(decimal.exponent, 2))
}

/// What is printed for what is not finite.
fn word(value: f64) -> &'static str {
    if value.is_nan() {
        return "nan";
    }
    if value > 0.0 { "inf" } else { "-inf" }
}

/// `+07`, with at least so many digits.
fn exponent(exponent: i32, digits: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:0digits$}", exponent.unsigned_abs())
}

/// The digits of a number without its sign; the point is after the first, and moved by `exponent`.
struct Decimal {
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// The shortest digits that read back as the number, a float without its sign.
    fn shortest<T: LowerExp + FromStr + PartialEq>(value: T) -> Self {
        let shortest = Decimal::parse(&format!("{value:e}"));
        // Where two such lie equally near, the even one: Rust's own choice there is the upper one.
        let nearest = format!("{value:.places$e}", places = shortest.digits.len() - 1);
        if nearest.parse().is_ok_and(|read: T| read == value) { Decimal::parse(&nearest) } else { shortest }
    }

    /// Reads what `{:e}` writes.
    fn parse(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
        let exponent = exponent.parse().expect("`{:e}` writes a decimal exponent");
        Decimal { digits: mantissa.chars().filter(char::is_ascii_digit).collect(), exponent }
    }

    /// How many digits follow the point where there is no exponent.
    fn places(&self) -> i64 {
        self.digits.len() as i64 - 1 - i64::from(self.exponent)
    }

    /// What is before the point and what is after it; the latter without zeros at its end.
    fn positional(&self) -> (String, String) {
        let digits = self.digits.trim_end_matches('0');
        let before = usize::try_from(self.exponent + 1).unwrap_or(0);
        let lead = usize::try_from(-self.exponent - 1).unwrap_or(0);
        match digits.split_at_checked(before) {
            Some(("", fraction)) => ("0".into(), "0".repeat(lead) + fraction),
            Some((whole, fraction)) => (whole.into(), fraction.into()),
            None => (format!("{digits:0<before$}"), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::{repr, single};

    const PYTHON: &str = "import struct,sys\n\
        for line in sys.stdin: print(repr(struct.unpack('<d', int(line).to_bytes(8, 'little'))[0]))";

    /// Bit patterns at random, decimal fractions, whole numbers, and all powers of two and ten.
    fn patterns() -> Vec<u64> {
        let mut generator = StdRng::seed_from_u64(1);
        let mut values: Vec<f64> = (0..100_000).map(|_| f64::from_bits(generator.random())).collect();
        values.extend((0..50_000).map(|_| generator.random_range(-1_000_000_i64..1_000_000) as f64 / 1000.0));
        values.extend((0..50_000).map(|_| generator.random_range(0_u64..1 << 60) as f64));
        values.extend((0..50_000).map(|_| generator.random_range(1_u64 << 52..1 << 55) as f64 / 8.0));
        values.extend((0..2047_u64).map(|exponent| f64::from_bits(exponent << 52)));
        values.extend((0..52).map(|bit| f64::from_bits(1 << bit)));
        values.extend((-320..309).map(|exponent| format!("1e{exponent}").parse::<f64>().unwrap()));
        values.extend([0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]);
        values.into_iter().map(f64::to_bits).collect()
    }

    #[test]
    fn repr_equals_python_repr() {
        let patterns = patterns();
        let mut input = String::new();
        for pattern in &patterns {
            writeln!(input, "{pattern}").unwrap();
        }
        let mut python = Command::new("python3")
            .args(["-c", PYTHON])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = python.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        let output = python.wait_with_output().unwrap();
        writer.join().unwrap();
        let expected = String::from_utf8(output.stdout).unwrap();
        assert_eq!(expected.lines().count(), patterns.len());
        for (pattern, expected) in patterns.iter().zip(expected.lines()) {
            assert_eq!(repr(f64::from_bits(*pattern)), expected, "bits {pattern:#x}");
        }
    }

    #[test]
    fn repr_of_known_numbers() {
        assert_eq!(repr(5.662568700976701e-06), "5.662568700976701e-06");
        assert_eq!(repr(1e16), "1e+16");
        assert_eq!(repr(9_999_999_999_999_998.0), "9999999999999998.0");
        assert_eq!(repr(0.0001), "0.0001");
        assert_eq!(repr(-0.0), "-0.0");
        assert_eq!(repr(5e-324), "5e-324");
    }

    #[test]
    fn singles_have_their_own_digits_and_limits() {
        assert_eq!(single(0.1), "0.1");
        assert_eq!(single(999_999.94), "999999.94");
        assert_eq!(single(1e6), "1e+06");
        assert_eq!(single(0.0001), "1e-04", "the nearest single is below 0.0001");
        assert_eq!(single(-0.0), "-0.0");
        assert_eq!(single(f32::MAX), "3.4028235e+38");
    }
}
