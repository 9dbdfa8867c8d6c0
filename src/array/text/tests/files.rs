//! Files as a test pretends them: a few names, each with a dtype and a shape.

use crate::array::shape::Shape;
use crate::array::stored::{Files, Format, Kind, Part, Stored};
use crate::error::{Error, Result};

/// `f8.npy` and `measured.npy` of shape (4, 5); `f4.npy`, `i8.npy` and `b1.npy` of shape (6,); no others.
pub(super) struct Fake;

impl Files for Fake {
    fn open(&self, path: &str) -> Result<(Stored, Shape)> {
        let (kind, itemsize, extents) = match path {
            "f8.npy" | "measured.npy" => (Kind::Float, 8, vec![4, 5]),
            "f4.npy" => (Kind::Float, 4, vec![6]),
            "i8.npy" => (Kind::Signed, 8, vec![6]),
            "b1.npy" => (Kind::Bool, 1, vec![6]),
            _ => return Err(Error::refused(format!("cannot read `{path}`")).cause("no such file")),
        };
        let shape = Shape::new(extents)?;
        let part = Part {
            path: format!("/data/{path}"),
            offset: 128,
            elements: shape.size(),
            length: 128 + shape.size() * u64::from(itemsize),
            modified: 0,
        };
        let format = Format { kind, itemsize, big_endian: false };
        let stored = Stored { name: path.to_owned(), parts: vec![part], format, fortran_order: false };
        Ok((stored, shape))
    }
}
