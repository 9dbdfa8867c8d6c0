//! What of a stored array's files is open and at hand: the last files, and the last piece.
//!
//! After a jump just the bytes asked for are read. Where requests continue each other, more is read than asked for:
//! as much as was asked for since the jump, a piece at the most. So what is read in vain is bounded by what is used.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::array::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{PIECE, open};

/// Files of a stack that are kept open.
const OPEN: usize = 4;

/// The piece of a file that was read last.
#[derive(Debug)]
pub(super) struct Window {
    /// Doubles, so that those of a file can be lent as they lie.
    buffer: Box<[f64]>,
    part: usize,
    /// Where in the file the buffer's bytes are from.
    held: Range<u64>,
    /// The last request.
    last: Range<u64>,
    /// Bytes asked for since the last jump.
    run: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        let buffer = vec![0.0; PIECE / size_of::<f64>()].into();
        Window { buffer, part: 0, held: 0..0, last: 0..0, run: 0 }
    }

    /// Notes a request for at most a piece of `all` bytes of a part; what has to be read for it, if anything.
    pub(super) fn request(
        &mut self,
        part: usize,
        wanted: &Range<u64>,
        all: &Range<u64>,
    ) -> Option<Range<u64>> {
        if part != self.part {
            (self.part, self.held, self.last) = (part, 0..0, 0..0);
        }
        let ahead = self.run.min(PIECE as u64);
        // What lies between two requests is passed over, if it is not more than the request.
        let length = wanted.end - wanted.start;
        let forwards = wanted.start >= self.last.start && wanted.start <= self.last.end + length;
        let backwards = wanted.end <= self.last.end && wanted.end + length >= self.last.start;
        self.run = if forwards || backwards { self.run + length } else { length };
        self.last = wanted.clone();
        if self.held.start <= wanted.start && wanted.end <= self.held.end {
            None
        } else if forwards {
            Some(wanted.start..wanted.end.max(wanted.start + ahead).min(all.end))
        } else if backwards {
            Some(wanted.start.min(wanted.end.saturating_sub(ahead)).max(all.start)..wanted.end)
        } else {
            Some(wanted.clone())
        }
    }

    /// Reads what a request has asked to read.
    pub(super) fn fill(&mut self, file: &File, part: &Part, piece: Range<u64>) -> Result<()> {
        let buffer: &mut [u8] = bytemuck::cast_slice_mut(&mut self.buffer);
        self.held = 0..0;
        read(file, part, piece.start, &mut buffer[..(piece.end - piece.start) as usize])?;
        self.held = piece;
        Ok(())
    }

    /// The bytes of a request that was filled.
    pub(super) fn bytes(&self, wanted: &Range<u64>) -> &[u8] {
        let from = (wanted.start - self.held.start) as usize;
        &bytemuck::cast_slice(&self.buffer)[from..from + (wanted.end - wanted.start) as usize]
    }
}

/// Reads all of `out`.
pub(super) fn read(file: &File, part: &Part, at: u64, out: &mut [u8]) -> Result<()> {
    file.read_exact_at(out, at).map_err(|error| {
        let what = format!("cannot read `{}` at byte {at}", part.path);
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Error::new(ErrorKind::System, what)
                .cause("the file has become shorter since it was opened");
        }
        Error::system(what, &error)
    })
}

/// The files that were read last, the last one first.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<(usize, File)>);

impl Recent {
    /// An open file. It is refused, when it is opened, if it has changed since its header was read.
    pub(super) fn get(&mut self, index: usize, part: &Part) -> Result<&File> {
        match self.0.iter().position(|(open, _)| *open == index) {
            Some(position) => self.0[..=position].rotate_right(1),
            None => {
                self.0.truncate(OPEN - 1);
                self.0.insert(0, (index, open_unchanged(part)?));
            }
        }
        Ok(&self.0[0].1)
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
