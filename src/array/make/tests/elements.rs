//! Which element stands where: views and sources, evaluated place by place, against plain loops.

use proptest::prelude::*;

use super::{array, int, shape};
use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{AxisIndex, Expr, Operation, View};
use crate::array::make::Index;
use crate::array::shape::Shape;

/// All places of a shape in C order.
fn places(extents: &[u64]) -> Vec<Vec<u64>> {
    extents.iter().fold(vec![Vec::new()], |places, &extent| {
        let longer = |place: &Vec<u64>| {
            let place = place.clone();
            (0..extent).map(move |at| place.iter().copied().chain([at]).collect::<Vec<u64>>())
        };
        places.iter().flat_map(longer).collect()
    })
}

fn linear(place: &[u64], extents: &[u64]) -> u64 {
    place.iter().zip(extents).fold(0, |index, (&at, &extent)| index * extent + at)
}

/// The element of an expression of sources, views and joins.
fn element(expr: &Expr, place: &[u64]) -> f64 {
    match expr.operation() {
        Operation::Scalar(value) | Operation::Full(value) => value.to_f64(),
        Operation::Arange { start, step, last } => match last {
            Some(last) if place[0] + 1 == expr.shape().size() => *last,
            _ => start.to_f64() + place[0] as f64 * step.to_f64(),
        },
        Operation::View(view, operand) => element(operand, &behind(view, expr, operand, place)),
        Operation::Concatenate(axis, parts) => {
            let mut place = place.to_vec();
            for part in parts {
                let extent = part.shape().extents()[*axis];
                if place[*axis] < extent {
                    return element(part, &place);
                }
                place[*axis] -= extent;
            }
            panic!("a place beyond all parts")
        }
        other => panic!("{other:?}"),
    }
}

/// Where a view finds its element in the operand.
fn behind(view: &View, expr: &Expr, operand: &Expr, place: &[u64]) -> Vec<u64> {
    let extents = operand.shape().extents();
    match view {
        View::Slice(indices) => {
            let mut place = place.iter();
            let one = |index: &AxisIndex| match *index {
                AxisIndex::Index(at) => at,
                AxisIndex::Range { start, step, .. } => {
                    start.checked_add_signed(step * *place.next().unwrap() as i64).unwrap()
                }
            };
            indices.iter().map(one).collect()
        }
        View::Transpose(order) => {
            let at = |axis| place[order.iter().position(|&own| own == axis).unwrap()];
            (0..extents.len()).map(at).collect()
        }
        View::Reshape => {
            let mut index = linear(place, expr.shape().extents());
            let mut found = Vec::new();
            for &extent in extents.iter().rev() {
                found.push(index % extent);
                index /= extent;
            }
            found.reverse();
            found
        }
        View::Broadcast => {
            let aligned = &place[place.len() - extents.len()..];
            aligned.iter().zip(extents).map(|(&at, &extent)| if extent == 1 { 0 } else { at }).collect()
        }
    }
}

fn elements(expr: &Expr) -> Vec<f64> {
    let chunks = expr.chunks();
    assert_eq!(chunks.len(), expr.shape().ndim());
    for (axis, &extent) in chunks.iter().zip(expr.shape().extents()) {
        assert_eq!(axis.first().iter().sum::<u64>(), extent, "of few chunks, all are among the first");
        assert_eq!(axis.count(), axis.first().len() as u64);
        assert_eq!(axis.largest(), *axis.first().iter().max().unwrap());
    }
    places(expr.shape().extents()).iter().map(|place| element(expr, place)).collect()
}

/// 0, 1, 2, .. in C order.
fn counting(extents: &[u64]) -> Expr {
    let (size, chunks) = (shape(extents).size(), Chunks::from(3));
    let (start, stop) = (Scalar::Int(0), Scalar::Int(size as i64));
    let flat = Expr::arange(start, stop, Scalar::Int(1), None, &chunks).unwrap();
    flat.reshape(&extents.iter().map(|&extent| extent.into()).collect::<Vec<_>>()).unwrap()
}

/// Python's `list(range(extent))[start:stop:step]`, walked.
fn walked(start: Option<i128>, stop: Option<i128>, step: i128, extent: u64) -> Vec<u64> {
    let size = i128::from(extent);
    let absolute = |end: i128| if end < 0 { end + size } else { end };
    let inside = |at: i128| (0..size).contains(&at);
    let begins = |at: i128| match start.map(absolute) {
        None => true,
        Some(start) => {
            if step > 0 {
                at >= start
            } else {
                at <= start
            }
        }
    };
    let ends = |at: i128| match stop.map(absolute) {
        None => false,
        Some(stop) => {
            if step > 0 {
                at >= stop
            } else {
                at <= stop
            }
        }
    };
    let order: Vec<i128> = if step > 0 { (0..size).collect() } else { (0..size).rev().collect() };
    let Some(first) = order.into_iter().find(|&at| begins(at)) else { return Vec::new() };
    let steps = (0..).map(|index| first + index * step);
    steps.take_while(|&at| inside(at) && !ends(at)).map(|at| at as u64).collect()
}

fn bound() -> impl Strategy<Value = Option<i128>> {
    prop::option::of(-8_i128..8)
}

fn small_shape() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0_u64..5, 0..4)
}

proptest! {
    #[test]
    fn a_slice_takes_what_python_takes(extent in 0_u64..7, start in bound(), stop in bound(),
        step in prop_oneof![-4_i128..=-1, 1_i128..4]) {
        let sliced = counting(&[extent]).slice(&[Index::Slice { start, stop, step: Some(step) }]).unwrap();
        let expected: Vec<f64> = walked(start, stop, step, extent).into_iter().map(|at| at as f64).collect();
        prop_assert_eq!(elements(&sliced), expected);
    }

    #[test]
    fn entries_meet_their_axes(extents in prop::collection::vec(1_u64..5, 0..4), news in 0_usize..3,
        kinds in prop::collection::vec(0_u8..3, 3), dots in any::<prop::sample::Index>()) {
        // The first entries take one place, all, or all backwards; new axes come first, dots anywhere.
        let backwards = Index::from(..).step(-1);
        let named = kinds.len().min(extents.len());
        let mut indices = vec![Index::NewAxis; news];
        indices.extend(kinds[..named].iter().map(|kind| [Index::At(-1), Index::ALL, backwards][*kind as usize]));
        let mut expected_shape = vec![1; news];
        let kept = |axis: &usize| *axis >= named || kinds[*axis] != 0;
        expected_shape.extend((0..extents.len()).filter(kept).map(|axis| extents[axis]));
        // Between the entries, dots take the axes that the others leave: here none unless they come last.
        if named == extents.len() {
            indices.insert(dots.index(indices.len() + 1), Index::Ellipsis);
        }
        let sliced = counting(&extents).slice(&indices).unwrap();
        prop_assert_eq!(sliced.shape().extents(), expected_shape.as_slice());
        let expected: Vec<f64> = places(&expected_shape).iter().map(|place| {
            let mut left = place[news..].iter();
            let own: Vec<u64> = (0..extents.len()).map(|axis| match (axis < named).then(|| kinds[axis]) {
                Some(0) => extents[axis] - 1,
                Some(2) => extents[axis] - 1 - left.next().unwrap(),
                _ => *left.next().unwrap(),
            }).collect();
            linear(&own, &extents) as f64
        }).collect();
        prop_assert_eq!(elements(&sliced), expected);
    }

    #[test]
    fn transposed_places_are_permuted(extents in small_shape(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..extents.len()).collect();
        order.sort_by_key(|&axis| seed.rotate_left(axis as u32 * 7) % 11);
        let named: Vec<i128> = order.iter().map(|&axis| axis as i128).collect();
        let transposed = counting(&extents).transpose(Some(&named)).unwrap();
        let expected: Vec<f64> = places(transposed.shape().extents()).iter().map(|place| {
            let mut own = vec![0; extents.len()];
            order.iter().zip(place).for_each(|(&axis, &at)| own[axis] = at);
            linear(&own, &extents) as f64
        }).collect();
        prop_assert_eq!(elements(&transposed), expected);
    }

    #[test]
    fn a_reshape_keeps_c_order(extents in small_shape(), split in 1_u64..4) {
        let size = shape(&extents).size();
        let to = if size.is_multiple_of(split) { vec![i128::from(split), -1] } else { vec![-1, 1] };
        let reshaped = counting(&extents).reshape(&to).unwrap();
        prop_assert_eq!(elements(&reshaped), (0..size).map(|at| at as f64).collect::<Vec<_>>());
    }

    #[test]
    fn shapes_broadcast_axis_by_axis(left in small_shape(), right in small_shape()) {
        let ndim = left.len().max(right.len());
        let padded = |extents: &[u64]| [vec![1; ndim - extents.len()], extents.to_vec()].concat();
        let pairs: Vec<(u64, u64)> = padded(&left).into_iter().zip(padded(&right)).collect();
        let fits = pairs.iter().all(|&(left, right)| left == right || left == 1 || right == 1);
        let result = Shape::broadcast(&[&shape(&left), &shape(&right)]);
        prop_assert_eq!(result.is_ok(), fits);
        let Ok(both) = result else { return Ok(()) };
        let extents: Vec<u64> = pairs.iter().map(|&(left, right)| if left == 1 { right } else { left }).collect();
        prop_assert_eq!(both.extents(), extents.as_slice());
        let repeated = counting(&left).broadcast_to(&both).unwrap();
        let expected: Vec<f64> = places(&extents).iter().map(|place| {
            let own: Vec<u64> = place[ndim - left.len()..].iter().zip(&left).map(|(at, extent)| at % extent).collect();
            linear(&own, &left) as f64
        }).collect();
        prop_assert_eq!(elements(&repeated), expected);
    }

    #[test]
    fn joined_arrays_come_one_after_the_other(counts in prop::collection::vec(0_u64..4, 1..4), columns in 0_u64..3) {
        let parts: Vec<Expr> = counts.iter().map(|&rows| counting(&[rows, columns])).collect();
        let joined = Expr::concatenate(&parts, 0).unwrap();
        prop_assert_eq!(joined.shape().extents(), &[counts.iter().sum::<u64>(), columns][..]);
        prop_assert_eq!(elements(&joined), parts.iter().flat_map(elements).collect::<Vec<_>>());
        let across = Expr::concatenate(&parts.iter().map(|part| part.transpose(None).unwrap()).collect::<Vec<_>>(), -1);
        prop_assert_eq!(elements(&across.unwrap().transpose(None).unwrap()), elements(&joined));
    }
}

#[test]
fn stacked_numbers_are_an_array_of_them() {
    let stacked = Expr::stack(&[int(3), int(5)], 0).unwrap();
    assert_eq!((stacked.shape(), stacked.dtype()), (&shape(&[2]), DType::I64));
    assert_eq!(elements(&stacked), [3.0, 5.0]);
    let rows = Expr::stack(&[counting(&[2]), counting(&[2])], -1).unwrap();
    assert_eq!(elements(&rows), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn arange_has_the_elements_of_numpy() {
    let floats = |start, stop, step| {
        let [start, stop, step] = [start, stop, step].map(Scalar::Float);
        elements(&Expr::arange(start, stop, step, None, &Chunks::Automatic).unwrap())
    };
    // np.arange(1, 2, 0.1), whose delta is (1 + 0.1) - 1
    let tenths = floats(1.0, 2.0, 0.1);
    assert_eq!(tenths.len(), 10);
    assert_eq!(tenths[9], 1.9000000000000008);
    assert_eq!(floats(0.0, 1.0, 0.1)[3], 0.30000000000000004);
    assert_eq!(floats(0.0, -1.0, 0.1), [0.0; 0]);
    assert_eq!(floats(1.0, 0.0, -0.5), [1.0, 0.5]);
    let integers = |start, stop, step| {
        let [start, stop, step] = [start, stop, step].map(Scalar::Int);
        elements(&Expr::arange(start, stop, step, None, &Chunks::Automatic).unwrap())
    };
    assert_eq!(integers(0, 10, 3), [0.0, 3.0, 6.0, 9.0]);
    assert_eq!(integers(5, 0, -2), [5.0, 3.0, 1.0]);
    let truncated = Expr::arange(
        Scalar::Float(0.5),
        Scalar::Int(5),
        Scalar::Float(1.5),
        Some(DType::I64),
        &Chunks::Automatic,
    );
    assert_eq!(elements(&truncated.unwrap()), [0.0, 2.0, 4.0]);
}

#[test]
fn linspace_ends_where_numpy_ends() {
    let made = |start, stop, num, endpoint| {
        elements(&Expr::linspace(start, stop, num, endpoint, &Chunks::Automatic).unwrap())
    };
    assert_eq!(made(0.0, 1.0, 5, true), [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(made(0.0, 1.0, 4, false), [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(made(2.0, 1.0, 1, true), [2.0]);
    assert_eq!(made(2.0, 1.0, 0, true), [0.0; 0]);
    assert_eq!(made(0.0, 0.7, 8, true)[7], 0.7);
}

#[test]
fn what_changes_nothing_is_no_node() {
    let x = array(&[2, 3], DType::F64);
    let unchanged = [
        x.slice(&[Index::ALL]).unwrap(),
        x.slice(&[Index::from(0..9).step(1), Index::Ellipsis]).unwrap(),
        x.transpose(Some(&[0, -1])).unwrap(),
        x.reshape(&[-1, 3]).unwrap(),
        x.broadcast_to(x.shape()).unwrap(),
        x.cast(DType::F64).unwrap(),
        Expr::diff(&x, 0, 0).unwrap(),
        Expr::concatenate(std::slice::from_ref(&x), 0).unwrap(),
        Expr::clip(&x, None, None).unwrap(),
    ];
    for same in unchanged {
        assert_eq!(same.identity(), x.identity(), "{same:?}");
    }
}

#[test]
fn slices_with_steps_keep_the_chunks_they_meet() {
    let x = Expr::full(Scalar::Int(1), shape(&[20_000]), DType::F64, &Chunks::from(1000)).unwrap();
    let sparse = x.slice(&[Index::from(..).step(100)]).unwrap();
    assert_eq!((sparse.chunks()[0].count(), sparse.chunks()[0].largest()), (20, 10));
}
