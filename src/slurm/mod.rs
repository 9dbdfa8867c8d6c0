//! Slurm's vocabulary: job scripts, `sbatch`, `squeue`, `scancel`, states and reasons, environment hygiene.
//!
//! Everything that reads Slurm's words is a pure function with its tests beside it; [`Commands`] is the one
//! place that runs a command, never through a shell. What to submit and when to ask is decided elsewhere.

mod accounting;
mod arguments;
mod check;
mod clusters;
mod commands;
mod end;
mod environment;
mod exit;
mod forecast;
mod job;
mod lint;
mod partition;
mod queue;
mod script;
mod site;
mod specification;
mod submission;

pub use accounting::Ended;
pub use arguments::{janitor_arguments, janitor_script, sbatch_arguments};
pub use check::{Checked, SiteLimits};
pub use commands::Commands;
pub use end::{plannable, time_left};
pub use environment::{Allocation, in_path, on_login_node, scrub};
pub use forecast::Forecast;
pub use job::{Exit, JobId, JobIdentity, JobRecord, JobState, Reason};
pub use lint::lint;
pub use partition::Partition;
pub use queue::{QueueRow, lay_out, parse_records, parse_rows, parse_time_left};
pub use script::{WORKER_TEMPLATE, render};
pub use site::{MemoryLimit, Site};
pub use specification::{JobCommand, JobSpecification, MemoryOption, SubmitStyle};
pub use submission::{SubmitError, Submitted, judge};
