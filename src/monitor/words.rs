//! Numbers as people read them.

use crate::event::ResultSoFar;

/// Seconds: `0.12 s`, `4.3 s`, `1:04:05`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s => {
            let whole = s.round() as u64;
            format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
        }
    }
}

/// A count: `950`, `1.2 million`, `8 billion`.
pub(super) fn count(count: f64) -> String {
    let (scaled, unit) = match count {
        c if c < 1e6 => return format!("{c:.0}"),
        c if c < 1e9 => (c / 1e6, "million"),
        c if c < 1e12 => (c / 1e9, "billion"),
        c => (c / 1e12, "trillion"),
    };
    let digits = if scaled < 10.0 && scaled.fract() >= 0.05 { 1 } else { 0 };
    format!("{scaled:.digits$} {unit}")
}

/// A result while it is computed: `mean 1.23e-5 ± 4.5e-6 of 310 million`.
pub fn so_far(result: &ResultSoFar) -> String {
    let number = match result.error {
        Some(error) => uncertain(result.value, error),
        None => significant(result.value, 4),
    };
    format!("{} {number} of {}", result.name, count(result.elements as f64))
}

/// A value and its standard error, which has two digits; the value ends where they do.
fn uncertain(value: f64, error: f64) -> String {
    if error == 0.0 {
        return format!("{} ± 0", significant(value, 17));
    }
    let last = exponent(error, 1) - 1;
    let first = if value == 0.0 { last + 1 } else { exponent(value, 1).max(last + 1) };
    if is_short(first) {
        let decimals = (-last).max(0) as usize;
        return format!("{value:.decimals$} ± {error:.decimals$}");
    }
    let digits = if value == 0.0 { 0 } else { (exponent(value, 1) - last).max(0) as usize };
    format!("{value:.digits$e} ± {error:.1e}")
}

/// A value with so many digits at the most.
fn significant(value: f64, digits: usize) -> String {
    let rounded: f64 = format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    if is_short(exponent(rounded, digits)) { format!("{rounded}") } else { format!("{rounded:e}") }
}

/// The power of ten of a value that is rounded to so many digits and one.
fn exponent(value: f64, digits: usize) -> i32 {
    let text = format!("{value:.digits$e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// Whether a number with this power of ten is written without one.
fn is_short(exponent: i32) -> bool {
    (-4..7).contains(&exponent)
}

/// Bytes in Slurm's unit, to a tenth of it below 10: `7.1M`, `41M`.
pub(super) fn mebibytes(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    let digits = usize::from(mebibytes < 10.0 && mebibytes.fract() != 0.0);
    format!("{mebibytes:.digits$}M")
}

/// `1 worker`, `3 workers`.
pub(super) fn workers(count: u64) -> String {
    format!("{count} worker{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_get_coarser_as_they_grow() {
        assert_eq!([0.123, 4.26, 99.9, 3845.0].map(seconds), ["0.12 s", "4.3 s", "99.9 s", "1:04:05"]);
    }

    #[test]
    fn small_amounts_of_memory_have_a_tenth() {
        assert_eq!([7_444_889, 41 << 20, 10 << 20, 9 << 20].map(mebibytes), ["7.1M", "41M", "10M", "9M"]);
    }

    #[test]
    fn value_ends_where_its_error_does() {
        let said =
            |value, error| so_far(&ResultSoFar { name: "x".to_owned(), value, error, elements: 310_000_000 });
        let cases = [
            (1.234_567e-5, Some(4.56e-6), "x 1.23e-5 ± 4.6e-6 of 310 million"),
            (-1.234_567e-7, Some(4.56e-6), "x -1e-7 ± 4.6e-6 of 310 million"),
            (3.217_592_65, Some(0.000_123), "x 3.21759 ± 0.00012 of 310 million"),
            (0.099_96, Some(0.001), "x 0.1000 ± 0.0010 of 310 million"),
            (123_456.7, Some(999.6), "x 123457 ± 1000 of 310 million"),
            (1.234_567e20, Some(1e17), "x 1.2346e20 ± 1.0e17 of 310 million"),
            (0.0, Some(2e-9), "x 0e0 ± 2.0e-9 of 310 million"),
            (2.5, Some(0.0), "x 2.5 ± 0 of 310 million"),
            (0.100_012_3, None, "x 0.1 of 310 million"),
            (-1.234_56e-9, None, "x -1.235e-9 of 310 million"),
        ];
        cases.iter().for_each(|(value, error, expected)| assert_eq!(said(*value, *error), *expected));
    }

    #[test]
    fn counts_are_said_in_words() {
        assert_eq!([950.0, 1.23e6, 8e8, 8e9].map(count), ["950", "1.2 million", "800 million", "8 billion"]);
    }
}
