//! The places over which a group of arrays is computed, and what each of them means to sources and sinks.
//!
//! Sums are exact and extrema have one order, so the places may be visited in any order: axes are turned
//! round, exchanged, joined and cut, until sources are read from front to back.

/// Places as a box of axes, the last one fastest, and maps from places to numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Space {
    pub(super) extents: Vec<u64>,
    pub(super) maps: Vec<Map>,
}

/// Place to number: `offset + sum of index[axis] * stride[axis]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) offset: i64,
    pub(super) strides: Vec<i64>,
}

impl Space {
    /// Without axes of extent 1. At least one axis is left.
    pub(super) fn drop_single_axes(&mut self) {
        for axis in (0..self.extents.len()).rev() {
            if self.extents[axis] == 1 && self.extents.len() > 1 {
                self.extents.remove(axis);
                for map in &mut self.maps {
                    map.strides.remove(axis);
                }
            }
        }
        if self.extents.is_empty() {
            self.extents.push(1);
            self.maps.iter_mut().for_each(|map| map.strides.push(0));
        }
    }

    /// Turns axes round along which a map goes backwards.
    pub(super) fn flip_to(&mut self, map: usize) {
        for axis in 0..self.extents.len() {
            if self.maps[map].strides[axis] < 0 {
                let last = (self.extents[axis] - 1) as i64;
                for map in &mut self.maps {
                    map.offset += map.strides[axis] * last;
                    map.strides[axis] = -map.strides[axis];
                }
            }
        }
    }

    /// Sorts the axes so that a map's strides fall. Axes along which it stands still keep their place.
    pub(super) fn order_by(&mut self, map: usize) {
        let strides = &self.maps[map].strides;
        let moving: Vec<usize> = (0..strides.len()).filter(|&axis| strides[axis] != 0).collect();
        let mut sorted = moving.clone();
        sorted.sort_by_key(|&axis| std::cmp::Reverse(strides[axis].unsigned_abs()));
        let mut order: Vec<usize> = (0..strides.len()).collect();
        for (place, axis) in moving.into_iter().zip(sorted) {
            order[place] = axis;
        }
        self.permute(&order);
    }

    /// Axis k becomes what axis `order[k]` was.
    pub(super) fn permute(&mut self, order: &[usize]) {
        self.extents = order.iter().map(|&axis| self.extents[axis]).collect();
        for map in &mut self.maps {
            map.strides = order.iter().map(|&axis| map.strides[axis]).collect();
        }
    }

    /// Joins neighbouring axes wherever every map goes on from one to the next.
    pub(super) fn join_axes(&mut self) {
        let mut axis = self.extents.len();
        while axis > 1 {
            axis -= 1;
            let extent = i128::from(self.extents[axis]);
            let joins =
                |map: &Map| i128::from(map.strides[axis - 1]) == i128::from(map.strides[axis]) * extent;
            if self.maps.iter().all(joins) {
                self.extents[axis - 1] *= self.extents[axis];
                self.extents.remove(axis);
                for map in &mut self.maps {
                    map.strides.remove(axis - 1);
                }
            }
        }
    }
}

impl Map {
    /// The least and the greatest number that the map reaches over these extents, none of which is 0.
    pub(super) fn reach(&self, extents: &[u64]) -> (i64, i64) {
        let (mut low, mut high) = (self.offset, self.offset);
        for (&stride, &extent) in self.strides.iter().zip(extents) {
            let far = stride * (extent - 1) as i64;
            low += far.min(0);
            high += far.max(0);
        }
        (low, high)
    }
}

/// The places along each axis of a box that holds any so many places which follow each other.
pub(super) fn hull(extents: &[u64], places: u64) -> Vec<u64> {
    let mut hull = extents.to_vec();
    let mut lines = places.max(1);
    for (hull, &extent) in hull.iter_mut().zip(extents).rev() {
        *hull = extent.min(lines);
        // The first and the last of the lines need not be whole.
        lines = (lines - 1).div_ceil(extent) + 1;
    }
    hull
}
