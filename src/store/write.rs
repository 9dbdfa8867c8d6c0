//! Writing elements of a target by position, on a worker.
//!
//! Bytes go to their own places and nothing is read back, so writers that write different elements, or the same
//! values twice, do not disturb each other, in whatever process they are.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::array::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{PIECE, decode};

/// Writes elements of one target. What was not followed by [`sync`](Self::sync) may be lost.
#[derive(Debug)]
pub struct Writer {
    target: Target,
    file: File,
    elements: u64,
    buffer: Box<[u8]>,
    /// Where in the file the buffer's bytes belong.
    start: u64,
    /// How many there are.
    filled: usize,
}

impl Writer {
    /// Memory of a writer, in bytes.
    pub const BYTES: u64 = PIECE as u64 + 4096;

    /// Opens the temporary file of a target that was created.
    pub fn open(target: &Target) -> Result<Writer> {
        let failed = |error| Error::system(format!("cannot write `{}`", target.temporary), &error);
        let file = OpenOptions::new().write(true).open(&target.temporary).map_err(failed)?;
        let elements = target.elements()?;
        let buffer = vec![0; PIECE].into();
        Ok(Writer { target: target.clone(), file, elements, buffer, start: target.offset, filled: 0 })
    }

    /// Writes floats from element `first` on, in C order; rounded where the target is float32.
    pub fn write_real(&mut self, first: u64, values: &[f64]) -> Result<()> {
        if !self.target.dtype.is_real() {
            return Err(self.misused("floats"));
        }
        self.write(first, values, decode::put_reals)
    }

    /// Writes integers or truth values from element `first` on, in C order.
    pub fn write_integer(&mut self, first: u64, values: &[i64]) -> Result<()> {
        if self.target.dtype.is_real() {
            return Err(self.misused("integers"));
        }
        self.write(first, values, decode::put_integers)
    }

    /// Returns when everything written is on the disk.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let failed = |error| Error::system(format!("cannot write `{}`", self.target.temporary), &error);
        self.file.sync_data().map_err(failed)
    }

    fn write<T>(&mut self, first: u64, values: &[T], put: impl Fn(u64, &[T], &mut [u8])) -> Result<()> {
        if first.checked_add(values.len() as u64).is_none_or(|end| end > self.elements) {
            return Err(self.misused(&format!("{} elements from {first} on", values.len())));
        }
        let itemsize = self.target.dtype.itemsize();
        let mut at = self.target.offset + first * itemsize;
        let mut rest = values;
        while !rest.is_empty() {
            if at != self.start + self.filled as u64 {
                self.flush()?;
                self.start = at;
            }
            // Pieces end where the file's own do, so that neighbours rarely share one.
            let room = PIECE - (self.start % PIECE as u64) as usize - self.filled;
            let now;
            (now, rest) = rest.split_at(rest.len().min(room / itemsize as usize));
            let bytes = now.len() * itemsize as usize;
            put(itemsize, now, &mut self.buffer[self.filled..self.filled + bytes]);
            self.filled += bytes;
            at += bytes as u64;
            if bytes == room {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let bytes = &self.buffer[..self.filled];
        self.file.write_all_at(bytes, self.start).map_err(|error| {
            Error::system(format!("cannot write `{}` at byte {}", self.target.temporary, self.start), &error)
        })?;
        self.start += self.filled as u64;
        self.filled = 0;
        Ok(())
    }

    fn misused(&self, what: &str) -> Error {
        let Target { path, dtype, .. } = &self.target;
        Error::new(ErrorKind::Internal, format!("cannot write {what} to `{path}`"))
            .cause(format!("it holds {} elements of {dtype}", self.elements))
    }
}
