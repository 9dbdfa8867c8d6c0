//! Slurm's names for jobs: ids, states, reasons, and one record of its queue.
//!
//! States and reasons are open sets: sites and releases add to them, so what is not known here is kept in
//! Slurm's own words and treated as "still there".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number Slurm gave a job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(JobId)
    }
}

/// What a job is called for as long as it lives: `124`, or `124_3` for an element of an array.
///
/// The job id of an array's element changes when it starts; the array's id and the index do not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct JobIdentity {
    /// The id that `sbatch` printed.
    pub job_id: JobId,
    /// The index in the array; `None` for a plain job, or for an array as a whole.
    pub array_index: Option<u32>,
}

impl fmt::Display for JobIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array_index {
            Some(index) => write!(f, "{}_{index}", self.job_id),
            None => self.job_id.fmt(f),
        }
    }
}

impl From<JobId> for JobIdentity {
    fn from(job_id: JobId) -> Self {
        JobIdentity { job_id, array_index: None }
    }
}

/// How a job's process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal; Slurm has numbers of its own here for ends that were none.
    Signal(i32),
}

/// One line of Slurm's queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRecord {
    /// The job's present id; for an array's element it changes when the element starts.
    pub job_id: JobId,
    /// The id that `sbatch` printed; for a plain job, its only id.
    pub array_job_id: JobId,
    /// The index in the array. `None` for a plain job, and for the one record that Slurm keeps of all the
    /// elements cancelled before they started.
    pub array_index: Option<u32>,
    /// What the job is doing.
    pub state: JobState,
    /// Why it is in that state, above all why it waits, in Slurm's words; [`Reason`] judges them.
    pub reason: String,
    /// Slurm's node list, empty before the start.
    pub nodes: String,
    /// When it started or is expected to, in the controller's local time and Slurm's words.
    pub start_time: Option<String>,
    /// The job's name.
    pub name: String,
}

impl JobRecord {
    /// What the job is called for as long as it lives.
    pub fn identity(&self) -> JobIdentity {
        JobIdentity { job_id: self.array_job_id, array_index: self.array_index }
    }
}

macro_rules! job_states {
    ($($variant:ident $long:literal $short:literal $phase:ident $doc:literal;)*) => {
        /// What Slurm says a job is doing.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum JobState {
            $(#[doc = $doc] $variant,)*
            /// A state this program does not know, in Slurm's words; taken for alive.
            Other(String),
        }

        impl JobState {
            /// Reads Slurm's long or short form; what it does not know it keeps.
            pub fn parse(text: &str) -> Self {
                // Accounting says `CANCELLED by 1001` and cuts long names with a `+`.
                let word = text.split_whitespace().next().unwrap_or("").trim_end_matches('+');
                match word.to_ascii_uppercase().as_str() {
                    $($long | $short => JobState::$variant,)*
                    _ => JobState::Other(text.trim().to_owned()),
                }
            }

            /// Slurm's long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(JobState::$variant => $long,)*
                    JobState::Other(text) => text,
                }
            }

            fn phase(&self) -> Phase {
                match self {
                    $(JobState::$variant => Phase::$phase,)*
                    JobState::Other(_) => Phase::Alive,
                }
            }
        }

        #[cfg(test)]
        const KNOWN: &[(&str, &str)] = &[$(($long, $short),)*];
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting,
    Alive,
    Final,
}

job_states! {
    Pending "PENDING" "PD" Waiting "Waits for resources, its turn, or a person.";
    Configuring "CONFIGURING" "CF" Waiting "Has nodes, which are being made ready.";
    Requeued "REQUEUED" "RQ" Waiting "Goes back to the queue.";
    RequeueHold "REQUEUE_HOLD" "RH" Waiting "Back in the queue and held.";
    RequeueFederation "REQUEUE_FED" "RF" Waiting "Goes back to the queue of a federation.";
    ReservationDeleted "RESV_DEL_HOLD" "RD" Waiting "Held, since its reservation was deleted.";
    SpecialExit "SPECIAL_EXIT" "SE" Waiting "Back in the queue and held, after an exit that asked for it.";
    Running "RUNNING" "R" Alive "Runs.";
    Suspended "SUSPENDED" "S" Alive "Stopped; its cores are given away.";
    Stopped "STOPPED" "ST" Alive "Stopped; it keeps its cores.";
    Signaling "SIGNALING" "SI" Alive "Is being sent a signal.";
    Resizing "RESIZING" "RS" Alive "Changes its size.";
    StageOut "STAGE_OUT" "SO" Alive "Writes out its files.";
    Completing "COMPLETING" "CG" Alive "Has ended; some processes may still be there.";
    Revoked "REVOKED" "RV" Alive "Runs on another cluster of a federation, under that one's care.";
    Completed "COMPLETED" "CD" Final "Ended with exit code 0.";
    Cancelled "CANCELLED" "CA" Final "Cancelled by its owner or an administrator.";
    Failed "FAILED" "F" Final "Ended with another exit code, or could not be started.";
    Timeout "TIMEOUT" "TO" Final "Ended by its time limit.";
    NodeFail "NODE_FAIL" "NF" Final "Lost with a node.";
    OutOfMemory "OUT_OF_MEMORY" "OOM" Final "Killed for its memory.";
    Deadline "DEADLINE" "DL" Final "Ended by its deadline, mostly before it started.";
    Preempted "PREEMPTED" "PR" Final "Ended in favour of another job.";
    BootFail "BOOT_FAIL" "BF" Final "Its node could not be started.";
    LaunchFailed "LAUNCH_FAILED" "LF" Final "Its processes could not be started.";
}

impl JobState {
    /// It will never run again.
    pub fn is_final(&self) -> bool {
        self.phase() == Phase::Final
    }

    /// It has not started yet.
    pub fn is_waiting(&self) -> bool {
        self.phase() == Phase::Waiting
    }

    /// It has started and may still have processes. Every state is exactly one of the three.
    pub fn is_alive(&self) -> bool {
        self.phase() == Phase::Alive
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why Slurm says a job is in its state, in Slurm's words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reason(String);

impl Reason {
    /// Slurm's word or sentence; `None`, which Slurm prints for a moment after a submission, becomes empty.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        Reason(if matches!(text, "None" | "(null)" | "N/A") { String::new() } else { text.to_owned() })
    }

    /// Slurm's words, empty where it gives no reason.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A pending job with this reason cannot start as it was asked for.
    pub fn is_never(&self) -> bool {
        let limit_of_one_job = (self.0.starts_with("QOS") || self.0.starts_with("Assoc"))
            && (self.0.contains("PerJob") || self.0.contains("PerNode"));
        let named = [
            "PartitionTimeLimit",
            "PartitionNodeLimit",
            "PartitionConfig",
            "BadConstraints",
            "MaxMemPerLimit",
            "AccountNotAllowed",
            "InvalidAccount",
            "InvalidQOS",
            "QOSNotAllowed",
            "QOSTimeLimit",
            "DependencyNeverSatisfied",
        ];
        limit_of_one_job || named.contains(&self.0.as_str())
    }

    /// A pending job with this reason starts only after somebody has done something.
    pub fn needs_a_person(&self) -> bool {
        let named = ["JobHeldUser", "JobHeldAdmin", "PartitionDown", "PartitionInactive"];
        named.contains(&self.0.as_str()) || self.0.contains("requeued held")
    }

    /// What a person can do about a reason that waiting does not cure.
    pub fn hint(&self) -> Option<&'static str> {
        let reason = self.0.as_str();
        let hint = match reason {
            "PartitionTimeLimit" | "QOSTimeLimit" => {
                "lower cluster.walltime, or name a partition with longer jobs in slurm.partition (`sinfo` shows both)"
            }
            "PartitionNodeLimit" | "PartitionConfig" | "BadConstraints" => {
                "no node of the partition fits: lower cluster.cores or cluster.memory, or change slurm.partition or slurm.constraint"
            }
            "InvalidAccount" | "AccountNotAllowed" => {
                "set slurm.account to an account that may use the partition"
            }
            "InvalidQOS" | "QOSNotAllowed" => "set slurm.qos to one that the account may use",
            "PartitionDown" | "PartitionInactive" => {
                "the partition is closed: name another in slurm.partition"
            }
            "JobHeldUser" => "the job is held: `scontrol release JOBID` lets it go",
            "JobHeldAdmin" => "an administrator holds the job: ask the site's support",
            _ if reason.contains("WallDuration") => "lower cluster.walltime, or name another slurm.qos",
            _ if reason.contains("requeued held") => "Slurm could not start the job and holds it: cancel it",
            _ if self.is_never() => {
                "the request is above a limit: lower cluster.cores, cluster.memory or cluster.walltime"
            }
            _ => return None,
        };
        Some(hint)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_in_both_forms_and_is_in_one_phase() {
        for (long, short) in KNOWN {
            let state = JobState::parse(long);
            assert_eq!(JobState::parse(short), state);
            assert_eq!(state.to_string(), *long);
            let phases = [state.is_waiting(), state.is_alive(), state.is_final()];
            assert_eq!(phases.iter().filter(|&&holds| holds).count(), 1, "{long}");
        }
    }

    #[test]
    fn state_with_accounting_decoration_is_recognised() {
        assert_eq!(JobState::parse("CANCELLED by 1001"), JobState::Cancelled);
        assert_eq!(JobState::parse("CANCELLED+"), JobState::Cancelled);
        assert_eq!(JobState::parse("OUT_OF_ME+"), JobState::Other("OUT_OF_ME+".into()));
    }

    #[test]
    fn unknown_state_is_kept_and_taken_for_alive() {
        let state = JobState::parse("POWER_UP_NODE");
        assert_eq!(state.to_string(), "POWER_UP_NODE");
        assert!(state.is_alive());
        assert!(JobState::parse("").is_alive());
    }

    #[test]
    fn reasons_that_waiting_does_not_cure_have_hints() {
        for never in [
            "PartitionTimeLimit",
            "BadConstraints",
            "QOSMaxWallDurationPerJobLimit",
            "AssocMaxCpuPerJobLimit",
        ] {
            let reason = Reason::new(never);
            assert!(reason.is_never() && !reason.needs_a_person() && reason.hint().is_some(), "{never}");
        }
        for person in ["JobHeldUser", "launch failed requeued held", "PartitionDown"] {
            let reason = Reason::new(person);
            assert!(reason.needs_a_person() && !reason.is_never() && reason.hint().is_some(), "{person}");
        }
    }

    #[test]
    fn ordinary_waiting_is_no_reason_to_act() {
        let down =
            "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions";
        for text in
            ["Priority", "Resources", "BeginTime", "QOSMaxJobsPerUserLimit", "Site_Specific", down, ""]
        {
            let reason = Reason::new(text);
            assert!(!reason.is_never() && !reason.needs_a_person() && reason.hint().is_none(), "{text}");
        }
        assert_eq!(Reason::new("None").as_str(), "");
    }
}
