//! [`Index`]: one entry between the brackets of `x[..]`, and what it takes of an axis.

use std::ops::{Range, RangeFrom, RangeFull, RangeTo};

use crate::array::expr::AxisIndex;
use crate::error::{Error, Result};

/// One entry of an index, by NumPy's rules. Rust's numbers and ranges convert: `Index::from(1..)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// One place; the axis goes. Negative places count from the end.
    At(i128),
    /// `start:stop:step`; what is left out is an end of the axis, or a step of 1.
    Slice {
        /// The first place.
        start: Option<i128>,
        /// The place before which it ends.
        stop: Option<i128>,
        /// Not 0; negative goes backwards.
        step: Option<i128>,
    },
    /// `None` or `newaxis`: a new axis of extent 1.
    NewAxis,
    /// `...`: all axes that the other entries leave.
    Ellipsis,
}

impl Index {
    /// The whole axis.
    pub const ALL: Index = Index::Slice { start: None, stop: None, step: None };

    /// A slice with this step; other entries stay as they are.
    #[must_use]
    pub fn step(self, step: i128) -> Index {
        match self {
            Index::Slice { start, stop, .. } => Index::Slice { start, stop, step: Some(step) },
            other => other,
        }
    }
}

/// What `At` takes of axis `axis`.
pub(super) fn place(at: i128, axis: usize, extent: u64) -> Result<AxisIndex> {
    let size = i128::from(extent);
    if !(-size..size).contains(&at) {
        return Err(Error::refused(format!(
            "index {at} is out of bounds for axis {axis} with size {extent}"
        ))
        .hint(match extent {
            0 => "the axis is empty".to_owned(),
            1 => "its only place is 0, also -1".to_owned(),
            _ => format!("its places are 0 to {}, also -{extent} to -1", extent - 1),
        }));
    }
    let place = if at < 0 { at + size } else { at };
    Ok(AxisIndex::Index(u64::try_from(place).expect("a place within an extent fits")))
}

/// What `start:stop:step` takes of an axis: Python's `slice.indices`.
pub(super) fn range(
    start: Option<i128>,
    stop: Option<i128>,
    step: Option<i128>,
    extent: u64,
) -> Result<AxisIndex> {
    let size = i128::from(extent);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Error::refused("slice step cannot be zero").hint("a step is 1 or more, or negative"));
    }
    // Before the first and after the last place, as seen in the direction of the step.
    let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let end = |end: i128| (if end < 0 { end.saturating_add(size) } else { end }).clamp(least, most);
    let (first, last) = if step > 0 { (least, most) } else { (most, least) };
    let (start, stop) = (start.map_or(first, end), stop.map_or(last, end));
    let distance = if step > 0 { stop - start } else { start - stop };
    if distance <= 0 {
        return Ok(AxisIndex::Range { start: 0, step: 1, count: 0 });
    }
    let count = (distance.unsigned_abs() - 1) / step.unsigned_abs() + 1;
    // With two places or more, the step is within the axis.
    let step = if count == 1 { 1 } else { step };
    Ok(AxisIndex::Range {
        start: u64::try_from(start).expect("a slice with places begins within the axis"),
        step: i64::try_from(step).expect("a step between two places of an axis fits"),
        count: u64::try_from(count).expect("an axis has as many places as its slices"),
    })
}

macro_rules! index_from {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Index {
            fn from(at: $integer) -> Self {
                Index::At(at.into())
            }
        }

        impl From<Range<$integer>> for Index {
            fn from(range: Range<$integer>) -> Self {
                Index::Slice { start: Some(range.start.into()), stop: Some(range.end.into()), step: None }
            }
        }

        impl From<RangeFrom<$integer>> for Index {
            fn from(range: RangeFrom<$integer>) -> Self {
                Index::Slice { start: Some(range.start.into()), stop: None, step: None }
            }
        }

        impl From<RangeTo<$integer>> for Index {
            fn from(range: RangeTo<$integer>) -> Self {
                Index::Slice { start: None, stop: Some(range.end.into()), step: None }
            }
        }
    )*};
}

index_from!(i32, i64);

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Self {
        Index::ALL
    }
}
