//! Arrays in files: opening them, reading elements, and writing a file with many workers.
//!
//! The format is NumPy's `.npy`; a directory of such files is one array, stacked along axis 0. What is known of
//! a file before it is read is `array::stored`'s; which elements are read when is `plan`'s and `execute`'s.
//! Files are read by position, not mapped: a file that another node truncates is an error, not a signal.

mod decode;
mod header;
mod open;
mod read;
mod target;
mod window;
mod write;

#[cfg(test)]
mod tests;

pub use open::{LocalFiles, load};
pub use read::Reader;
pub use write::Writer;

/// Bytes that are read or written at once where neighbours are wanted.
const PIECE: usize = 256 * 1024;
