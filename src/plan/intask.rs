//! Arrays that are made inside tasks, as they are sent to workers: a range of elements at a time, as a task needs
//! them, and never whole.

use serde::{Deserialize, Serialize};

use crate::array::Scan;
use crate::plan::finish::Finish;
use crate::plan::partial::Gather;
use crate::plan::stage::Program;

/// An array that is made inside tasks, in ranges of its elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Inner {
    /// Reductions of rows, or running sums.
    Rows(Rows),
    /// Several arrays put together.
    Joined(Joined),
}

/// An array of which each element, or each row of elements, is made from a row of places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The places from which it is made: first the axes of the array itself, then those that are reduced or
    /// scanned.
    pub extents: Vec<u64>,
    /// How many axes are the array's own.
    pub kept: u32,
    /// What is done with each block.
    pub program: Program,
    /// What becomes of the elements.
    pub making: Making,
}

/// An array put together of boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// The array's number of elements.
    pub elements: u64,
    /// Whether they are reals.
    pub real: bool,
    /// Boxes that cover the array.
    pub pieces: Vec<Piece>,
}

/// A box of an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// How far it goes along each axis.
    pub extents: Vec<u64>,
    /// The number of its first element in the array, in C order.
    pub offset: i64,
    /// How far it is to the next number along each axis; they fall from axis to axis.
    pub strides: Vec<i64>,
    /// Gives its elements to the one sink there is.
    pub program: Program,
}

/// How an array is made inside tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Making {
    /// Each element from the places of its row.
    Reduce {
        /// What is gathered of a row, sink by sink.
        gathers: Vec<Gather>,
        /// What it comes to.
        finish: Finish,
        /// Whether rows are visited side by side, because neighbouring elements are neighbours in the source.
        side_by_side: bool,
    },
    /// NumPy's linear quantile of each row.
    Quantile {
        /// From 0 to 1.
        q: f64,
        /// Whether it is rounded to single precision.
        single: bool,
    },
    /// Running sums or products of each row.
    Scan {
        /// What runs.
        scan: Scan,
        /// Whether it is rounded to single precision.
        single: bool,
        /// Reals, otherwise integers.
        real: bool,
        /// Whether rows are visited side by side, as in a reduction.
        side_by_side: bool,
    },
}

impl Inner {
    /// Whether its elements are reals.
    pub fn is_real(&self) -> bool {
        match self {
            Inner::Rows(rows) => match &rows.making {
                Making::Reduce { finish, .. } => finish.is_real(),
                Making::Quantile { .. } => true,
                Making::Scan { real, .. } => *real,
            },
            Inner::Joined(joined) => joined.real,
        }
    }

    /// The number of its elements, where the sizes it is made of are in range.
    pub fn elements(&self) -> i128 {
        match self {
            Inner::Rows(rows) => {
                let axes = if rows.is_scan() { rows.extents.len() } else { rows.kept as usize };
                rows.extents[..axes].iter().map(|&extent| i128::from(extent)).product()
            }
            Inner::Joined(joined) => i128::from(joined.elements),
        }
    }

    /// The rows of running sums.
    pub fn scanned(&self) -> Option<&Rows> {
        match self {
            Inner::Rows(rows) if rows.is_scan() => Some(rows),
            _ => None,
        }
    }

    /// What is done with blocks, here and in each piece.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        let (rows, pieces) = match self {
            Inner::Rows(rows) => (Some(&rows.program), [].as_slice()),
            Inner::Joined(joined) => (None, joined.pieces.as_slice()),
        };
        rows.into_iter().chain(pieces.iter().map(|piece| &piece.program))
    }
}

impl Rows {
    /// Places for each element of a reduction; elements of a row of a scan.
    pub fn row(&self) -> u64 {
        self.extents[self.kept as usize..].iter().product()
    }

    /// Whether rows are visited side by side.
    pub fn side_by_side(&self) -> bool {
        match self.making {
            Making::Reduce { side_by_side, .. } | Making::Scan { side_by_side, .. } => side_by_side,
            Making::Quantile { .. } => false,
        }
    }

    /// Whether each place is an element.
    pub fn is_scan(&self) -> bool {
        matches!(self.making, Making::Scan { .. })
    }
}

impl Piece {
    /// How many of its places, in C order, come before element `number` of the array.
    pub fn before(&self, number: u64) -> u64 {
        let mut rest = number.saturating_sub(self.offset as u64);
        let mut before = 0;
        let mut inner: u64 = self.extents.iter().product();
        let axes = self.extents.iter().zip(&self.strides);
        for (&extent, &stride) in axes.filter(|(extent, _)| **extent > 1) {
            inner /= extent;
            let index = rest / stride as u64;
            if index >= extent {
                return before + extent * inner;
            }
            before += index * inner;
            rest -= index * stride as u64;
        }
        // The place that is reached lies before what is left.
        before + u64::from(rest > 0)
    }
}
