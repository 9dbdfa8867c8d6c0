//! Opening arrays in files: headers are read and checked, elements are not.
//!
//! A directory is the stack of its `.npy` files along axis 0, in the natural order of their names: numbers in names
//! are ordered by value, so `part-2.npy` comes before `part-10.npy`. Messages are in `tests/open.rs`.

use std::cmp::Ordering;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::array::{Array, Files, Part, Shape, Stored};
use crate::error::Error;
use crate::store::header::{self, Header, Problem};

/// Bytes that are read for a header before its length is known; most end in them.
const START: usize = 4096;

/// Headers are waited for by so many threads at the most: on a file system of a network each takes a while.
const THREADS: usize = 16;

/// So many headers are worth a thread.
const HEADERS: usize = 32;

/// The array in a `.npy` file, or that of a directory of such files, one after the other along axis 0. Only
/// headers are read.
///
/// # Errors
/// A file that is missing, cut short, holds objects, or is no `.npy`.
///
/// ```no_run
/// # fn main() -> squall::Result<()> {
/// let mean = squall::load("x.npy")?.mean();
/// # Ok(())
/// # }
/// ```
pub fn load(path: &str) -> crate::error::Result<Array> {
    let (stored, shape) = LocalFiles.open(path)?;
    Ok(Array::stored(stored, shape))
}

/// Finds arrays in the file system, relative paths from the current directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles;

impl Files for LocalFiles {
    fn open(&self, path: &str) -> crate::error::Result<(Stored, Shape)> {
        open(path).map_err(|problem| {
            let error = Error::refused(format!("cannot load `{path}`")).cause(problem.cause);
            problem.hint.into_iter().fold(error, Error::hint)
        })
    }
}

fn open(name: &str) -> Result<(Stored, Shape), Problem> {
    let path = std::path::absolute(name)?;
    if path.is_dir() {
        return stack(name, &path);
    }
    let (part, Header { format, fortran_order, shape }) = part(&path).map_err(|problem| problem.of(&path))?;
    Ok((Stored { name: name.to_owned(), parts: vec![part], format, fortran_order }, shape))
}

/// One file and its header.
fn part(path: &Path) -> Result<(Part, Header), Problem> {
    // Asked before it is opened: opening a pipe waits for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(Problem::new("it is not a file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    let (header, offset) = header(&file, length)?;
    let elements = header.shape.size();
    let needed = u128::from(elements) * u128::from(header.format.itemsize);
    let found = length - offset;
    if needed > u128::from(found) {
        let descr = header::descr(header.format);
        return Err(Problem::new(format!(
            "the file is truncated: shape {} of `{descr}` needs {needed} bytes after the header, and {found} are there",
            header.shape,
        )));
    }
    let path = path.to_str().ok_or_else(|| Problem::new("its path is not UTF-8"))?.to_owned();
    Ok((Part { path, offset, elements, length, modified: modified(&metadata) }, header))
}

/// The header, and where it ends.
fn header(file: &File, length: u64) -> Result<(Header, u64), Problem> {
    let mut bytes = vec![0; START.min(usize::try_from(length).unwrap_or(START))];
    file.read_exact_at(&mut bytes, 0)?;
    let text = header::text_at(&bytes, length)?;
    let (from, end) = (text.start as usize, text.end as usize);
    let read = bytes.len();
    if end > read {
        bytes.resize(end, 0);
        file.read_exact_at(&mut bytes[read..], read as u64)?;
    }
    Ok((header::parse(&bytes[from..end])?, text.end))
}

/// When the file was last written, in nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// The files of a directory as one array.
fn stack(name: &str, directory: &Path) -> Result<(Stored, Shape), Problem> {
    let paths = members(directory)?;
    let mut parts = Vec::with_capacity(paths.len());
    let mut first: Option<Header> = None;
    let mut rows = 0_u64;
    for (opened, path) in open_all(&paths).into_iter().zip(&paths) {
        let (part, header) = opened.map_err(|problem| problem.of(path))?;
        let first = first.get_or_insert_with(|| header.clone());
        fits(&header, first).map_err(|problem| problem.of(path))?;
        rows = rows.saturating_add(header.shape.extents()[0]);
        parts.push(part);
    }
    let Some(first) = first else {
        return Err(Problem::new(format!("there is no `.npy` file in {}", directory.display()))
            .hint("a directory is loaded as the stack of its `.npy` files along axis 0"));
    };
    let extents = [&[rows], &first.shape.extents()[1..]].concat();
    let shape = Shape::new(extents).map_err(|error| Problem::new(error.what()))?;
    Ok((Stored { name: name.to_owned(), parts, format: first.format, fortran_order: false }, shape))
}

/// The `.npy` files of a directory in order; hidden ones are not among them.
fn members(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| Problem::from(error).of(directory))? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".npy") && !bytes.starts_with(b".") {
            let utf8 = name.into_string();
            names.push(utf8.map_err(|name| Problem::new("its name is not UTF-8").of(Path::new(&name)))?);
        }
    }
    names.sort_by(|left, right| natural(left, right));
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

/// Numbers by value, everything else by its characters.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    while let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((value, after), (other, after_other)) = (number(a), number(b));
            (a, b) = (after, after_other);
            value.len().cmp(&other.len()).then(value.cmp(other))
        } else {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len()).then(left.cmp(right))
}

/// The digits at the beginning without leading zeros, and what follows.
fn number(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text[..text.len() - rest.len()].trim_start_matches('0'), rest)
}

fn open_all(paths: &[PathBuf]) -> Vec<Result<(Part, Header), Problem>> {
    let share = paths.len().div_ceil(THREADS).max(HEADERS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|paths| scope.spawn(|| paths.iter().map(|path| part(path)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("opening a file does not panic")).collect()
    })
}

/// Whether a file can follow the first one.
fn fits(header: &Header, first: &Header) -> Result<(), Problem> {
    let trailing = |header: &Header| header.shape.extents().get(1..).map(<[u64]>::to_vec);
    if header.shape.ndim() == 0 {
        return Err(
            Problem::new("it holds a number, which has no axis 0").hint("save it as an array of one element")
        );
    }
    if header.fortran_order {
        return Err(Problem::new("its elements are in Fortran order, and a stack is in C order")
            .hint("save it again with `np.save(..., np.ascontiguousarray(x))`"));
    }
    if header.format != first.format {
        let (this, that) = (header::descr(header.format), header::descr(first.format));
        return Err(Problem::new(format!("its elements are `{this}`, and those of the first file `{that}`"))
            .hint("the files of a stack have one dtype"));
    }
    if trailing(header) != trailing(first) {
        return Err(Problem::new(format!(
            "its shape is {}, and the first file's {}",
            header.shape, first.shape
        ))
        .hint("the files of a stack have equal shapes but for axis 0"));
    }
    Ok(())
}
