//! Numbers as Python's repr prints them: the shortest digits that read back as the same number.

/// `0.1`, `1e+16`, `5.662568700976701e-06`, `nan`, `-inf`.
pub(super) fn repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = shortest(value.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let magnitude = if (-4..16).contains(&exponent) {
        positional(&digits, exponent)
    } else {
        let direction = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{direction}{:02}", exponent.abs())
    };
    format!("{sign}{magnitude}")
}

/// The shortest digits that read back as the number. Where two such lie equally near, the even one: Rust's
/// own choice there is the upper one.
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits = shortest.chars().take_while(|&c| c != 'e').filter(char::is_ascii_digit).count();
    let nearest = format!("{value:.places$e}", places = digits - 1);
    if nearest.parse() == Ok(value) { nearest } else { shortest }
}

/// Places the point after the digit that `exponent` counts from the first.
fn positional(digits: &str, exponent: i32) -> String {
    let before = exponent + 1;
    if before <= 0 {
        return format!("0.{}{digits}", "0".repeat(before.unsigned_abs() as usize));
    }
    let before = before.unsigned_abs() as usize;
    match digits.split_at_checked(before) {
        Some((whole, "")) => format!("{whole}.0"),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits}{}.0", "0".repeat(before - digits.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::repr;

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
}
