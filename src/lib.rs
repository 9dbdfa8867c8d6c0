//! Cut.
pub mod error;
pub mod units;
pub mod codec;
pub mod kernel;
pub mod array;
#[doc(hidden)]
pub mod store;
pub mod store;
pub mod plan;
pub use error::{Error, ErrorKind, Result};
pub use array::{Array, Value, random};
