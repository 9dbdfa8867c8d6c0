//! What a worker may say in words: it is kept in memory, in logs and in messages, so it is cut to a length.

use crate::protocol::{FromWorker, Registration};

/// Bytes of a host's name; DNS has no longer ones.
const HOST: usize = 255;
/// Bytes of the name of a form of the kernels.
const KERNEL: usize = 32;
/// Leases that a worker comes back with; it is given two at a time.
const HOLDS: usize = 64;
/// Bytes of a reason.
const CAUSE: usize = 4096;

impl FromWorker {
    /// The same with its words cut to the lengths that anyone needs.
    pub fn tamed(mut self) -> FromWorker {
        match &mut self {
            FromWorker::Register(Registration { host, kernel, holds, .. }) => {
                holds.truncate(HOLDS);
                holds.shrink_to_fit();
                cut(host, HOST);
                cut(kernel, KERNEL);
            }
            FromWorker::Drain { cause } | FromWorker::Failed { cause, .. } => cut(cause, CAUSE),
            FromWorker::Heartbeat { .. } | FromWorker::Answer { .. } | FromWorker::Leave => {}
        }
        self
    }
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
        };
        let FromWorker::Register(tamed) = FromWorker::Register(registration).tamed() else { panic!() };
        assert_eq!(tamed.holds, [1; HOLDS]);
        assert!(tamed.host.capacity() < 300 && tamed.kernel.capacity() < 50);
    }
}
