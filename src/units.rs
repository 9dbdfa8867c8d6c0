//! Slurm's sizes and times: [`Memory`] and [`Walltime`], read and written as `sbatch` reads them.
//!
//! Powers of 1024, whole minutes, and nothing else: no decimals, no decimal gigabytes, no hidden default.
//! A value that Slurm would take for "all there is" (`0`) is refused here, since nobody means it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Error;

const KIBIBYTE: u64 = 1 << 10;
const MEBIBYTE: u64 = 1 << 20;
const MEMORY_FORMS: &str = "write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)";
const WALLTIME_FORMS: &str = "write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00";

/// An amount of memory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Memory(u64);

impl Memory {
    /// That many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Memory(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of whole mebibytes that hold it: the unit Slurm itself counts in.
    pub const fn mebibytes_rounded_up(self) -> u64 {
        self.0.div_ceil(MEBIBYTE)
    }
}

impl fmt::Display for Memory {
    /// The shortest form that Slurm reads: `2G`, `1536M`. Bytes below a kibibyte are rounded up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut count = self.0.div_ceil(KIBIBYTE);
        let mut unit = 0;
        while count != 0 && count.is_multiple_of(1024) && unit < 3 {
            count /= 1024;
            unit += 1;
        }
        write!(f, "{count}{}", ["K", "M", "G", "T"][unit])
    }
}

impl FromStr for Memory {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_memory(text).map_err(Complaint::into_error)
    }
}

fn parse_memory(text: &str) -> Result<Memory, Complaint> {
    let complain = |cause: String| Complaint::new("memory", text, cause, MEMORY_FORMS);
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    if unit.starts_with(['.', ',']) && digits > 0 {
        return Err(complain("Slurm reads no decimals: 1.5G is 1536M".into()));
    }
    if number.is_empty() {
        return Err(complain("it does not begin with a number".into()));
    }
    let factor = match unit.to_ascii_uppercase().as_str() {
        "K" | "KB" => KIBIBYTE,
        "" | "M" | "MB" => MEBIBYTE,
        "G" | "GB" => MEBIBYTE << 10,
        "T" | "TB" => MEBIBYTE << 20,
        _ => return Err(complain(format!("unknown unit `{unit}`"))),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match bytes {
        None => Err(complain("it is more than 64 bits can count in bytes".into())),
        Some(0) => Err(complain("to Slurm, 0 means all the memory of a node".into())),
        Some(bytes) => Ok(Memory(bytes)),
    }
}

/// A time limit in Slurm's resolution: whole minutes, rounded up, or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Walltime(Limit);

// The order of the variants is the order of the values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Limit {
    Minutes(u32),
    Unlimited,
}

/// The largest number that Slurm does not give a meaning of its own.
const MOST_MINUTES: u64 = 0xffff_fffd;

impl Walltime {
    /// No limit but the partition's.
    pub const UNLIMITED: Walltime = Walltime(Limit::Unlimited);

    /// The limit in seconds; `None` where there is none.
    pub fn seconds(self) -> Option<u64> {
        match self.0 {
            Limit::Minutes(minutes) => Some(u64::from(minutes) * 60),
            Limit::Unlimited => None,
        }
    }
}

impl fmt::Display for Walltime {
    /// `00:05:00`, `1-02:03:00` or `UNLIMITED`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit::Minutes(minutes) = self.0 else {
            return f.write_str("UNLIMITED");
        };
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        if days > 0 {
            write!(f, "{days}-")?;
        }
        write!(f, "{hours:02}:{minutes:02}:00")
    }
}

impl FromStr for Walltime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_walltime(text).map_err(Complaint::into_error)
    }
}

fn parse_walltime(text: &str) -> Result<Walltime, Complaint> {
    let complain = |cause: &str| Complaint::new("walltime", text, cause.into(), WALLTIME_FORMS);
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("UNLIMITED") || trimmed.eq_ignore_ascii_case("INFINITE") {
        return Ok(Walltime::UNLIMITED);
    }
    let (days, rest) = match trimmed.split_once('-') {
        Some((days, rest)) => (Some(days), rest),
        None => (None, trimmed),
    };
    let mut fields = Vec::new();
    for field in days.into_iter().chain(rest.split(':')) {
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(complain("it is in none of Slurm's formats"));
        }
        fields.push(field.parse::<u64>().map_err(|_| complain("it is longer than Slurm can count"))?);
    }
    let [days, hours, minutes, seconds] = match (days.is_some(), fields.as_slice()) {
        (true, &[days, hours]) => [days, hours, 0, 0],
        (true, &[days, hours, minutes]) => [days, hours, minutes, 0],
        (true, &[days, hours, minutes, seconds]) => [days, hours, minutes, seconds],
        (false, &[minutes]) => [0, 0, minutes, 0],
        (false, &[minutes, seconds]) => [0, 0, minutes, seconds],
        (false, &[hours, minutes, seconds]) => [0, hours, minutes, seconds],
        _ => return Err(complain("it is in none of Slurm's formats")),
    };
    let total = days
        .checked_mul(1440)
        .and_then(|total| total.checked_add(hours.checked_mul(60)?))
        .and_then(|total| total.checked_add(minutes))
        .and_then(|total| total.checked_add(seconds.div_ceil(60)))
        .filter(|&total| total <= MOST_MINUTES)
        .and_then(|total| u32::try_from(total).ok());
    match total {
        None => Err(complain("it is longer than Slurm can count")),
        Some(0) => Err(complain("to Slurm, 0 means no time limit: write UNLIMITED if that is meant")),
        Some(minutes) => Ok(Walltime(Limit::Minutes(minutes))),
    }
}

/// Why a text was refused, before it is known whether an error of its own or one inside a file's is needed.
struct Complaint {
    what: String,
    cause: String,
    forms: &'static str,
}

impl Complaint {
    fn new(noun: &str, text: &str, cause: String, forms: &'static str) -> Self {
        Complaint { what: format!("invalid {noun} `{text}`"), cause, forms }
    }

    fn into_error(self) -> Error {
        Error::refused(self.what).cause(self.cause).hint(self.forms)
    }

    fn into_line(self) -> String {
        format!("{}: {}; {}", self.what, self.cause, self.forms)
    }
}

// Files for people hold the text; binary encodings, which do not describe themselves, hold the number.

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl Serialize for Walltime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        match self.0 {
            Limit::Minutes(minutes) => Some(minutes).serialize(serializer),
            Limit::Unlimited => None::<u32>.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Memory);
        }
        deserializer.deserialize_any(TextOrNumber {
            expected: "memory as Slurm writes it, such as \"2G\", or a whole number of MiB",
            parse: parse_memory,
        })
    }
}

impl<'de> Deserialize<'de> for Walltime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let minutes = Option::<u32>::deserialize(deserializer)?;
            return Ok(minutes.map_or(Walltime::UNLIMITED, |minutes| Walltime(Limit::Minutes(minutes))));
        }
        deserializer.deserialize_any(TextOrNumber {
            expected: "a walltime in quotes, such as \"00:05:00\", or a whole number of minutes",
            parse: parse_walltime,
        })
    }
}

/// Reads either quantity from a string, or from an integer as Slurm reads a bare number.
struct TextOrNumber<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, Complaint>,
}

impl<T> de::Visitor<'_> for TextOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(|complaint| E::custom(complaint.into_line()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(text: &str) -> Result<u64, String> {
        text.parse::<Memory>().map(Memory::bytes).map_err(|error| error.to_string())
    }

    fn walltime(text: &str) -> String {
        text.parse::<Walltime>().map_or_else(|error| error.to_string(), |walltime| walltime.to_string())
    }

    #[test]
    fn memory_is_read_as_slurm_reads_it() {
        for (text, mebibytes) in
            [("1", 1), ("512", 512), ("2G", 2048), ("2GB", 2048), ("2g", 2048), ("1024K", 1), (" 3M ", 3)]
        {
            assert_eq!(memory(text), Ok(mebibytes * MEBIBYTE), "{text}");
        }
        assert_eq!(memory("1T"), Ok(1 << 40));
        assert_eq!(memory("512K"), Ok(512 << 10));
    }

    #[test]
    fn memory_is_shown_in_the_shortest_form() {
        let shown = |bytes| Memory::from_bytes(bytes).to_string();
        let figures = [2 << 30, 1536 << 20, 1 << 40, 1 << 50, 512 << 10, 1, 0, u64::MAX];
        assert_eq!(
            figures.map(shown),
            ["2G", "1536M", "1T", "1024T", "512K", "1K", "0K", "16777216T"].map(String::from)
        );
        assert_eq!(Memory::from_bytes((2 << 30) + 1).mebibytes_rounded_up(), 2049);
    }

    #[test]
    fn refused_memory_says_why_and_shows_the_forms() {
        let texts =
            ["2Q", "1.5G", "", "G", "-5G", "0", "2 G", "2GiB", "17179869184G", "99999999999999999999"];
        let refusals: Vec<String> = texts.iter().map(|text| memory(text).unwrap_err()).collect();
        insta::assert_snapshot!(refusals.join("\n"), @"
        error: invalid memory `2Q`
        cause: unknown unit `Q`
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `1.5G`
        cause: Slurm reads no decimals: 1.5G is 1536M
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory ``
        cause: it does not begin with a number
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `G`
        cause: it does not begin with a number
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `-5G`
        cause: it does not begin with a number
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `0`
        cause: to Slurm, 0 means all the memory of a node
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `2 G`
        cause: unknown unit ` G`
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `2GiB`
        cause: unknown unit `GiB`
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `17179869184G`
        cause: it is more than 64 bits can count in bytes
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        error: invalid memory `99999999999999999999`
        cause: it is more than 64 bits can count in bytes
        hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
        ");
    }

    #[test]
    fn every_format_of_slurm_is_a_walltime_in_whole_minutes() {
        let texts = [
            "5",
            "5:00",
            "00:05:00",
            "4:01",
            "0:01",
            "90:90",
            "100:00:00",
            "1-2",
            "1-2:3",
            "1-02:03:00",
            "0-0:0:1",
            "unlimited",
            "INFINITE",
            "4294967293",
        ];
        let shown: Vec<String> = texts.iter().map(|text| format!("{text} = {}", walltime(text))).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        5 = 00:05:00
        5:00 = 00:05:00
        00:05:00 = 00:05:00
        4:01 = 00:05:00
        0:01 = 00:01:00
        90:90 = 01:32:00
        100:00:00 = 4-04:00:00
        1-2 = 1-02:00:00
        1-2:3 = 1-02:03:00
        1-02:03:00 = 1-02:03:00
        0-0:0:1 = 00:01:00
        unlimited = UNLIMITED
        INFINITE = UNLIMITED
        4294967293 = 2982616-04:13:00
        ");
        assert_eq!("1-0".parse::<Walltime>().unwrap().seconds(), Some(86_400));
        assert_eq!(Walltime::UNLIMITED.seconds(), None);
    }

    #[test]
    fn refused_walltimes_say_why_and_show_the_forms() {
        let texts =
            ["0", "0:00", "5 min", "1h", "", "1-", "1:2:3:4", "1-1-1", "-5", "4294967294", "999999999999-0"];
        let refusals: Vec<String> = texts.iter().map(|text| walltime(text)).collect();
        insta::assert_snapshot!(refusals.join("\n"), @"
        error: invalid walltime `0`
        cause: to Slurm, 0 means no time limit: write UNLIMITED if that is meant
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `0:00`
        cause: to Slurm, 0 means no time limit: write UNLIMITED if that is meant
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `5 min`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `1h`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime ``
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `1-`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `1:2:3:4`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `1-1-1`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `-5`
        cause: it is in none of Slurm's formats
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `4294967294`
        cause: it is longer than Slurm can count
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        error: invalid walltime `999999999999-0`
        cause: it is longer than Slurm can count
        hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00
        ");
    }

    #[test]
    fn no_limit_is_longer_than_any_limit() {
        assert!("4294967293".parse::<Walltime>().unwrap() < Walltime::UNLIMITED);
        assert!("2".parse::<Walltime>().unwrap() < "1:0:0".parse::<Walltime>().unwrap());
    }

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Both {
        memory: Memory,
        walltime: Walltime,
    }

    #[test]
    fn bare_integers_in_files_are_mebibytes_and_minutes() {
        let both: Both = toml::from_str("memory = 2048\nwalltime = 5").unwrap();
        let same: Both = toml::from_str("memory = '2G'\nwalltime = '00:05:00'").unwrap();
        assert_eq!(both, same);
        assert_eq!(toml::to_string(&both).unwrap(), "memory = \"2G\"\nwalltime = \"00:05:00\"\n");
    }

    #[test]
    fn an_unquoted_time_in_a_file_is_refused_with_the_quoted_form() {
        let error = toml::from_str::<Both>("memory = '2Q'\nwalltime = 5").unwrap_err();
        insta::assert_snapshot!(error.message(), @"invalid memory `2Q`: unknown unit `Q`; write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)");
        let error = toml::from_str::<Both>("memory = '2G'\nwalltime = 00:05:00").unwrap_err();
        insta::assert_snapshot!(error.message(), @r#"invalid type: map, expected a walltime in quotes, such as "00:05:00", or a whole number of minutes"#);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_as_the_same(kibibytes in 1u64..1 << 54, minutes in 1u32..=0xffff_fffd) {
            let memory = Memory(kibibytes * 1024);
            prop_assert_eq!(memory.to_string().parse::<Memory>().unwrap(), memory);
            let walltime = Walltime(Limit::Minutes(minutes));
            prop_assert_eq!(walltime.to_string().parse::<Walltime>().unwrap(), walltime);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", digits in "[0-9:KMGTB.-]{0,12}") {
            for text in [text, digits] {
                let _ = (text.parse::<Memory>(), text.parse::<Walltime>());
            }
        }
    }
}
