//! Walking over the places of a box in C order, block by block, as runs of numbers with one step.

/// The numbers of the places of a box: `base + sum of index[axis] * stride[axis]`, axes joined where they
/// go on from one to the next.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    base: i64,
    /// Extent and stride, the fastest axis first.
    axes: Vec<(u64, i64)>,
}

/// Numbers `first`, `first + step`, .. , `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Walk {
    /// Over a box that begins at `start`.
    pub(super) fn new(offset: i64, strides: &[i64], start: &[u64], extents: &[u64]) -> Self {
        let mut base = offset;
        let mut axes: Vec<(u64, i64)> = Vec::with_capacity(strides.len());
        for axis in (0..strides.len()).rev() {
            let (extent, stride) = (extents[axis], strides[axis]);
            base += stride * start[axis] as i64;
            if extent == 1 {
                continue;
            }
            match axes.last_mut() {
                Some((inner, step)) if stride == *step * *inner as i64 => *inner *= extent,
                _ => axes.push((extent, stride)),
            }
        }
        if axes.is_empty() {
            axes.push((1, 0));
        }
        Walk { base, axes }
    }

    /// Of the places in C order from `place` on, `length` of them; calls with each run and where it begins
    /// among them.
    pub(super) fn runs<E>(
        &self,
        place: u64,
        length: usize,
        mut each: impl FnMut(usize, Run) -> Result<(), E>,
    ) -> Result<(), E> {
        let (extent, step) = self.axes[0];
        let (mut row, mut within) =
            if self.axes.len() == 1 { (0, place) } else { (place / extent, place % extent) };
        let mut done = 0;
        while done < length {
            let count = ((extent - within).min((length - done) as u64)) as usize;
            let first = self.row(row) + step * within as i64;
            each(done, Run { first, step, count })?;
            done += count;
            within = 0;
            row += 1;
        }
        Ok(())
    }

    /// The first number of a row.
    fn row(&self, mut row: u64) -> i64 {
        let mut number = self.base;
        for &(extent, stride) in &self.axes[1..] {
            number += stride * (row % extent) as i64;
            row /= extent;
        }
        number
    }

    /// The number of the first place, and whether all places follow each other.
    pub(super) fn straight(&self) -> Option<i64> {
        (self.axes.len() == 1 && self.axes[0].1 == 1).then_some(self.base)
    }

    /// The length of rows and the step between neighbours, where rows are all there is: each row begins where
    /// every other does.
    pub(super) fn repeated(&self) -> Option<(u64, i64)> {
        match self.axes[..] {
            [(extent, step), (_, 0)] => Some((extent, step)),
            _ => None,
        }
    }

    /// The least and the greatest number among `length` places in C order from `place` on, or bounds of them.
    pub(super) fn reach(&self, place: u64, length: u64) -> (i64, i64) {
        let (mut low, mut high) = (self.base, self.base);
        let (mut from, mut to) = (place, place + length - 1);
        // From the slowest axis on: as long as both ends agree, the place is known.
        let mut inner: u64 = self.axes[..self.axes.len() - 1].iter().map(|(extent, _)| extent).product();
        let mut whole = false;
        for index in (0..self.axes.len()).rev() {
            let (extent, stride) = self.axes[index];
            let (a, b) = if whole { (0, extent - 1) } else { (from / inner, to / inner) };
            low += (stride * a as i64).min(stride * b as i64);
            high += (stride * a as i64).max(stride * b as i64);
            if !whole && a == b {
                (from, to) = (from % inner, to % inner);
            } else {
                whole = true;
            }
            if index > 0 {
                inner /= self.axes[index - 1].0;
            }
        }
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(offset: i64, strides: &[i64], start: &[u64], extents: &[u64]) -> Vec<i64> {
        let size: u64 = extents.iter().product();
        (0..size)
            .map(|mut place| {
                let mut number = offset;
                for axis in (0..extents.len()).rev() {
                    number += strides[axis] * (start[axis] + place % extents[axis]) as i64;
                    place /= extents[axis];
                }
                number
            })
            .collect()
    }

    proptest! {
        #[test]
        fn runs_are_the_numbers_of_the_places(
            axes in prop::collection::vec((1_u64..5, -7_i64..8, 0_u64..3), 1..5),
            joined: bool,
            from in 0.0_f64..1.0,
            until in 0.0_f64..1.0,
        ) {
            let extents: Vec<u64> = axes.iter().map(|axis| axis.0).collect();
            let mut strides: Vec<i64> = axes.iter().map(|axis| axis.1).collect();
            let start: Vec<u64> = axes.iter().map(|axis| axis.2).collect();
            if joined {
                for axis in (1..strides.len()).rev() {
                    strides[axis - 1] = strides[axis] * extents[axis] as i64;
                }
            }
            let all = numbers(3, &strides, &start, &extents);
            let (a, b) = ((from * all.len() as f64) as usize, (until * all.len() as f64) as usize);
            let (a, b) = (a.min(b), a.max(b) + 1);
            let walk = Walk::new(3, &strides, &start, &extents);
            let mut walked = Vec::new();
            walk.runs(a as u64, b - a, |at, run| -> Result<(), ()> {
                assert_eq!(at, walked.len());
                walked.extend((0..run.count as i64).map(|k| run.first + k * run.step));
                Ok(())
            }).unwrap();
            prop_assert_eq!(&walked, &all[a..b]);
            let (low, high) = walk.reach(a as u64, (b - a) as u64);
            prop_assert!(walked.iter().all(|number| (low..=high).contains(number)));
        }
    }
}
