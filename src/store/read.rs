//! Reading elements of a stored array by position.
//!
//! A reader follows one place: where requests continue each other it reads ahead, as much as it has
//! delivered since the last jump and at most a piece, so no more than twice what is asked for is ever read.
//! After a jump it reads just what is asked for. Which order is good for a file is `plan`'s choice.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::array::{Format, Kind, Part, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{PIECE, decode, header, open};

/// Bytes between two wanted elements that are cheaper read than jumped over: a page.
const GAP: u64 = 4096;

/// Files of a stack that are kept open.
const OPEN: usize = 4;

/// Reads the elements of one stored array, in the file's own order, parts one after the other.
///
/// Each thread, and each place of an expression that is read at its own pace, has its own.
#[derive(Debug)]
pub struct Reader {
    stored: Stored,
    /// The first element of each part.
    starts: Vec<u64>,
    elements: u64,
    files: OpenFiles,
    window: Window,
}

impl Reader {
    /// Memory of a reader of a single file, in bytes.
    pub const BYTES: u64 = PIECE as u64 + 4096;

    /// Memory of a reader of this array: a stack's list of files is added.
    pub fn bytes(stored: &Stored) -> u64 {
        let part = |part: &Part| size_of::<Part>() + size_of::<u64>() + part.path.len();
        Self::BYTES + stored.parts.iter().map(|each| part(each) as u64).sum::<u64>()
    }

    /// Opens the first file. Each file is refused, when it is opened, if it has changed since its header was read.
    pub fn open(stored: &Stored) -> Result<Reader> {
        let mut elements = 0;
        let mut starts = Vec::with_capacity(stored.parts.len());
        for part in &stored.parts {
            starts.push(elements);
            elements += part.elements;
        }
        let mut files = OpenFiles { recent: Vec::with_capacity(OPEN + 1) };
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
            return Err(self.misused("floats of an array of integers are asked for"));
        }
        self.read(first, step, out, decode::reals)
    }

    /// As [`read_real_strided`](Self::read_real_strided), of integers or truth values.
    pub fn read_integer_strided(&mut self, first: u64, step: i64, out: &mut [i64]) -> Result<()> {
        let format = self.stored.format;
        if format.kind == Kind::Float {
            return Err(self.misused("integers of an array of floats are asked for"));
        }
        self.read(first, step, out, decode::integers)?;
        if format.kind == Kind::Unsigned && format.itemsize == 8 {
            if let Some(index) = out.iter().position(|value| *value < 0) {
                return Err(self.beyond_signed(place(first, step, index), out[index] as u64));
            }
        }
        Ok(())
    }

    fn read<T>(
        &mut self,
        first: u64,
        step: i64,
        out: &mut [T],
        decode: impl Fn(Format, &[u8], i64, &mut [T]),
    ) -> Result<()> {
        let Some(last) = out.len().checked_sub(1) else { return Ok(()) };
        let all = 0..i128::from(self.elements);
        if !all.contains(&place(first, step, 0)) || !all.contains(&place(first, step, last)) {
            return Err(self.misused("elements that are not there are asked for"));
        }
        let mut done = 0;
        while done < out.len() {
            let element = place(first, step, done) as u64;
            let index = self.starts.partition_point(|start| *start <= element) - 1;
            let part = &self.stored.parts[index];
            let within = element - self.starts[index];
            let format = self.stored.format;
            let count = at_once(within, step, part.elements, format.itemsize.into()).min(out.len() - done);
            let end = place(within, step, count - 1) as u64;
            let bytes = bytes_of(part, within.min(end)..within.max(end) + 1, format);
            let bytes = self.window.bytes(&mut self.files, index, part, bytes, format)?;
            decode(format, bytes, step, &mut out[done..done + count]);
            done += count;
        }
        Ok(())
    }

    fn beyond_signed(&self, element: i128, value: u64) -> Error {
        Error::refused(format!(
            "element {element} of `{}` is {value}, beyond the range of int64",
            self.stored.name
        ))
        .hint("save it as floats: `np.save(..., x.astype(\"float64\"))`")
    }

    fn misused(&self, what: &str) -> Error {
        Error::new(ErrorKind::Internal, format!("cannot read `{}`", self.stored.name)).cause(format!(
            "{what}: it holds {} of `{}`",
            self.elements,
            header::descr(self.stored.format)
        ))
    }
}

/// Which element is the `index`-th.
fn place(first: u64, step: i64, index: usize) -> i128 {
    i128::from(first) + i128::from(step) * index as i128
}

/// How many elements, `step` apart, are had from one piece of a part of `elements`.
fn at_once(within: u64, step: i64, elements: u64, itemsize: u64) -> usize {
    let distance = step.unsigned_abs();
    if distance == 0 {
        return usize::MAX;
    }
    if distance.saturating_mul(itemsize) > GAP {
        return 1;
    }
    let left = if step > 0 { elements - 1 - within } else { within };
    let piece = PIECE as u64 / itemsize - 1;
    (left.min(piece) / distance) as usize + 1
}

/// Where elements are in a part's file.
fn bytes_of(part: &Part, elements: Range<u64>, format: Format) -> Range<u64> {
    let itemsize = u64::from(format.itemsize);
    part.offset + elements.start * itemsize..part.offset + elements.end * itemsize
}

/// The piece of a file that was read last.
#[derive(Debug)]
struct Window {
    buffer: Box<[u8]>,
    part: usize,
    /// Where in the file the buffer's bytes are from.
    held: Range<u64>,
    /// The last request.
    last: Range<u64>,
    /// Bytes asked for since the last jump.
    run: u64,
}

impl Window {
    fn new() -> Self {
        Window { buffer: vec![0; PIECE].into(), part: 0, held: 0..0, last: 0..0, run: 0 }
    }

    /// The wanted bytes, at most a piece, of a part.
    fn bytes(
        &mut self,
        files: &mut OpenFiles,
        index: usize,
        part: &Part,
        wanted: Range<u64>,
        format: Format,
    ) -> Result<&[u8]> {
        if index != self.part {
            (self.part, self.held, self.last) = (index, 0..0, 0..0);
        }
        let piece = self.piece(&wanted, &bytes_of(part, 0..part.elements, format));
        if wanted.start < self.held.start || wanted.end > self.held.end {
            let file = files.get(index, part)?;
            let buffer = &mut self.buffer[..(piece.end - piece.start) as usize];
            self.held = 0..0;
            file.read_exact_at(buffer, piece.start).map_err(|error| unreadable(part, piece.start, &error))?;
            self.held = piece;
        }
        let from = (wanted.start - self.held.start) as usize;
        Ok(&self.buffer[from..from + (wanted.end - wanted.start) as usize])
    }

    /// What to read for a request: more than it where it continues the last one.
    fn piece(&mut self, wanted: &Range<u64>, all: &Range<u64>) -> Range<u64> {
        let ahead = self.run.min(PIECE as u64);
        let forwards = wanted.start >= self.last.start && wanted.start <= self.last.end + GAP;
        let backwards = wanted.end <= self.last.end && wanted.end + GAP >= self.last.start;
        let length = wanted.end - wanted.start;
        self.run = if forwards || backwards { self.run + length } else { length };
        self.last = wanted.clone();
        if forwards {
            wanted.start..wanted.end.max(wanted.start + ahead).min(all.end)
        } else if backwards {
            wanted.start.min(wanted.end.saturating_sub(ahead)).max(all.start)..wanted.end
        } else {
            wanted.clone()
        }
    }
}

/// The files that were read last, the last one first.
#[derive(Debug)]
struct OpenFiles {
    recent: Vec<(usize, File)>,
}

impl OpenFiles {
    fn get(&mut self, index: usize, part: &Part) -> Result<&File> {
        match self.recent.iter().position(|(open, _)| *open == index) {
            Some(position) => self.recent[..=position].rotate_right(1),
            None => {
                self.recent.truncate(OPEN - 1);
                self.recent.insert(0, (index, open_unchanged(part)?));
            }
        }
        Ok(&self.recent[0].1)
    }
}

fn open_unchanged(part: &Part) -> Result<File> {
    let failed = |error| Error::system(format!("cannot read `{}`", part.path), &error);
    let file = File::open(&part.path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let changed = |how: String| {
        Error::refused(format!("`{}` has changed since its header was read", part.path))
            .cause(how)
            .hint("let no program write it while it is read, and run again")
    };
    if metadata.len() != part.length {
        return Err(changed(format!("it had {} bytes, and now has {}", part.length, metadata.len())));
    }
    if open::modified(&metadata) != part.modified {
        return Err(changed("it was written again".to_owned()));
    }
    Ok(file)
}

fn unreadable(part: &Part, at: u64, error: &io::Error) -> Error {
    let what = format!("cannot read `{}` at byte {at}", part.path);
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::new(ErrorKind::System, what).cause("the file has become shorter since it was opened");
    }
    Error::system(what, error)
}
