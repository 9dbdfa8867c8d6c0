//! The header of a `.npy` file, versions 1.0 to 3.0: read strictly, and written.
//!
//! A header is a Python dictionary of three entries. Only what such a dictionary can hold is parsed, so nothing
//! nests and nothing is evaluated. Files are `open`'s business; hostile headers are in `tests/header.rs`.

use std::io;
use std::ops::Range;
use std::path::Path;

use crate::array::{DType, Shape};
use crate::array::{Format, Kind};

/// What every `.npy` file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// A longer header is no header of an array of numbers.
const LONGEST: u64 = 1 << 20;

/// Where elements begin in files that are written here: pages of the file are then pages of elements.
pub(super) const ELEMENTS_AT: u64 = 4096;

/// The longest excerpt of a header in a message, in characters.
const EXCERPT: usize = 60;

/// What a header says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) format: Format,
    pub(super) fortran_order: bool,
    pub(super) shape: Shape,
}

/// Why a file cannot be loaded, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) cause: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Problem { cause: cause.into(), hint: None }
    }

    /// Says which file it is about.
    pub(super) fn of(self, path: &Path) -> Self {
        Problem { cause: format!("{}: {}", path.display(), self.cause), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Problem { hint: Some(hint.into()), ..self }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::new(error.to_string())
    }
}

/// Where in a file of `length` bytes, whose beginning is given, the header's text is.
pub(super) fn text_at(start: &[u8], length: u64) -> Result<Range<u64>, Problem> {
    if !start.starts_with(MAGIC) {
        return Err(not_npy(start, length));
    }
    let (from, claimed) = match start[MAGIC.len()..] {
        [1, _, low, high, ..] => (10, u64::from(u16::from_le_bytes([low, high]))),
        [2 | 3, _, a, b, c, d, ..] => (12, u64::from(u32::from_le_bytes([a, b, c, d]))),
        [1..=3, ..] | [] => {
            return Err(Problem::new(format!("the header is truncated: the file has {length} bytes")));
        }
        [major, ..] => {
            return Err(Problem::new(format!("version {major} of the format is not known"))
                .hint("versions 1 to 3 are: save it again with `np.save`"));
        }
    };
    if claimed > LONGEST {
        return Err(Problem::new(format!("the header claims {claimed} bytes, more than {LONGEST}"))
            .hint("arrays of numbers have short headers: save the array again with `np.save`"));
    }
    if from + claimed > length {
        return Err(Problem::new(format!(
            "the header is truncated: it claims {claimed} bytes, and the file has {length} in all"
        )));
    }
    Ok(from..from + claimed)
}

fn not_npy(start: &[u8], length: u64) -> Problem {
    if length == 0 {
        return Problem::new("the file is empty");
    }
    if start.starts_with(b"PK") {
        return Problem::new("it is an archive such as `np.savez` writes, and not a `.npy` file")
            .hint("save each array by itself: `np.save(\"x.npy\", archive[\"x\"])`");
    }
    let bytes: Vec<String> = start.iter().take(MAGIC.len()).map(|byte| format!("{byte:02x}")).collect();
    Problem::new(format!(
        "it is not a `.npy` file: it begins with {}, and not with 93 4e 55 4d 50 59",
        bytes.join(" ")
    ))
    .hint("save the array with `np.save`")
}

/// Parses the header's text.
pub(super) fn parse(text: &[u8]) -> Result<Header, Problem> {
    let text = String::from_utf8_lossy(text);
    let mut parser = Parser { text: &text, at: 0 };
    let (mut descr, mut order, mut extents) = (None, None, None);
    parser.expect('{')?;
    while !parser.accept('}') {
        let at = parser.at;
        let key = parser.string()?;
        parser.expect(':')?;
        let repeated = match key {
            "descr" => descr.replace(parser.descr()?).is_some(),
            "fortran_order" => order.replace(parser.truth()?).is_some(),
            "shape" => extents.replace(parser.shape()?).is_some(),
            _ => return Err(parser.problem_at(at, "`descr`, `fortran_order` or `shape`")),
        };
        if repeated {
            return Err(parser.problem_at(at, "another key"));
        }
        if !parser.accept(',') {
            parser.expect('}')?;
            break;
        }
    }
    parser.end()?;
    let (Some(format), Some(fortran_order), Some(extents)) = (descr, order, extents) else {
        return Err(Problem::new(format!(
            "the header lacks `descr`, `fortran_order` or `shape`: {}",
            excerpt(&text)
        )));
    };
    let shape = Shape::new(extents).map_err(|error| Problem::new(error.what()))?;
    // Where at most one axis has a length, both orders are the same.
    let ordered = shape.size() > 1 && shape.extents().iter().filter(|&&extent| extent != 1).count() > 1;
    Ok(Header { format, fortran_order: fortran_order && ordered, shape })
}

/// The text as it may stand in a message.
fn excerpt(text: &str) -> String {
    let text = text.trim_end();
    let head: String = text.chars().take(EXCERPT).collect();
    let rest = if head.len() < text.len() { "..." } else { "" };
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    format!("`{}{rest}`", head.chars().map(printable).collect::<String>())
}

/// A place in the text; every method begins after white space.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
        rest
    }

    fn accept(&mut self, mark: char) -> bool {
        let there = self.rest().starts_with(mark);
        self.at += if there { mark.len_utf8() } else { 0 };
        there
    }

    fn expect(&mut self, mark: char) -> Result<(), Problem> {
        if self.accept(mark) { Ok(()) } else { Err(self.problem_at(self.at, &format!("`{mark}`"))) }
    }

    fn end(&mut self) -> Result<(), Problem> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.problem_at(self.at, "nothing more")) }
    }

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a str, Problem> {
        let rest = self.rest();
        let quoted = rest.strip_prefix(['\'', '"']).and_then(|body| {
            let (content, _) = body.split_once(&rest[..1])?;
            (!content.contains(['\\', '\n'])).then_some(content)
        });
        let content = quoted.ok_or_else(|| self.problem_at(self.at, "a string"))?;
        self.at += content.len() + 2;
        Ok(content)
    }

    fn descr(&mut self) -> Result<Format, Problem> {
        let rest = self.rest();
        if rest.starts_with(['[', '(']) {
            let descr = rest.split(", 'fortran_order'").next().unwrap_or(rest);
            return Err(Problem::new(format!("its elements are structured: {}", excerpt(descr)))
                .hint("save each field by itself: `np.save(..., x[\"field\"])`"));
        }
        format(self.string()?)
    }

    fn truth(&mut self) -> Result<bool, Problem> {
        let rest = self.rest();
        for (word, truth) in [("True", true), ("False", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(truth);
            }
        }
        Err(self.problem_at(self.at, "`True` or `False`"))
    }

    /// A tuple of extents; one of a single extent has a comma.
    fn shape(&mut self) -> Result<Vec<u64>, Problem> {
        let mut extents = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            extents.push(self.extent()?);
            if !self.accept(',') {
                if extents.len() == 1 {
                    return Err(self.problem_at(self.at, "`,`"));
                }
                self.expect(')')?;
                break;
            }
        }
        Ok(extents)
    }

    /// A whole number; Python 2 wrote an `L` behind long ones.
    fn extent(&mut self) -> Result<u64, Problem> {
        let rest = self.rest();
        let unsigned = rest.strip_prefix('-').unwrap_or(rest);
        let digits = unsigned.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return Err(self.problem_at(self.at, "a whole number"));
        }
        let written = &rest[..rest.len() - unsigned.len() + digits];
        self.at += written.len();
        self.accept('L');
        if written.len() > digits {
            return Err(Problem::new(format!("the shape has a negative extent, {}", excerpt(written))));
        }
        written
            .parse()
            .map_err(|_| Problem::new(format!("the shape has too large an extent, {}", excerpt(written))))
    }

    fn problem_at(&self, at: usize, expected: &str) -> Problem {
        let found = &self.text[at..];
        let found = if found.trim().is_empty() { "its end".to_owned() } else { excerpt(found) };
        Problem::new(format!("the header is malformed: {expected} expected at byte {at}, before {found}"))
    }
}

/// The elements that a `descr` means.
fn format(descr: &str) -> Result<Format, Problem> {
    let little = match descr.as_bytes().first() {
        Some(b'<') => true,
        Some(b'>') => false,
        _ => cfg!(target_endian = "little"),
    };
    let (kind, itemsize) = match descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr) {
        "b1" => (Kind::Bool, 1),
        "i1" => (Kind::Signed, 1),
        "i2" => (Kind::Signed, 2),
        "i4" => (Kind::Signed, 4),
        "i8" => (Kind::Signed, 8),
        "u1" => (Kind::Unsigned, 1),
        "u2" => (Kind::Unsigned, 2),
        "u4" => (Kind::Unsigned, 4),
        "u8" => (Kind::Unsigned, 8),
        "f2" => (Kind::Float, 2),
        "f4" => (Kind::Float, 4),
        "f8" => (Kind::Float, 8),
        "f12" => (Kind::Float, 12),
        "f16" => (Kind::Float, 16),
        other => return Err(unknown(descr, other)),
    };
    Ok(Format { kind, itemsize, big_endian: itemsize > 1 && !little })
}

fn unknown(descr: &str, code: &str) -> Problem {
    let shown = excerpt(descr);
    let float = "save floats: `np.save(..., x.astype(\"float64\"))`";
    match code.chars().next() {
        Some('O') => {
            Problem::new(format!("it holds pickled objects, which squall never loads: dtype {shown}"))
                .hint(float)
        }
        Some('c') => Problem::new(format!("its elements are complex: dtype {shown}"))
            .hint("save two arrays: `np.save(..., x.real)` and `np.save(..., x.imag)`"),
        Some('S' | 'U' | 'a') => Problem::new(format!("its elements are strings: dtype {shown}")).hint(float),
        Some('M' | 'm') => Problem::new(format!("its elements are dates or durations: dtype {shown}"))
            .hint("save whole numbers: `np.save(..., x.astype(\"int64\"))`"),
        Some('V') => Problem::new(format!("its elements are raw bytes: dtype {shown}"))
            .hint("save numbers: `np.save(..., x.view(\"float64\"))`"),
        _ => Problem::new(format!("its dtype {shown} is not known")).hint(float),
    }
}

/// NumPy's name of the elements, as `<f8`.
pub(super) fn descr(format: Format) -> String {
    let kind = match format.kind {
        Kind::Bool => 'b',
        Kind::Signed => 'i',
        Kind::Unsigned => 'u',
        Kind::Float => 'f',
    };
    let order = match (format.itemsize, format.big_endian) {
        (1, _) => '|',
        (_, false) => '<',
        (_, true) => '>',
    };
    format!("{order}{kind}{}", format.itemsize)
}

/// How elements of a dtype are written here.
pub(super) fn written(dtype: DType) -> Format {
    let (kind, itemsize) = match dtype {
        DType::Bool => (Kind::Bool, 1),
        DType::I64 => (Kind::Signed, 8),
        DType::F32 => (Kind::Float, 4),
        DType::F64 => (Kind::Float, 8),
    };
    Format { kind, itemsize, big_endian: false }
}

/// The first [`ELEMENTS_AT`] bytes of a file in C order.
pub(super) fn write(dtype: DType, shape: &Shape) -> Vec<u8> {
    let text =
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", descr(written(dtype)));
    let length = ELEMENTS_AT - 10;
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(u16::try_from(length).expect("a page is shorter than 64 KiB").to_le_bytes());
    bytes.extend(text.as_bytes());
    // 64 axes of 20 digits leave more than half of the page.
    bytes.resize(ELEMENTS_AT as usize - 1, b' ');
    bytes.push(b'\n');
    bytes
}
