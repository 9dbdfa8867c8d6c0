//! Tables and figures as people read them, and JSON that is safe on a terminal.

use crate::error::printable;
use serde::Serialize;
use std::time::SystemTime;

/// Rows below their headers, in columns as wide as they need to be.
pub(super) fn table<const N: usize>(headers: [&str; N], rows: &[[String; N]]) -> String {
    let shown = |cell: &String| printable(cell).replace(['\n', '\t'], " ");
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(shown)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headers[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in std::iter::once(&headers.map(str::to_owned)).chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value as JSON, with everything written out that could steer a terminal.
pub(super) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data is written without fail");
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        // Line breaks stand between values alone: within them they are written out already.
        let steers = printable(character.encode_utf8(&mut [0; 4])).len() != character.len_utf8();
        match steers {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => safe.push(character),
        }
    }
    safe.push('\n');
    safe
}

/// Text of which no more than so many characters are shown, in one line.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
}

/// A share: `7.3 %`, `43 %`. What is not all is never `100 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        all if all >= 100.0 => "100 %".to_owned(),
        most if most >= 10.0 => format!("{:.0} %", most.floor()),
        few => format!("{few:.1} %"),
    }
}

/// How long ago something was: `12 s ago`, `5 min ago`, `3 h ago`, `4 days ago`.
pub(super) fn ago(moment: SystemTime) -> String {
    // Clocks of file servers differ.
    let seconds = SystemTime::now().duration_since(moment).map_or(0, |elapsed| elapsed.as_secs());
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A moment as `2026-11-23T20:44:19Z`.
pub(super) fn utc(moment: SystemTime) -> String {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(day);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// Year, month and day of a day since 1970. Years are counted from March, so that the day of a leap year is its last.
fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |seconds| utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400 + 86_399), "2000-02-29T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(at(1_795_466_659), "2026-11-23T20:44:19Z");
    }

    #[test]
    fn nothing_that_strangers_wrote_steers_a_terminal() {
        let hostile = "\u{1b}[2J\u{9b}31m\u{202e}\r\nå";
        let texts = [table(["A"], &[[hostile.to_owned()]]), json(&[hostile])];
        for text in &texts {
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{text:?}");
        }
        assert_eq!(serde_json::from_str::<[String; 1]>(&texts[1]).expect("JSON"), [hostile]);
        assert_eq!(texts[0].lines().count(), 2, "a cell is one line");
    }

    #[test]
    fn what_is_not_all_is_not_a_hundred_percent() {
        assert_eq!(
            [0.0, 0.0734, 0.436, 0.999_99, 1.0].map(percent),
            ["0.0 %", "7.3 %", "43 %", "99 %", "100 %"]
        );
        assert_eq!(cut("a  long\nline of words", 12), "a long li...");
    }
}
