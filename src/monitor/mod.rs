//! Receivers of what happens to a run: lines for people, a log in the run directory, and what such a log says later.

mod apart;
mod log;
mod status;
mod terminal;
mod words;

pub use apart::Apart;
pub use log::Log;
pub use status::{Stage, Status, Worker, WorkerState};
pub use terminal::{Style, Terminal};
pub use words::so_far;
