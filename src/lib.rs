//! Chunked-array computing on Slurm.
//!
//! squall computes reductions of arrays far larger than memory, in chunks, on threads, local processes or
//! Slurm jobs, and returns the exact result: the same bits for any chunking and any number of workers.
//! `docs/architecture.md` is the map of the rooms below, and a test holds them to it.

pub mod error;
#[doc(hidden)]
pub mod units;
#[doc(hidden)]
pub mod codec;
pub mod event;
#[doc(hidden)]
pub mod machine;
#[doc(hidden)]
pub mod kernel;
pub mod array;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod draw;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod execute;
#[doc(hidden)]
pub mod scheduler;
#[doc(hidden)]
pub mod protocol;
#[doc(hidden)]
pub mod worker;
#[doc(hidden)]
pub mod slurm;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod launch;
#[doc(hidden)]
pub mod driver;
#[doc(hidden)]
pub mod settings;
pub mod cluster;
#[doc(hidden)]
pub mod monitor;
#[doc(hidden)]
pub mod cli;

pub use array::{
    Array, ArrayValue, DType, Data, Index, Value, arange, concatenate, full, linspace, ones, random, stack,
    zeros,
};
pub use cli::init;
pub use cluster::{Cluster, Computation, ProcessCluster, SlurmCluster, ThreadsCluster};
pub use error::{Error, ErrorKind, Result};
pub use store::load;
