//! Reductions and what is made of them: shapes, chunks, what is known of empty arrays.

use super::{array, float, int, number, shape};
use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Bins, Expr, Operation, Reduction, ReductionKind, Scan, View};
use crate::array::make::HistogramBins;

fn reduce(kind: ReductionKind, operand: &Expr, axes: Option<&[i128]>, keepdims: bool) -> Expr {
    Expr::reduce(Reduction { kind, skip_nan: false }, operand, axes, keepdims).unwrap()
}

fn extents(expr: &Expr) -> &[u64] {
    expr.shape().extents()
}

#[test]
fn reduced_axes_go_or_stay_with_extent_1() {
    let x = Expr::full(Scalar::Int(1), shape(&[2, 3, 4]), DType::F64, &Chunks::from([1, 2, 3])).unwrap();
    let sum = |axes: Option<&[i128]>, keepdims| reduce(ReductionKind::Sum, &x, axes, keepdims);
    assert_eq!(extents(&sum(None, false)), [0; 0]);
    assert_eq!(extents(&sum(None, true)), [1, 1, 1]);
    assert_eq!(extents(&sum(Some(&[-1, 0]), false)), [3]);
    assert_eq!(extents(&sum(Some(&[-1, 0]), true)), [1, 3, 1]);
    let Operation::Reduce(_, axes, _) = sum(Some(&[-1, 0]), false).operation().clone() else { panic!() };
    assert_eq!(axes, [0, 2]);
    let rest = sum(Some(&[0]), false);
    let first: Vec<&[u64]> = rest.chunks().iter().map(|axis| axis.first()).collect();
    assert_eq!(first, [&[2, 1][..], &[3, 1]]);
}

#[test]
fn numbers_and_no_axes_are_reduced_one_by_one() {
    let x = array(&[2, 3], DType::F64);
    let var = reduce(ReductionKind::Var { ddof: 0 }, &x, Some(&[]), false);
    assert_eq!(extents(&var), [2, 3]);
    let Operation::Reduce(_, axes, operand) = var.operation() else { panic!("{var:?}") };
    assert_eq!((axes.as_slice(), extents(operand)), (&[2][..], &[2, 3, 1][..]));
    let mean = reduce(ReductionKind::Mean, &number(DType::I64), None, false);
    assert_eq!((extents(&mean), mean.dtype()), (&[][..], DType::F64));
    let running = Expr::scan(Scan::Sum, &number(DType::F64), None).unwrap();
    assert_eq!(extents(&running), [1]);
}

#[test]
fn what_empty_arrays_give_is_known_at_once() {
    let empty = array(&[0, 3], DType::F64);
    let known = |kind| match reduce(kind, &empty, None, false).operation() {
        Operation::Full(value) => Some(value.to_f64()),
        _ => None,
    };
    assert_eq!(known(ReductionKind::Sum), Some(0.0));
    assert_eq!(known(ReductionKind::Product), Some(1.0));
    assert_eq!(known(ReductionKind::Any), Some(0.0));
    assert_eq!(known(ReductionKind::All), Some(1.0));
    assert_eq!(known(ReductionKind::CountNonzero), Some(0.0));
    for kind in [ReductionKind::Mean, ReductionKind::Var { ddof: 0 }, ReductionKind::Std { ddof: 1 }] {
        assert!(known(kind).unwrap().is_nan(), "{kind:?}");
    }
    assert!(Expr::median(&empty, None, false).unwrap().known().unwrap().to_f64().is_nan());
    let columns = reduce(ReductionKind::Mean, &empty, Some(&[0]), true);
    assert_eq!(extents(&columns), [1, 3]);
    // No row has a minimum, because there is no row.
    assert_eq!(extents(&reduce(ReductionKind::Min, &empty, Some(&[1]), false)), [0]);
    let single = reduce(ReductionKind::Sum, &array(&[0], DType::F32), None, false);
    // Not a Python number: it stays what it is where it meets another array.
    assert!(matches!(single.operation(), Operation::Full(Scalar::Float(0.0))), "{single:?}");
    assert_eq!(single.dtype(), DType::F32);
}

#[test]
fn nan_is_skipped_among_reals_only() {
    let skips = |dtype| {
        let reduction = Reduction { kind: ReductionKind::Sum, skip_nan: true };
        let sum = Expr::reduce(reduction, &array(&[2], dtype), None, false).unwrap();
        matches!(sum.operation(), Operation::Reduce(reduction, ..) if reduction.skip_nan)
    };
    assert_eq!([DType::F64, DType::F32, DType::I64].map(skips), [true, true, false]);
}

#[test]
fn compositions_have_the_shapes_of_numpy() {
    let (x, y) = (array(&[5, 2], DType::F32), array(&[2, 4], DType::I64));
    let row = array(&[2], DType::F64);
    assert_eq!(extents(&Expr::dot(&x, &y).unwrap()), [5, 4]);
    assert_eq!(extents(&Expr::dot(&x, &row).unwrap()), [5]);
    assert_eq!(extents(&Expr::dot(&row, &y).unwrap()), [4]);
    assert_eq!(extents(&Expr::dot(&row, &row).unwrap()), [0; 0]);
    assert_eq!(extents(&Expr::dot(&x, &int(2)).unwrap()), [5, 2]);
    let long = array(&[1000, 2], DType::F64);
    assert_eq!(extents(&Expr::dot(&long.transpose(None).unwrap(), &long).unwrap()), [2, 2]);
    assert_eq!(extents(&Expr::cov(&x, true, 1).unwrap()), [5, 5]);
    assert_eq!(extents(&Expr::cov(&x, false, 1).unwrap()), [2, 2]);
    assert_eq!(extents(&Expr::corrcoef(&x, false).unwrap()), [2, 2]);
    assert_eq!(extents(&Expr::cov(&row, true, 1).unwrap()), [0; 0]);
    assert_eq!(extents(&Expr::corrcoef(&row, true).unwrap()), [0; 0]);
    assert_eq!(extents(&Expr::cov(&array(&[1, 9], DType::F64), true, 1).unwrap()), [0; 0]);
    assert_eq!(Expr::cov(&x, true, 1).unwrap().dtype(), DType::F64);
    let sem = Expr::sem(&x, Some(&[0]), 1, true).unwrap();
    assert_eq!((extents(&sem), sem.dtype()), (&[1, 2][..], DType::F32));
    assert_eq!(extents(&Expr::ptp(&x, Some(&[1]), false).unwrap()), [5]);
    let diff = Expr::diff(&x, 2, 0).unwrap();
    assert_eq!((extents(&diff), diff.dtype()), (&[3, 2][..], DType::F32));
    assert_eq!(extents(&Expr::diff(&x, 9, 1).unwrap()), [5, 0]);
    let clipped = Expr::clip(&x, Some(&float(0.0)), Some(&row)).unwrap();
    assert_eq!((extents(&clipped), clipped.dtype()), (&[5, 2][..], DType::F64));
}

#[test]
fn weights_are_of_the_array_or_along_its_axes() {
    let x = array(&[2, 3, 4], DType::I64);
    let average = |weights: &[u64], axes: Option<&[i128]>, keepdims| {
        let weights = array(weights, DType::F32);
        let average = Expr::average(&x, Some(&weights), axes, keepdims).unwrap();
        assert_eq!(average.dtype(), DType::F64);
        extents(&average).to_vec()
    };
    assert_eq!(average(&[2, 3, 4], None, false), [0; 0]);
    assert_eq!(average(&[2, 3, 4], Some(&[1]), false), [2, 4]);
    assert_eq!(average(&[3], Some(&[1]), false), [2, 4]);
    assert_eq!(average(&[4, 2], Some(&[2, 0]), true), [1, 3, 1]);
    assert_eq!(Expr::average(&x, None, None, false).unwrap().dtype(), DType::F64);
}

#[test]
fn bins_lie_between_known_or_computed_ends() {
    let x = array(&[10, 2], DType::F32);
    let (counts, edges) = Expr::histogram(&x, HistogramBins::from(4)).unwrap();
    assert_eq!((extents(&counts), counts.dtype()), (&[4][..], DType::I64));
    assert_eq!((extents(&edges), edges.dtype()), (&[5][..], DType::F64));
    let Operation::Histogram(Bins::Even { count: 4, low, high }, operand) = counts.operation() else {
        panic!("{counts:?}")
    };
    assert!(low.is_number() && high.is_number());
    assert_eq!([low, high, operand].map(Expr::dtype), [DType::F64; 3]);
    assert!(matches!(low.operation(), Operation::Where(..)));
    let same = HistogramBins::Count { count: 2, range: Some((3.0, 3.0)) };
    let (_, edges) = Expr::histogram(&x, same).unwrap();
    let Operation::Arange { start, last, .. } = edges.operation() else { panic!("{edges:?}") };
    assert_eq!((*start, *last), (Scalar::Float(2.5), Some(3.5)));
    let (counts, edges) = Expr::histogram(&x, HistogramBins::from([0.0, 1.0, 1.0])).unwrap();
    assert_eq!((extents(&counts), extents(&edges)), (&[2][..], &[3][..]));
    let (counts, _) = Expr::histogram(&array(&[0], DType::F64), HistogramBins::from(3)).unwrap();
    assert!(matches!(counts.operation(), Operation::Full(Scalar::Int(0))));
}

#[test]
fn a_quantile_keeps_single_precision_and_axes_of_extent_1() {
    let median = Expr::median(&array(&[4, 2], DType::F32), None, true).unwrap();
    assert_eq!((extents(&median), median.dtype()), (&[1, 1][..], DType::F32));
    let Operation::View(View::Reshape, quantile) = median.operation() else { panic!("{median:?}") };
    assert!(matches!(quantile.operation(), Operation::Quantile(0.5, _)));
    let all = Expr::quantile(&array(&[4, 2], DType::I64), 1.0, Some(&[1, 0]), false).unwrap();
    assert_eq!((extents(&all), all.dtype()), (&[][..], DType::F64));
}
