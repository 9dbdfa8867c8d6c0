//! Why a worker is gone: what Slurm or the system, the connection, the log and the worker's own figures say together.
//!
//! The states and exit codes of Slurm are those of squeue(1) and sbatch(1); 0:53 is what a job ends with whose output
//! file could not be opened. Sites report a job that was killed for its memory in one of two ways: those with control groups
//! as `OUT_OF_MEMORY`, or exit code 0:125; the others as killed by signal 9, with a line in its log.

use crate::error::Error;
use crate::launch::{Exit, Reason, State};
use crate::units::Memory;
use std::fmt;
use std::time::Duration;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disconnect {
    /// The other side closed it.
    Closed,
    /// It broke, for this reason.
    Broken(String),
    /// Nothing was heard for so long.
    Silent(Duration),
}

/// What a worker last said of its memory, and what it was allowed, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MemoryUse {
    pub(super) peak: u64,
    pub(super) allowed: Option<u64>,
}

/// Why a worker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was dismissed: there was nothing left to do.
    Finished,
    /// Someone asked it to end, and it handed in what it had.
    Drained(String),
    /// Its job's time limit, or its deadline.
    Walltime,
    /// It left before that, in order.
    WalltimeIsNear,
    Preempted,
    /// By someone else than this driver.
    Cancelled,
    OutOfMemory(MemoryUse),
    NodeFailure,
    /// By this signal.
    Crashed(i32),
    /// The CPU cannot run the program.
    IllegalInstruction,
    /// The node lacks a library that the program needs, or has an older one.
    MissingLibrary,
    /// Its log could not be written.
    NoLog,
    /// It ended by itself with this exit code.
    Exited(i32),
    /// It took this driver for gone.
    LostDriver,
    /// Its job waits, and cannot start for this reason.
    NeverStarts(Reason),
    /// The connection, and nothing else is known.
    Network(Disconnect),
    /// The system's own words.
    Unknown(String),
}

/// What the program's own exit codes say: it could not reach its driver any more.
const LOST_ITS_DRIVER: i32 = 4;
/// With control groups Slurm reports this in place of a signal.
const OUT_OF_MEMORY: i32 = 125;
/// What Slurm reports in place of a signal where it could not open the job's output.
const NO_OUTPUT: i32 = 53;
const KILL: i32 = 9;
const ILLEGAL: i32 = 4;

impl Cause {
    /// Why the worker is gone that the launcher says has ended.
    pub(super) fn of(state: &State, memory: MemoryUse) -> Cause {
        match state.word.as_str() {
            "TIMEOUT" | "DEADLINE" => Cause::Walltime,
            "PREEMPTED" => Cause::Preempted,
            "CANCELLED" => Cause::Cancelled,
            "NODE_FAIL" | "BOOT_FAIL" => Cause::NodeFailure,
            "OUT_OF_MEMORY" => Cause::OutOfMemory(memory),
            // Of a job that has ended in another way this is not the last word.
            "PENDING" => Cause::NeverStarts(Reason::new(&state.reason)),
            word => state.exit.map_or_else(
                || Cause::Unknown(word.to_owned()),
                |exit| Cause::of_exit(exit, &state.log, memory),
            ),
        }
    }

    fn of_exit(exit: Exit, log: &str, memory: MemoryUse) -> Cause {
        let told = |words: &[&str]| words.iter().any(|word| log.contains(word));
        let killed =
            |signal| signal == KILL && (told(&["memory limit", "oom-kill", "oom_kill"]) || memory.is_near());
        match exit {
            Exit::Signal(OUT_OF_MEMORY) => Cause::OutOfMemory(memory),
            Exit::Signal(NO_OUTPUT) => Cause::NoLog,
            Exit::Signal(ILLEGAL) => Cause::IllegalInstruction,
            Exit::Signal(signal) if killed(signal) => Cause::OutOfMemory(memory),
            Exit::Signal(signal) => Cause::Crashed(signal),
            Exit::Code(_) if told(&["GLIBC", "error while loading shared libraries"]) => {
                Cause::MissingLibrary
            }
            Exit::Code(LOST_ITS_DRIVER) => Cause::LostDriver,
            // A shell between Slurm and the worker says signals in this way.
            Exit::Code(code @ 129..=192) => Cause::of_exit(Exit::Signal(code - 128), log, memory),
            Exit::Code(code) => Cause::Exited(code),
        }
    }

    /// Whether what it computed may be what ended it.
    pub(super) fn blames_the_work(&self) -> bool {
        matches!(self, Cause::OutOfMemory(_) | Cause::Crashed(_) | Cause::Exited(1..))
    }

    /// Adds to a failure that has the system's own words what these do not say, and what a person can do.
    pub(super) fn explain(&self, error: Error) -> Error {
        match self {
            Cause::OutOfMemory(_)
            | Cause::IllegalInstruction
            | Cause::MissingLibrary
            | Cause::NoLog
            | Cause::WalltimeIsNear
            | Cause::LostDriver => self.advise(error.cause(self.to_string())),
            _ => self.advise(error),
        }
    }

    /// Adds what a person can do about it.
    pub(super) fn advise(&self, error: Error) -> Error {
        match self.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Cause::OutOfMemory(_) => "give each worker more with cluster.memory",
            Cause::IllegalInstruction => {
                "the program was built for another CPU: build it on the oldest nodes, or set slurm.constraint"
            }
            Cause::MissingLibrary => {
                "build the program where its oldest nodes are, or statically, and set cluster.program to it"
            }
            Cause::NoLog => "set slurm.log_directory to a directory that the nodes can write to",
            Cause::LostDriver => {
                "something stopped the driver, or held up its node, for longer than cluster.death_timeout"
            }
            Cause::Walltime | Cause::WalltimeIsNear => {
                "`squall resume` goes on; cluster.walltime says how long a worker may run"
            }
            Cause::NeverStarts(reason) => return reason.hint(),
            _ => return None,
        })
    }
}

impl MemoryUse {
    /// Whether so little was left that the next page may have been too much.
    fn is_near(self) -> bool {
        self.allowed.is_some_and(|allowed| self.peak >= allowed / 10 * 9)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Finished => write!(f, "there was nothing left to do"),
            Cause::Drained(by) => write!(f, "it was asked to end: {by}"),
            Cause::Walltime => write!(f, "its time limit was reached"),
            Cause::WalltimeIsNear => write!(f, "its walltime is near, and it left in order"),
            Cause::Preempted => write!(f, "it was preempted by another job"),
            Cause::Cancelled => write!(f, "its job was cancelled by someone else"),
            Cause::OutOfMemory(memory) => write!(f, "it was killed for its memory: {memory}"),
            Cause::NodeFailure => write!(f, "its node failed"),
            Cause::Crashed(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(f, "it was killed by signal {signal}, {name}"),
                Err(_) => write!(f, "it was killed by signal {signal}"),
            },
            Cause::IllegalInstruction => write!(f, "its CPU does not know an instruction of the program"),
            Cause::MissingLibrary => write!(f, "the program's libraries are not on its node"),
            Cause::NoLog => write!(f, "its log could not be written"),
            Cause::Exited(code) => write!(f, "it ended with exit code {code}"),
            Cause::LostDriver => write!(f, "it had not heard of the driver for too long"),
            Cause::NeverStarts(reason) => write!(f, "Slurm cannot start its job: {reason}"),
            Cause::Network(how) => how.fmt(f),
            Cause::Unknown(word) => write!(f, "nothing is known but {word}"),
        }
    }
}

impl fmt::Display for MemoryUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.peak.next_multiple_of(1 << 20);
        write!(f, "it last said that it had used {}", Memory::from_bytes(whole))?;
        match self.allowed {
            Some(allowed) => write!(f, " of the {} allowed", Memory::from_bytes(allowed)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disconnect::Closed => write!(f, "it closed the connection"),
            Disconnect::Broken(why) => write!(f, "its connection broke: {why}"),
            Disconnect::Silent(silence) => write!(f, "it has been silent for {} s", silence.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::{Key, Phase};

    fn cause(word: &str, exit: Option<Exit>, log: &str, peak: u64) -> Cause {
        let (key, word, log) = (Key("12_3".to_owned()), word.to_owned(), log.to_owned());
        let state = State { key, phase: Phase::Ended, word, reason: String::new(), exit, log };
        Cause::of(&state, MemoryUse { peak: peak << 20, allowed: Some(500 << 20) })
    }

    #[test]
    fn states_of_slurm_say_why_a_worker_is_gone() {
        let words = ["TIMEOUT", "PREEMPTED", "CANCELLED", "NODE_FAIL", "UNKNOWN", "OUT_OF_MEMORY"];
        let causes = words.map(|word| cause(word, None, "", 480));
        let blamed: Vec<bool> = causes.iter().map(Cause::blames_the_work).collect();
        assert_eq!(blamed, [false, false, false, false, false, true]);
        let said: Vec<String> = causes.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        its time limit was reached
        it was preempted by another job
        its job was cancelled by someone else
        its node failed
        nothing is known but UNKNOWN
        it was killed for its memory: it last said that it had used 480M of the 500M allowed
        ");
    }

    #[test]
    fn both_ways_in_which_sites_report_a_kill_for_memory_are_understood() {
        let is_memory = |cause| matches!(cause, Cause::OutOfMemory(_));
        assert!(is_memory(cause("OUT_OF_MEMORY", Some(Exit::Signal(125)), "", 3)));
        assert!(is_memory(cause("FAILED", Some(Exit::Signal(125)), "", 3)));
        let log = "slurmstepd: error: Exceeded job memory limit at some point.";
        assert!(is_memory(cause("FAILED", Some(Exit::Signal(9)), log, 3)));
        assert!(is_memory(cause("FAILED", Some(Exit::Signal(9)), "", 470)), "it was about to");
        assert!(is_memory(cause("exit status: 137", Some(Exit::Code(137)), "", 470)), "a shell says so");
        for log in ["", "there is room for oomph"] {
            assert_eq!(
                cause("FAILED", Some(Exit::Signal(9)), log, 3),
                Cause::Crashed(9),
                "someone killed it"
            );
        }
    }

    #[test]
    fn exit_codes_and_logs_say_why_a_worker_is_gone() {
        let of = |exit, log: &str| cause("FAILED", Some(exit), log, 3);
        assert_eq!(of(Exit::Signal(53), ""), Cause::NoLog);
        assert_eq!(of(Exit::Signal(11), ""), Cause::Crashed(11));
        assert_eq!(of(Exit::Signal(4), ""), Cause::IllegalInstruction);
        assert_eq!(of(Exit::Code(132), ""), Cause::IllegalInstruction);
        let glibc = "./squall: /lib64/libc.so.6: version `GLIBC_2.34' not found (required by ./squall)";
        assert_eq!(of(Exit::Code(1), glibc), Cause::MissingLibrary);
        assert_eq!(of(Exit::Code(4), ""), Cause::LostDriver);
        assert_eq!(of(Exit::Code(1), ""), Cause::Exited(1));
        assert!(of(Exit::Code(1), "").blames_the_work() && of(Exit::Signal(11), "").blames_the_work());
        assert!(!of(Exit::Signal(53), "").blames_the_work() && !of(Exit::Code(0), "").blames_the_work());
    }
}
