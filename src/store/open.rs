//! Opening arrays in files: headers are read and checked, elements are not.
//!
//! A directory is the stack of its `.npy` files along axis 0, in the natural order of their names: numbers in names
//! are ordered by value, so `part-2.npy` comes before `part-10.npy`. Messages are in `tests/open.rs`.

use std::cmp::Ordering;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::array::Shape;
use crate::array::{Files, Part, Stored};
use crate::error::Error;
use crate::store::header::{self, Header, Problem};

/// Bytes that are read for a header before its length is known; most end in them.
const START: usize = 4096;

/// Headers are waited for by so many threads at the most: on a file system of a network each takes a while.
const THREADS: usize = 16;

/// So many headers are worth a thread.
const HEADERS: usize = 32;

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
    let path = std::path::absolute(name).map_err(|error| Problem::new(error.to_string()))?;
    let metadata = fs::metadata(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::new(format!("there is no {}", path.display())),
        _ => failed(&path, &error),
    })?;
    if metadata.is_dir() {
        return stack(name, &path);
    }
    let (part, header) = part(&path)?;
    let Header { format, fortran_order, shape } = header;
    Ok((Stored { name: name.to_owned(), parts: vec![part], format, fortran_order }, shape))
}

fn failed(path: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{}: {error}", path.display()))
}

/// One file and its header.
fn part(path: &Path) -> Result<(Part, Header), Problem> {
    let named =
        |problem: Problem| Problem { cause: format!("{}: {}", path.display(), problem.cause), ..problem };
    let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
    // Before it is opened: opening a pipe waits for a writer.
    if !metadata.is_file() {
        return Err(named(Problem::new("it is not a file")));
    }
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let metadata = file.metadata().map_err(|error| failed(path, &error))?;
    let (header, offset) = header(&file, metadata.len(), path)?;
    let elements = header.shape.size();
    let needed = u128::from(elements) * u128::from(header.format.itemsize);
    let found = metadata.len().saturating_sub(offset);
    if needed > u128::from(found) {
        return Err(named(Problem::new(format!(
            "the file is truncated: {needed} bytes of elements are needed for shape {} of `{}`, and {found} are there",
            header.shape,
            header::descr(header.format),
        ))));
    }
    let path = path.to_str().ok_or_else(|| named(Problem::new("its path is not UTF-8")))?.to_owned();
    let part = Part { path, offset, elements, length: metadata.len(), modified: modified(&metadata) };
    Ok((part, header))
}

/// The header, and where it ends.
fn header(file: &File, length: u64, path: &Path) -> Result<(Header, u64), Problem> {
    let named =
        |problem: Problem| Problem { cause: format!("{}: {}", path.display(), problem.cause), ..problem };
    let mut bytes = vec![0; START.min(usize::try_from(length).unwrap_or(START))];
    file.read_exact_at(&mut bytes, 0).map_err(|error| failed(path, &error))?;
    let text = header::text_at(&bytes, length).map_err(named)?;
    let (from, end) = (text.start as usize, text.end as usize);
    if end > bytes.len() {
        let read = bytes.len();
        bytes.resize(end, 0);
        file.read_exact_at(&mut bytes[read..], read as u64).map_err(|error| failed(path, &error))?;
    }
    let header = header::parse(&bytes[from..end]).map_err(named)?;
    Ok((header, text.end))
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
        let (part, header) = opened?;
        let first = first.get_or_insert_with(|| header.clone());
        fits(&header, first).map_err(|problem| Problem {
            cause: format!("{}: {}", path.display(), problem.cause),
            ..problem
        })?;
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
    for entry in fs::read_dir(directory).map_err(|error| failed(directory, &error))? {
        let name = entry.map_err(|error| failed(directory, &error))?.file_name();
        let Some(name) = name.to_str() else {
            if name.as_encoded_bytes().ends_with(b".npy") {
                return Err(Problem::new(format!("the name {} is not UTF-8", name.display())));
            }
            continue;
        };
        if name.ends_with(".npy") && !name.starts_with('.') {
            names.push(name.to_owned());
        }
    }
    names.sort_by(|left, right| natural(left, right));
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

/// Numbers by value, everything else by bytes.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    while let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) {
        let order;
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number_a, number_b);
            (number_a, a) = number(a);
            (number_b, b) = number(b);
            order = number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b));
        } else {
            order = x.cmp(&y);
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
        }
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
