//! Every refusal: NumPy's words where it has them, and what to change.

use std::sync::Arc;

use super::{array, float, int, number, shape};
use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Reduction, ReductionKind, Scan, Unary};
use crate::array::make::{HistogramBins, Index};
use crate::array::random::{Distribution, Random};
use crate::array::stored::{Format, Kind, Part, Stored};
use crate::error::Result;

fn refusals(results: impl IntoIterator<Item = Result<Expr>>) -> String {
    let refused: Vec<String> = results.into_iter().map(|result| result.unwrap_err().to_string()).collect();
    refused.join("\n")
}

fn real(extents: &[u64]) -> Expr {
    array(extents, DType::F64)
}

fn reduce(kind: ReductionKind, operand: &Expr, axes: &[i128]) -> Result<Expr> {
    Expr::reduce(Reduction { kind, skip_nan: false }, operand, Some(axes), false)
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let bits = array(&[2], DType::Bool);
    let whole = array(&[2], DType::I64);
    insta::assert_snapshot!(refusals([
        Expr::binary(Binary::Add, &real(&[2, 3]), &real(&[4])),
        Expr::choose(&bits, &real(&[2]), &real(&[3])),
        Expr::binary(Binary::Subtract, &bits, &bits),
        Expr::unary(Unary::Negate, &bits),
        Expr::unary(Unary::Sign, &bits),
        Expr::unary(Unary::Invert, &float(2.5)),
        Expr::binary(Binary::And, &whole, &float(1.0)),
        Expr::binary(Binary::Power, &whole, &int(-1)),
        Expr::binary(Binary::Multiply, &int(1 << 62), &int(2)),
        Expr::unary(Unary::Negate, &int(i64::MIN)),
        Expr::binary(Binary::Remainder, &int(1), &int(0)),
        Expr::binary(Binary::Divide, &float(1.0), &int(0)),
    ]), @"
    error: operands could not be broadcast together with shapes (2, 3) (4,)
    hint: axes are matched from the last one: two extents are equal, or one of them is 1
    error: operands could not be broadcast together with shapes (2,) (2,) (3,)
    hint: axes are matched from the last one: two extents are equal, or one of them is 1
    error: numpy boolean subtract, the `-` operator, is not supported
    hint: use the `^` operator
    error: the numpy boolean negative, the `-` operator, is not supported
    hint: use the `~` operator
    error: ufunc 'sign' not supported for the input types
    cause: the elements are bool
    hint: cast it first: x.astype(int)
    error: ufunc 'invert' not supported for the input types
    cause: the elements are float64
    hint: `~` takes int64 and bool
    error: ufunc 'bitwise_and' not supported for the input types
    cause: the elements are float64
    hint: `&`, `|` and `^` take int64 and bool
    error: Integers to negative integer powers are not allowed
    hint: write the exponent as a float, such as -1.0
    error: Python integer out of bounds for int64
    hint: whole numbers have 64 bits with a sign; write a float, such as 1e20
    error: Python integer out of bounds for int64
    hint: whole numbers have 64 bits with a sign; write a float, such as 1e20
    error: division by zero
    hint: of numbers Python refuses it; an array divides by 0 to inf or nan
    error: division by zero
    hint: of numbers Python refuses it; an array divides by 0 to inf or nan
    ");
}

#[test]
fn places_and_axes_out_of_bounds_are_refused() {
    let x = real(&[2, 3]);
    insta::assert_snapshot!(refusals([
        x.slice(&[5.into()]),
        x.slice(&[Index::ALL, Index::At(-4)]),
        real(&[0]).slice(&[0.into()]),
        real(&[1]).slice(&[1.into()]),
        x.slice(&[0.into(), 0.into(), 0.into()]),
        number(DType::F64).slice(&[0.into()]),
        x.slice(&[Index::Ellipsis, Index::Ellipsis]),
        x.slice(&[Index::ALL.step(0)]),
        x.transpose(Some(&[0, 5])),
        x.transpose(Some(&[0, 0])),
        x.transpose(Some(&[0])),
        reduce(ReductionKind::Sum, &x, &[2]),
        reduce(ReductionKind::Sum, &real(&[2]), &[-2]),
        reduce(ReductionKind::Sum, &number(DType::F64), &[0]),
        reduce(ReductionKind::Sum, &x, &[0, -2]),
        Expr::scan(Scan::Sum, &x, Some(2)),
        Expr::diff(&number(DType::F64), 1, -1),
        Expr::diff(&x, 1, 2),
    ]), @"
    error: index 5 is out of bounds for axis 0 with size 2
    hint: its places are 0 to 1, also -2 to -1
    error: index -4 is out of bounds for axis 1 with size 3
    hint: its places are 0 to 2, also -3 to -1
    error: index 0 is out of bounds for axis 0 with size 0
    hint: the axis is empty
    error: index 1 is out of bounds for axis 0 with size 1
    hint: its only place is 0, also -1
    error: too many indices for array: array is 2-dimensional, but 3 were indexed
    hint: the array's shape is (2, 3)
    error: too many indices for array: array is 0-dimensional, but 1 were indexed
    hint: the array's shape is ()
    error: an index can only have a single ellipsis ('...')
    hint: write `:` for each axis that stays whole
    error: slice step cannot be zero
    hint: a step is 1 or more, or negative
    error: axis 5 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    error: repeated axis in transpose
    hint: axis 1 is missing: name each axis once
    error: axes don't match array
    hint: the array has 2 axes, and 1 are named: name each axis once
    error: axis 2 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    error: axis -2 is out of bounds for array of dimension 1
    hint: its only axis is 0, also -1
    error: axis 0 is out of bounds for array of dimension 0
    hint: a number has no axis
    error: duplicate value in 'axis'
    cause: axis 0 is given twice
    hint: name each axis once
    error: axis 2 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    error: diff requires input that is at least one dimensional
    hint: a number has no neighbours
    error: axis 2 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    ");
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let x = real(&[2, 3]);
    insta::assert_snapshot!(refusals([
        x.reshape(&[4]),
        x.reshape(&[-1, 4]),
        x.reshape(&[-1, -1]),
        x.reshape(&[-2, 3]),
        real(&[0, 3]).reshape(&[-1, 0]),
        x.broadcast_to(&shape(&[3])),
        real(&[3]).broadcast_to(&shape(&[4])),
        Expr::concatenate(&[], 0),
        Expr::concatenate(&[int(1), int(2)], 0),
        Expr::concatenate(&[x.clone(), real(&[3])], 0),
        Expr::concatenate(&[x.clone(), real(&[2, 4])], 0),
        Expr::concatenate(std::slice::from_ref(&x), 2),
        Expr::stack(&[], 0),
        Expr::stack(&[x.clone(), real(&[2])], 0),
        Expr::stack(std::slice::from_ref(&x), 3),
        real(&[1 << 62]).broadcast_to(&shape(&[2, 1 << 62])).and_then(|x| Expr::concatenate(&[x.clone(), x], 1)),
        Expr::dot(&real(&[2]), &real(&[3])),
        Expr::dot(&x, &x),
        Expr::dot(&real(&[2, 2, 2]), &x),
    ]), @"
    error: cannot reshape array of size 6 into shape (4,)
    hint: a reshaped array has as many elements as before
    error: cannot reshape array of size 6 into shape (-1, 4)
    hint: a reshaped array has as many elements as before
    error: can only specify one unknown dimension
    hint: -1 stands for what the other extents leave
    error: an extent of -2 in a shape
    hint: extents are 0 or more; one may be -1, for what the others leave
    error: cannot reshape array of size 0 into shape (-1, 0)
    hint: a reshaped array has as many elements as before
    error: operands could not be broadcast together with remapped shapes [original->remapped]: (2, 3) and requested shape (3,)
    hint: axes are matched from the last one; those of extent 1 repeat, and new ones come first
    error: operands could not be broadcast together with remapped shapes [original->remapped]: (3,) and requested shape (4,)
    hint: axes are matched from the last one; those of extent 1 repeat, and new ones come first
    error: need at least one array to concatenate
    hint: the list of arrays is empty
    error: zero-dimensional arrays cannot be concatenated
    hint: join numbers with stack
    error: all the input arrays must have same number of dimensions, but the array at index 0 has 2 dimension(s) and the array at index 1 has 1 dimension(s)
    hint: add axes with None: x[None]
    error: all the input array dimensions except for the concatenation axis must match exactly, but along dimension 1, the array at index 0 has size 3 and the array at index 1 has size 4
    hint: the arrays are joined along axis 0
    error: axis 2 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    error: need at least one array to stack
    hint: the list of arrays is empty
    error: all input arrays must have the same shape
    cause: shapes (2, 3) and (2,) differ
    hint: to join arrays along an axis they have, use concatenate
    error: axis 3 is out of bounds for array of dimension 3
    hint: its axes are 0 to 2, also -3 to -1
    error: an array of shape (2, 9223372036854775808) has too many elements
    hint: an array has at most 2^63 elements
    error: shapes (2,) and (3,) not aligned: 2 (dim 0) != 3 (dim 0)
    hint: the last axis of the first has the extent of the first axis of the second
    error: shapes (2, 3) and (2, 3) not aligned: 3 (dim 1) != 2 (dim 0)
    hint: the last axis of the first has the extent of the first axis of the second
    error: dot of arrays of shapes (2, 2, 2) and (2, 3)
    hint: it takes numbers, and arrays of one or two axes
    ");
}

#[test]
fn reductions_without_a_value_are_refused() {
    let empty = real(&[0, 3]);
    let cube = real(&[2, 2, 2]);
    let bits = array(&[2], DType::Bool);
    let weighed = |weights: &Expr, axes| Expr::average(&cube, Some(weights), axes, false);
    let bins = |bins: HistogramBins| Expr::histogram(&cube, bins).map(|(counts, _)| counts);
    let range = |low, high| bins(HistogramBins::Count { count: 1, range: Some((low, high)) });
    insta::assert_snapshot!(refusals([
        reduce(ReductionKind::Min, &empty, &[0]),
        reduce(ReductionKind::Max, &empty, &[0, 1]),
        reduce(ReductionKind::ArgMin, &empty, &[0]),
        reduce(ReductionKind::ArgMax, &cube, &[0, 1]),
        Expr::ptp(&bits, None, false),
        Expr::quantile(&cube, 1.5, None, false),
        Expr::quantile(&cube, f64::NAN, None, false),
        weighed(&real(&[2]), None),
        weighed(&real(&[3]), Some(&[0])),
        Expr::cov(&cube, true, 1),
        bins(HistogramBins::from(0)),
        range(1.0, 0.0),
        range(0.0, f64::INFINITY),
        bins(HistogramBins::from([1.0])),
        bins(HistogramBins::from([1.0, 0.0])),
        bins(HistogramBins::from([0.0, f64::NAN])),
    ]), @"
    error: zero-size array to reduction operation minimum which has no identity
    hint: the array's shape is (0, 3)
    error: zero-size array to reduction operation maximum which has no identity
    hint: the array's shape is (0, 3)
    error: attempt to get argmin of an empty sequence
    hint: the array's shape is (0, 3)
    error: `argmax` over 2 axes
    hint: it goes over one axis, or over all
    error: numpy boolean subtract, the `-` operator, is not supported
    hint: use the `^` operator
    error: Quantiles must be in the range [0, 1]
    hint: 0.5 is the median, and 99 % is 0.99
    error: Quantiles must be in the range [0, 1]
    hint: 0.5 is the median, and 99 % is 0.99
    error: Axis must be specified when shapes of a and weights differ
    cause: the array's shape is (2, 2, 2), that of the weights (2,)
    hint: name the axis of the weights: axis=0
    error: Shape of weights must be consistent with shape of a along specified axis
    cause: the array's shape is (2, 2, 2), that of the weights (3,)
    hint: weights have the array's shape, or one extent for each axis that is averaged over
    error: m has more than 2 dimensions
    cause: the array's shape is (2, 2, 2)
    hint: one axis holds the variables, the other their observations
    error: `bins` must be positive, when an integer
    hint: bins=10 are ten bins of one width; a list holds their edges
    error: max must be larger than min in range parameter
    hint: the range is from 1 to 0: swap them
    error: supplied range of [0, inf] is not finite
    hint: give the lower and the upper end, or leave `range` out
    error: a histogram with 1 edges
    hint: bins have an edge more than there are bins: at least two
    error: `bins` must increase monotonically, when an array
    hint: sort the edges, without nan
    error: `bins` must increase monotonically, when an array
    hint: sort the edges, without nan
    ");
}

#[test]
fn sources_out_of_range_are_refused() {
    let normal =
        Random { seed: None, stream: None, distribution: Distribution::Normal { loc: 0.0, scale: -1.0 } };
    let uniform = Random { distribution: Distribution::Random, ..normal.clone() };
    let automatic = &Chunks::Automatic;
    let arange = |start, stop, step, dtype| {
        Expr::arange(Scalar::Float(start), Scalar::Float(stop), Scalar::Float(step), dtype, automatic)
    };
    let part = Part { path: "/x.npy".into(), offset: 128, elements: 5, length: 168, modified: 0 };
    let format = Format { kind: Kind::Float, itemsize: 8, big_endian: false };
    let stored = Stored { name: "x.npy".into(), parts: vec![part], format, fortran_order: false };
    let computed = Expr::unary(Unary::Sin, &real(&[2])).unwrap();
    insta::assert_snapshot!(refusals([
        Expr::random(normal, shape(&[2]), automatic),
        Expr::random(uniform, shape(&[]), automatic),
        Expr::full(Scalar::Float(f64::NAN), shape(&[2]), DType::I64, automatic),
        Expr::full(Scalar::Float(1e19), shape(&[2]), DType::I64, automatic),
        Expr::arange(Scalar::Int(0), Scalar::Int(3), Scalar::Int(0), None, automatic),
        arange(0.0, 3.0, 0.0, None),
        arange(0.0, f64::NAN, 1.0, None),
        arange(0.0, 1e30, 1.0, None),
        arange(0.0, 2.0, 1.0, Some(DType::Bool)),
        Expr::stored(Arc::new(stored), shape(&[2, 3]), automatic),
        computed.in_chunks(&Chunks::from(1)),
    ]), @"
    error: `normal` with parameters 0.0 and -1.0
    hint: the parameters are finite, and scale is not negative
    error: a random array without an axis
    hint: for one element write size=1
    error: a float that no int64 can hold
    hint: choose a smaller value, or another dtype
    error: a float that no int64 can hold
    hint: choose a smaller value, or another dtype
    error: arange with a step of 0
    hint: a step is positive or negative
    error: arange with a step of 0
    hint: a step is positive or negative
    error: arange: cannot compute length
    hint: start, stop and step are finite
    error: Maximum allowed size exceeded
    hint: an array has at most 2^63 elements
    error: arange of bool
    hint: its dtype is int64, float32 or float64
    error: `x.npy` holds 5 elements, not the 6 of shape (2, 3)
    hint: write the file again
    error: chunks of a computed array
    hint: give them to the arrays that it is computed from: right after .size(..), or as chunks=
    ");
}

#[test]
fn a_tower_of_operations_is_refused_at_a_thousand() {
    let mut expr = real(&[2]);
    let error = loop {
        match Expr::binary(Binary::Add, &expr, &int(1)) {
            Ok(next) => expr = next,
            Err(error) => break error,
        }
    };
    assert_eq!(expr.depth(), 1000);
    insta::assert_snapshot!(error, @"
    error: an expression of more than 1000 operations one upon another
    hint: save an array from the middle of it, and load it
    ");
}
