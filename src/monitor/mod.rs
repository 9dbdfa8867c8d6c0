//! Receivers of what happens to a run: lines for people, and a log in the run directory.

mod apart;
mod log;
mod terminal;
mod words;

pub use apart::Apart;
pub use log::Log;
pub use terminal::{Style, Terminal};
