//! What a worker may say in words: it is kept in memory, in logs and in messages, so it is cut to a length.

use crate::protocol::{Findings, FromWorker, Registration};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// Bytes of a host's name; DNS has no longer ones.
const HOST: usize = 255;
/// Bytes of the name of a form of the kernels.
const KERNEL: usize = 32;
/// Leases that a worker comes back with; it is given two at a time.
const HOLDS: usize = 64;
/// Lines of each kind that a worker may have found: more are refused before they are made.
const FINDINGS: usize = 32;
/// Bytes of such a line.
const FINDING: usize = 512;
/// Bytes of a reason.
const CAUSE: usize = 4096;

impl FromWorker {
    /// The same with its words cut to the lengths that anyone needs.
    pub fn tamed(mut self) -> FromWorker {
        match &mut self {
            FromWorker::Register(Registration { host, kernel, holds, findings, .. }) => {
                holds.truncate(HOLDS);
                holds.shrink_to_fit();
                cut(host, HOST);
                cut(kernel, KERNEL);
                let Findings { found, warnings, .. } = findings;
                found.iter_mut().chain(warnings).for_each(|line| cut(line, FINDING));
            }
            FromWorker::Drain { cause } | FromWorker::Failed { cause, .. } => cut(cause, CAUSE),
            FromWorker::Heartbeat { .. } | FromWorker::Answer { .. } | FromWorker::Leave => {}
        }
        self
    }
}

/// Reads the lines of what a worker has found; each takes more memory than it has bytes, so they are counted.
pub(super) fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Lines;
    impl<'de> Visitor<'de> for Lines {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{FINDINGS} lines at the most")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<String>, A::Error> {
            let mut lines = Vec::new();
            while let Some(line) = sequence.next_element()? {
                if lines.len() == FINDINGS {
                    return Err(A::Error::custom("a worker that has found too much"));
                }
                lines.push(line);
            }
            Ok(lines)
        }
    }
    deserializer.deserialize_seq(Lines)
}

fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push_str(" ...");
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn words_are_cut_between_characters_and_short_ones_stay() {
        let cause = "\u{e5}".repeat(1 << 20);
        let FromWorker::Failed { cause, .. } =
            (FromWorker::Failed { lease: None, cause, defect: false }).tamed()
        else {
            panic!()
        };
        assert_eq!(cause, "\u{e5}".repeat(CAUSE / 2) + " ...");
        let short = FromWorker::Drain { cause: "signal TERM".to_owned() };
        assert_eq!(short.clone().tamed(), short);
        let (host, kernel) = ("h".repeat(4 << 20), "k".repeat(4 << 20));
        let registration = Registration {
            host,
            process: 1,
            job: None,
            threads: 1,
            kernel,
            age_milliseconds: 1,
            milliseconds_left: None,
            session: 0,
            holds: vec![1; 500_000],
            findings: Findings {
                found: Vec::new(),
                warnings: vec!["w".repeat(1 << 20); 2],
                clock_milliseconds: 1,
            },
        };
        let FromWorker::Register(tamed) = FromWorker::Register(registration).tamed() else { panic!() };
        assert_eq!(tamed.holds, [1; HOLDS]);
        let warnings = &tamed.findings.warnings;
        assert!(warnings.iter().all(|line| line.capacity() < 2 * FINDING));
        assert!(tamed.host.capacity() < 300 && tamed.kernel.capacity() < 50);
    }

    #[test]
    fn lines_are_counted_while_they_are_read() {
        let findings = |count| Findings { found: vec![String::new(); count], ..Findings::default() };
        let read = |findings: &Findings| {
            codec::decode::<Findings>(&codec::encode(findings, 1 << 20).expect("small"), 1 << 20)
        };
        assert_eq!(read(&findings(FINDINGS)).expect("as many as may be"), findings(FINDINGS));
        assert!(read(&findings(FINDINGS + 1)).is_err() && read(&findings(500_000)).is_err());
    }
}
