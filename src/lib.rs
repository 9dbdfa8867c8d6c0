//! Chunked-array computing on Slurm.
//!
//! squall computes reductions of arrays far larger than memory, in chunks, on threads, local processes or
//! Slurm jobs, and returns the exact result: the same bits for any chunking and any number of workers.
//! `docs/architecture.md` is the map of the rooms below, and a test holds them to it.

pub mod array;
#[doc(hidden)]
pub mod cli;
pub mod cluster;
#[doc(hidden)]
pub mod codec;
#[doc(hidden)]
pub mod driver;
pub mod error;
pub mod event;
#[doc(hidden)]
pub mod execute;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod launch;
#[doc(hidden)]
pub mod monitor;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod protocol;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod scheduler;
#[doc(hidden)]
pub mod settings;
#[doc(hidden)]
pub mod slurm;
#[doc(hidden)]
pub mod units;
#[doc(hidden)]
pub mod worker;

pub use error::{Error, ErrorKind, Result};
