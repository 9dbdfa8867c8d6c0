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
    ]), @"");
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
    ]), @"");
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
    ]), @"");
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
        Expr::median(&cube, Some(&[0]), false),
        weighed(&real(&[2]), None),
        weighed(&real(&[3]), Some(&[0])),
        Expr::cov(&cube, true, 1),
        bins(HistogramBins::from(0)),
        range(1.0, 0.0),
        range(0.0, f64::INFINITY),
        bins(HistogramBins::from([1.0])),
        bins(HistogramBins::from([1.0, 0.0])),
        bins(HistogramBins::from([0.0, f64::NAN])),
    ]), @"");
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
    ]), @"");
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
    insta::assert_snapshot!(error, @"");
}
