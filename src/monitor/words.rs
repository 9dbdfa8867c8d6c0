//! Numbers as people read them.

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
    fn counts_are_said_in_words() {
        assert_eq!([950.0, 1.23e6, 8e8, 8e9].map(count), ["950", "1.2 million", "800 million", "8 billion"]);
    }
}
