//! What is known of an array in files before it is read: where its bytes are and what they mean.

use serde::{Deserialize, Serialize};

use crate::array::dtype::DType;
use crate::array::shape::Shape;
use crate::error::Result;

/// An array in one file, or in several that are stacked along axis 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stored {
    /// The path as the user wrote it.
    pub name: String,
    /// The files in order along axis 0; one for a single `.npy`.
    pub parts: Vec<Part>,
    /// How each element is written.
    pub format: Format,
    /// Whether the first axis varies fastest in the file; never for a stack of several files.
    pub fortran_order: bool,
}

/// One file of a stored array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The absolute path.
    pub path: String,
    /// The byte at which elements begin.
    pub offset: u64,
    /// The number of elements.
    pub elements: u64,
    /// Bytes of the whole file when the header was read, and its modification time in nanoseconds since 1970:
    /// a file that has changed since is refused.
    pub length: u64,
    /// See `length`.
    pub modified: i128,
}

/// How an element is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Format {
    /// What the bytes mean.
    pub kind: Kind,
    /// Bytes of an element.
    pub itemsize: u8,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

/// What the bytes of an element mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A truth value.
    Bool,
    /// A signed integer.
    Signed,
    /// An unsigned integer; 64-bit ones beyond the signed range are refused when they are met.
    Unsigned,
    /// An IEEE float of half, single or double precision; of 12 or 16 bytes, x86's extended precision and bytes
    /// that mean nothing. Other CPUs' long doubles are refused where an element shows that it is one.
    Float,
}

impl Stored {
    /// The number of elements.
    pub fn elements(&self) -> u64 {
        self.parts.iter().map(|part| part.elements).sum()
    }
}

impl Format {
    /// The dtype in which elements are computed with: half precision becomes single, extended precision
    /// double, every integer 64 bits.
    pub fn dtype(self) -> DType {
        match (self.kind, self.itemsize) {
            (Kind::Bool, _) => DType::Bool,
            (Kind::Signed | Kind::Unsigned, _) => DType::I64,
            (Kind::Float, 8 | 12 | 16) => DType::F64,
            (Kind::Float, _) => DType::F32,
        }
    }
}

/// A file to be written by many workers, in C order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The absolute path.
    pub path: String,
    /// The path until the file is whole.
    pub temporary: String,
    /// What the elements are.
    pub dtype: DType,
    /// The extents.
    pub shape: Vec<u64>,
    /// The byte at which elements begin: a page's first.
    pub offset: u64,
}

/// Where expressions find the arrays in files that they name.
pub trait Files {
    /// Reads the header of `path`, a `.npy` file or a directory of them.
    fn open(&self, path: &str) -> Result<(Stored, Shape)>;
}
