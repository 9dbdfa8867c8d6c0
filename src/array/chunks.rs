//! How the axes of an array are cut into chunks: what a user asks for, and what comes of it.
//!
//! The cut of an axis is described in a few hundred bytes, however many chunks there are. What operations
//! make of it is in `cut.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::array::cut::AxisChunks;
use crate::array::dtype::DType;
use crate::array::shape::{Shape, axis_within, tuple};
use crate::error::{Error, Result};

/// Bytes of a chunk where the user leaves the choice, as dask's default.
const AUTOMATIC_BYTES: u64 = 128 << 20;

const WORDS: &str = "\"auto\" or a size such as \"64 MiB\"";

/// The chunks a user asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Chunks {
    /// About 128 MiB a chunk, the last axes kept whole.
    #[default]
    Automatic,
    /// The same on every axis.
    Every(AxisChunk),
    /// One entry for each axis. For an array of one axis, several extents are the chunks themselves.
    Axes(Vec<AxisChunk>),
    /// Only some axes, by number, the last one also -1; the others stay whole.
    Some(BTreeMap<i128, AxisChunk>),
}

/// The chunks a user asks for along one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisChunk {
    /// Every chunk but the last has this extent; -1 is the whole axis.
    Extent(i128),
    /// The extents of all chunks.
    List(Vec<i128>),
    /// `auto`, or the bytes of a chunk, such as `64 MiB`.
    Text(String),
}

impl AxisChunk {
    /// The whole axis.
    pub const WHOLE: AxisChunk = AxisChunk::Extent(-1);
}

impl Chunks {
    /// How each axis of an array is cut. Axes left to choose share what the others leave of a chunk's bytes,
    /// from the last axis on.
    pub fn resolve(&self, shape: &Shape, dtype: DType) -> Result<Vec<AxisChunks>> {
        if let (Chunks::Axes(axes), &[extent]) = (self, shape.extents())
            && axes.len() > 1
            && axes.iter().all(|axis| matches!(axis, AxisChunk::Extent(_)))
        {
            let extents = axes.iter().filter_map(|axis| match axis {
                AxisChunk::Extent(chunk) => Some(*chunk),
                _ => None,
            });
            return Ok(vec![listed(extents, extent)?]);
        }
        let asked = self.axes(shape)?;
        let bytes = bytes_of_chunk(&asked)?;
        let mut cut: Vec<Option<AxisChunks>> = Vec::with_capacity(asked.len());
        for (asked, &extent) in asked.iter().zip(shape.extents()) {
            cut.push(match asked.as_ref() {
                AxisChunk::Extent(chunk) => Some(regular(*chunk, extent)?),
                AxisChunk::List(chunks) => Some(listed(chunks.iter().copied(), extent)?),
                AxisChunk::Text(_) => None,
            });
        }
        let fixed =
            cut.iter().flatten().fold(1, |elements: u64, axis| elements.saturating_mul(axis.largest()));
        let mut room = bytes / dtype.itemsize() / fixed.max(1);
        for (axis, &extent) in cut.iter_mut().zip(shape.extents()).rev() {
            if axis.is_none() {
                let chunk = room.clamp(1, extent.max(1));
                room /= chunk;
                *axis = Some(AxisChunks::regular(extent, chunk));
            }
        }
        Ok(cut.into_iter().flatten().collect())
    }

    /// One entry for each axis.
    fn axes(&self, shape: &Shape) -> Result<Vec<Cow<'_, AxisChunk>>> {
        match self {
            Chunks::Automatic => Ok(vec![Cow::Owned(AxisChunk::Text("auto".to_owned())); shape.ndim()]),
            Chunks::Every(chunk) => Ok(vec![Cow::Borrowed(chunk); shape.ndim()]),
            Chunks::Axes(axes) if axes.len() != shape.ndim() => Err(count_of_axes(axes.len(), shape)),
            Chunks::Axes(axes) => Ok(axes.iter().map(Cow::Borrowed).collect()),
            Chunks::Some(axes) => {
                let mut all = vec![Cow::Owned(AxisChunk::WHOLE); shape.ndim()];
                for (&axis, chunk) in axes {
                    all[axis_within(axis, shape.ndim())?] = Cow::Borrowed(chunk);
                }
                Ok(all)
            }
        }
    }
}

fn count_of_axes(count: usize, shape: &Shape) -> Error {
    let axes = |count: usize| if count == 1 { "1 axis".to_owned() } else { format!("{count} axes") };
    Error::refused(format!("chunks for {} of an array with {}", axes(count), axes(shape.ndim())))
        .hint(format!("the array's shape is {shape}: give one entry for each axis"))
}

fn regular(chunk: i128, extent: u64) -> Result<AxisChunks> {
    match chunk {
        -1 => Ok(AxisChunks::whole(extent)),
        1.. => Ok(AxisChunks::regular(extent, u64::try_from(chunk).unwrap_or(u64::MAX))),
        _ => Err(too_small(chunk)),
    }
}

fn listed(chunks: impl Iterator<Item = i128> + Clone, extent: u64) -> Result<AxisChunks> {
    // An empty axis has one empty chunk.
    if let Some(chunk) = chunks.clone().find(|&chunk| chunk < i128::from(extent > 0)) {
        return Err(too_small(chunk));
    }
    let sum = chunks.clone().fold(0_i128, i128::saturating_add);
    if sum != i128::from(extent) {
        return Err(Error::refused(format!("chunks that sum to {sum} along an axis of {extent} elements"))
            .cause(format!("they are {}", abbreviated(chunks)))
            .hint("the chunks of an axis sum to its extent; one number stands for chunks of that extent"));
    }
    Ok(AxisChunks::listed(chunks.map(|chunk| u64::try_from(chunk).unwrap_or(u64::MAX))))
}

fn abbreviated(chunks: impl Iterator<Item = i128> + Clone) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<i128> = chunks.clone().take(SHOWN).collect();
    match chunks.skip(SHOWN).count() {
        0 => tuple(&shown),
        more => format!("{} and {more} more", tuple(&shown)),
    }
}

fn too_small(chunk: i128) -> Error {
    Error::refused(format!("chunks of {chunk} elements"))
        .hint("a chunk has at least one element; -1 is the whole axis")
}

/// The bytes that texts among the entries ask for; all that ask say the same.
fn bytes_of_chunk(asked: &[Cow<'_, AxisChunk>]) -> Result<u64> {
    let mut found: Option<(&str, u64)> = None;
    for axis in asked {
        let AxisChunk::Text(text) = axis.as_ref() else { continue };
        if text == "auto" {
            continue;
        }
        let bytes = parse_bytes(text)?;
        if let Some((first, other)) = found
            && other != bytes
        {
            return Err(Error::refused(format!("chunks of both \"{first}\" and \"{text}\"")).hint(
                "the bytes are those of a whole chunk: say them once, and \"auto\" for the other axes",
            ));
        }
        found = Some((text, bytes));
    }
    Ok(found.map_or(AUTOMATIC_BYTES, |(_, bytes)| bytes))
}

/// Bytes as dask reads them: powers of 1000, and of 1024 with an `i`.
fn parse_bytes(text: &str) -> Result<u64> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (number, unit) = compact.split_at(compact.trim_end_matches(char::is_alphabetic).len());
    let unit = unit.to_ascii_lowercase();
    let factor: Option<u64> = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => Some(1),
        "k" => Some(1000),
        "ki" => Some(1 << 10),
        "m" => Some(1_000_000),
        "mi" => Some(1 << 20),
        "g" => Some(1_000_000_000),
        "gi" => Some(1 << 30),
        "t" => Some(1_000_000_000_000),
        "ti" => Some(1 << 40),
        _ => None,
    };
    match (number.parse::<f64>(), factor) {
        (Ok(number), Some(factor)) if number * factor as f64 >= 1.0 => Ok((number * factor as f64) as u64),
        _ => Err(Error::refused(format!("invalid chunks \"{text}\"")).hint(format!("write {WORDS}"))),
    }
}

macro_rules! chunks_from {
    ($($integer:ty),*) => {$(
        impl From<$integer> for AxisChunk {
            fn from(extent: $integer) -> Self {
                AxisChunk::Extent(extent.into())
            }
        }

        impl From<Vec<$integer>> for AxisChunk {
            fn from(chunks: Vec<$integer>) -> Self {
                AxisChunk::List(chunks.into_iter().map(i128::from).collect())
            }
        }

        impl From<$integer> for Chunks {
            fn from(extent: $integer) -> Self {
                Chunks::Every(extent.into())
            }
        }
    )*};
}

chunks_from!(i32, i64, u64);

impl From<&str> for AxisChunk {
    fn from(text: &str) -> Self {
        AxisChunk::Text(text.to_owned())
    }
}

impl From<&str> for Chunks {
    fn from(text: &str) -> Self {
        Chunks::Every(text.into())
    }
}

impl<T: Into<AxisChunk>, const N: usize> From<[T; N]> for Chunks {
    fn from(axes: [T; N]) -> Self {
        Chunks::Axes(axes.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<AxisChunk>> From<Vec<T>> for Chunks {
    fn from(axes: Vec<T>) -> Self {
        Chunks::Axes(axes.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<AxisChunk>> From<BTreeMap<i128, T>> for Chunks {
    fn from(axes: BTreeMap<i128, T>) -> Self {
        Chunks::Some(axes.into_iter().map(|(axis, chunk)| (axis, chunk.into())).collect())
    }
}

#[cfg(test)]
mod tests;
