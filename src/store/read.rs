//! Reading elements of a stored array by position.
//!
//! Elements are asked for in any order; which order is good for a file is `plan`'s choice. How much is read at once
//! is `window`'s.

use std::ops::Range;

use bytemuck::Pod;

use crate::array::{Format, Kind, Part, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::store::window::{Recent, Window, read};
use crate::store::{PIECE, decode, header};

/// Bytes from one wanted element to the next that are cheaper read than jumped over: a page.
const GAP: u64 = 4096;

/// Reads the elements of one stored array, in the file's own order, parts one after the other.
///
/// It follows one place: each thread, and each place of an expression that is read at its own pace, has its own.
#[derive(Debug)]
pub struct Reader {
    stored: Stored,
    /// The first element of each part.
    starts: Vec<u64>,
    elements: u64,
    files: Recent,
    window: Window,
}

impl Reader {
    /// Memory of a reader of a single file, in bytes.
    pub const BYTES: u64 = PIECE as u64 + 4096;

    /// Memory of a reader of this array: a stack's list of files is added.
    pub fn bytes(stored: &Stored) -> u64 {
        let part = |part: &Part| (size_of::<Part>() + size_of::<u64>() + part.path.len()) as u64;
        Self::BYTES + stored.parts.iter().map(part).sum::<u64>()
    }

    /// Opens the first file. Each file is refused, when it is opened, if it has changed since its header was read.
    pub fn open(stored: &Stored) -> Result<Reader> {
        let mut elements = 0;
        let mut starts = Vec::with_capacity(stored.parts.len());
        for part in &stored.parts {
            starts.push(elements);
            elements += part.elements;
        }
        let mut files = Recent::default();
        if let Some(part) = stored.parts.first() {
            files.get(0, part)?;
        }
        Ok(Reader { stored: stored.clone(), starts, elements, files, window: Window::new() })
    }

    /// The floats from element `first` on.
    pub fn read_real(&mut self, first: u64, out: &mut [f64]) -> Result<()> {
        self.read_real_strided(first, 1, out)
    }

    /// The integers or truth values from element `first` on. A number beyond the range of int64 is refused.
    pub fn read_integer(&mut self, first: u64, out: &mut [i64]) -> Result<()> {
        self.read_integer_strided(first, 1, out)
    }

    /// Elements `first + k * step` for k = 0, 1, ...
    pub fn read_real_strided(&mut self, first: u64, step: i64, out: &mut [f64]) -> Result<()> {
        if self.stored.format.kind != Kind::Float {
            return Err(self.misused("floats are asked for"));
        }
        self.read(first, step, out, decode::reals)?;
        let invalid = |value: &f64| value.to_bits() == decode::NOT_EXTENDED;
        match self.stored.format.itemsize {
            12 | 16 => out
                .iter()
                .position(invalid)
                .map_or(Ok(()), |index| Err(self.not_extended(place(first, step, index)))),
            _ => Ok(()),
        }
    }

    /// As [`read_real_strided`](Self::read_real_strided), of integers or truth values.
    pub fn read_integer_strided(&mut self, first: u64, step: i64, out: &mut [i64]) -> Result<()> {
        let format = self.stored.format;
        if format.kind == Kind::Float {
            return Err(self.misused("integers are asked for"));
        }
        self.read(first, step, out, decode::integers)?;
        let beyond = |out: &[i64]| out.iter().position(|value| *value < 0);
        match (format.kind, format.itemsize) {
            (Kind::Unsigned, 8) => beyond(out).map_or(Ok(()), |index| {
                Err(self.beyond_signed(place(first, step, index), out[index].cast_unsigned()))
            }),
            _ => Ok(()),
        }
    }

    fn read<T: Pod>(
        &mut self,
        first: u64,
        step: i64,
        out: &mut [T],
        decode: impl Fn(Format, &[u8], i64, &mut [T]),
    ) -> Result<()> {
        self.check(first, step, out.len())?;
        let mut done = 0;
        while done < out.len() {
            let near = self.locate(place(first, step, done) as u64, step, out.len() - done);
            let now = &mut out[done..done + near.count];
            done += near.count;
            let part = &self.stored.parts[near.part];
            if let Some(piece) = self.window.request(near.part, &near.bytes, &self.all(near.part)) {
                let file = self.files.get(near.part, part)?;
                if step == 1 && piece == near.bytes && is_native(self.stored.format) {
                    read(file, part, piece.start, bytemuck::cast_slice_mut(now))?;
                    continue;
                }
                self.window.fill(file, part, piece)?;
            }
            decode(self.stored.format, self.window.bytes(&near.bytes), step, now);
        }
        Ok(())
    }

    fn check(&self, first: u64, step: i64, count: usize) -> Result<()> {
        let Some(last) = count.checked_sub(1) else { return Ok(()) };
        let all = 0..i128::from(self.elements);
        if all.contains(&place(first, step, 0)) && all.contains(&place(first, step, last)) {
            return Ok(());
        }
        Err(self.misused(&format!("{count} elements from {first} on, {step} apart, are asked for")))
    }

    /// The first of `count` elements, `step` apart, and those after it that are read with it.
    fn locate(&self, first: u64, step: i64, count: usize) -> Near {
        let part = self.starts.partition_point(|start| *start <= first) - 1;
        let within = first - self.starts[part];
        let itemsize = u64::from(self.stored.format.itemsize);
        let distance = step.unsigned_abs();
        let left = if step > 0 { self.stored.parts[part].elements - 1 - within } else { within };
        let together = match distance {
            0 => count,
            _ if distance.saturating_mul(itemsize) > GAP => 1,
            _ => (left.min(PIECE as u64 / itemsize - 1) / distance) as usize + 1,
        };
        let count = count.min(together);
        let last = place(within, step, count - 1) as u64;
        let offset = self.stored.parts[part].offset;
        let bytes = offset + within.min(last) * itemsize..offset + (within.max(last) + 1) * itemsize;
        Near { part, bytes, count }
    }

    /// Where all elements of a part are in its file.
    fn all(&self, part: usize) -> Range<u64> {
        let Part { offset, elements, .. } = self.stored.parts[part];
        offset..offset + elements * u64::from(self.stored.format.itemsize)
    }

    fn not_extended(&self, element: i128) -> Error {
        let name = &self.stored.name;
        Error::refused(format!("element {element} of `{name}` is no long double as x86 writes them"))
            .cause("other CPUs write long doubles of the same dtype otherwise")
            .hint("save it as doubles: `np.save(..., x.astype(\"float64\"))`")
    }

    fn beyond_signed(&self, element: i128, value: u64) -> Error {
        let name = &self.stored.name;
        Error::refused(format!("element {element} of `{name}` is {value}, beyond the range of int64"))
            .hint("save it as floats: `np.save(..., x.astype(\"float64\"))`")
    }

    fn misused(&self, what: &str) -> Error {
        let descr = header::descr(self.stored.format);
        Error::new(ErrorKind::Internal, format!("cannot read `{}`", self.stored.name))
            .cause(format!("{what}, and it holds {} of `{descr}`", self.elements))
    }
}

/// Elements of one part that are read together.
struct Near {
    part: usize,
    /// From the first to the last of them in the file.
    bytes: Range<u64>,
    count: usize,
}

/// Which element is the `index`-th.
fn place(first: u64, step: i64, index: usize) -> i128 {
    i128::from(first) + i128::from(step) * index as i128
}

/// Whether the bytes of an element are those of an f64 or i64 in memory.
fn is_native(format: Format) -> bool {
    format.itemsize == 8 && format.big_endian == cfg!(target_endian = "big")
}
