//! Which elements of its operands an area of an operation's result is made of.

use crate::array::{AxisIndex, Bins, Expr, Operation, Shape, View};

/// A box of elements: places on each axis.
pub(super) type Area = Vec<Span>;

/// Places from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The places from `start` to before `end`.
pub(super) fn span(start: u64, end: u64) -> Span {
    Span { start, end }
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether they share places. What is empty is taken for its first place.
    pub(super) fn meets(self, other: Span) -> bool {
        let end = |span: Span| span.end.max(span.start + 1);
        self.start < end(other) && other.start < end(self)
    }
}

/// All elements.
pub(super) fn whole(shape: &Shape) -> Area {
    shape.extents().iter().map(|&extent| span(0, extent)).collect()
}

/// The area of each operand, in order; none where nothing of it is needed.
pub(super) fn needs(expr: &Expr, area: &[Span]) -> Vec<Option<Area>> {
    let operands = expr.operands();
    let every = |area: &dyn Fn(&Expr) -> Area| operands.iter().map(|operand| Some(area(operand))).collect();
    match expr.operation() {
        Operation::View(View::Slice(axes), _) => vec![Some(sliced(axes, area))],
        Operation::View(View::Transpose(order), operand) => {
            let mut moved = whole(operand.shape());
            order.iter().zip(area).for_each(|(&axis, range)| moved[axis] = *range);
            vec![Some(moved)]
        }
        Operation::View(View::Reshape, operand) => {
            vec![Some(reshaped(expr.shape(), operand.shape(), area))]
        }
        Operation::Concatenate(axis, parts) => joined(*axis, parts, area),
        Operation::Scan(_, axis, _) => {
            let mut before = area.to_vec();
            before[*axis].start = 0;
            vec![Some(before)]
        }
        Operation::Reduce(_, axes, operand) | Operation::QuantileAlong(_, axes, operand) => {
            let mut left = area.iter().copied();
            let axis = |(axis, whole)| {
                if axes.contains(&axis) { whole } else { left.next().unwrap_or(whole) }
            };
            vec![Some(whole(operand.shape()).into_iter().enumerate().map(axis).collect())]
        }
        Operation::Quantile(..) | Operation::Histogram(Bins::Even { .. } | Bins::Edges(_), _) => {
            every(&|operand| whole(operand.shape()))
        }
        _ => every(&|operand| repeated(operand.shape(), area)),
    }
}

/// The area of an operand that is repeated along new leading axes and along axes of extent 1.
fn repeated(shape: &Shape, area: &[Span]) -> Area {
    let own = &area[area.len().saturating_sub(shape.ndim())..];
    shape
        .extents()
        .iter()
        .zip(own)
        .map(|(&extent, range)| if extent == 1 { span(0, 1) } else { *range })
        .collect()
}

fn sliced(axes: &[AxisIndex], area: &[Span]) -> Area {
    let mut left = area.iter().copied();
    let axis = |index: &AxisIndex| match *index {
        AxisIndex::Index(place) => span(place, place + 1),
        AxisIndex::Range { start, step, .. } => {
            let taken = left.next().unwrap_or(span(0, 0));
            let place = |index: u64| start.wrapping_add_signed(step.wrapping_mul(index as i64));
            if taken.len() == 0 {
                return span(start, start);
            }
            let (first, last) = (place(taken.start), place(taken.end - 1));
            span(first.min(last), first.max(last) + 1)
        }
    };
    axes.iter().map(axis).collect()
}

/// The smallest area that holds the same elements in C order; exact where only axes of extent 1 come or go.
fn reshaped(from: &Shape, to: &Shape, area: &[Span]) -> Area {
    let long = |shape: &Shape| -> Vec<u64> {
        shape.extents().iter().copied().filter(|&extent| extent != 1).collect()
    };
    if long(from) == long(to) {
        let mut left =
            area.iter().zip(from.extents()).filter(|(_, extent)| **extent != 1).map(|(range, _)| range);
        let axis = |&extent: &u64| {
            if extent == 1 { span(0, 1) } else { left.next().copied().unwrap_or(span(0, extent)) }
        };
        return to.extents().iter().map(axis).collect();
    }
    if to.size() == 0 || area.iter().any(|span| span.len() == 0) {
        return whole(to);
    }
    let place = |end: &dyn Fn(&Span) -> u64| {
        area.iter().zip(from.extents()).fold(0, |place, (range, &extent)| place * extent + end(range))
    };
    let (mut first, mut last) = (place(&|range| range.start), place(&|range| range.end - 1));
    let mut stride = to.size();
    let mut apart = false;
    let axis = |&extent: &u64| {
        if apart {
            return span(0, extent);
        }
        stride /= extent;
        let range = span(first / stride, last / stride + 1);
        (first, last) = (first % stride, last % stride);
        apart = range.len() > 1;
        range
    };
    to.extents().iter().map(axis).collect()
}

fn joined(axis: usize, parts: &[Expr], area: &[Span]) -> Vec<Option<Area>> {
    let mut offset = 0_u64;
    let part = |part: &Expr| {
        let extent = part.shape().extents()[axis];
        let begin = offset;
        offset += extent;
        let own = (area[axis].start.max(begin), area[axis].end.min(offset));
        (own.0 < own.1).then(|| {
            let mut area = area.to_vec();
            area[axis] = span(own.0 - begin, own.1 - begin);
            area
        })
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::array::{Array, Index, arange};

    fn operand_of(array: &Array, area: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let area: Area = area.iter().map(|&(start, end)| span(start, end)).collect();
        let needed = needs(&array.expr().unwrap(), &area).swap_remove(0).expect("something is needed");
        needed.into_iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn views_need_the_elements_that_they_show() {
        let x = arange(0, 600, 1).reshape([20, 30]);
        assert_eq!(operand_of(&x.t(), &[(3, 5), (1, 2)]), [(1, 2), (3, 5)]);
        assert_eq!(operand_of(&x.at(-1), &[(3, 5)]), [(19, 20), (3, 5)]);
        assert_eq!(operand_of(&x.slice(&[Index::ALL.step(-3)]), &[(0, 2), (4, 9)]), [(16, 20), (4, 9)]);
        assert_eq!(operand_of(&x.reshape([20, 1, 30]), &[(2, 3), (0, 1), (7, 9)]), [(2, 3), (7, 9)]);
        assert_eq!(operand_of(&x.axis(0).sum(), &[(7, 9)]), [(0, 20), (7, 9)]);
        assert_eq!(operand_of(&x.axis(1).cumsum(), &[(7, 9), (3, 4)]), [(7, 9), (0, 4)]);
        assert_eq!(operand_of(&x.at(0).broadcast_to([4, 30]), &[(1, 2), (3, 4)]), [(3, 4)]);
    }

    #[test]
    fn joined_arrays_need_no_part_beyond_the_area() {
        let x = arange(0, 10, 1);
        let joined = crate::array::concatenate(&[x.clone(), x.clone(), x], 0).expr().unwrap();
        let needed = needs(&joined, &[span(8, 13)]);
        assert_eq!(needed, [Some(vec![span(8, 10)]), Some(vec![span(0, 3)]), None]);
    }

    /// Where an element lies in C order.
    fn place(shape: &Shape, index: &[u64]) -> u64 {
        shape.extents().iter().zip(index).fold(0, |place, (extent, index)| place * extent + index)
    }

    /// The index of a place in C order.
    fn index(shape: &Shape, mut place: u64) -> Vec<u64> {
        let mut index = vec![0; shape.ndim()];
        for (own, extent) in index.iter_mut().zip(shape.extents()).rev() {
            (*own, place) = (place % extent, place / extent);
        }
        index
    }

    proptest! {
        #[test]
        fn reshaped_areas_hold_all_their_elements(
            from in prop::sample::select(vec![vec![24], vec![4, 6], vec![2, 3, 4], vec![1, 24], vec![6, 1, 4]]),
            to in prop::sample::select(vec![vec![24], vec![8, 3], vec![3, 2, 4], vec![24, 1], vec![6, 4]]),
            corners in prop::collection::vec((0_u64..24, 0_u64..24), 3),
        ) {
            let (from, to) = (Shape::new(from).unwrap(), Shape::new(to).unwrap());
            let ends = corners.iter().zip(from.extents());
            let area: Area = ends
                .map(|(&(one, other), extent)| span(one.min(other) % extent, one.max(other) % extent))
                .map(|range| span(range.start.min(range.end), range.start.max(range.end) + 1))
                .collect();
            let needed = reshaped(&from, &to, &area);
            let within = |area: &[Span], index: &[u64]| {
                area.iter().zip(index).all(|(span, place)| (span.start..span.end).contains(place))
            };
            for number in (0..24).filter(|&number| within(&area, &index(&from, number))) {
                let own = index(&to, place(&from, &index(&from, number)));
                prop_assert!(within(&needed, &own), "{needed:?} lacks {own:?}");
            }
        }
    }
}
