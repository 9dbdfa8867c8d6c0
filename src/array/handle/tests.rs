//! The handle says what the expression says, whichever side a number stands on.

use super::*;
use crate::array::random;

fn extents(array: &Array) -> Vec<u64> {
    array.expr().unwrap().shape().extents().to_vec()
}

fn dtype(array: &Array) -> DType {
    array.expr().unwrap().dtype()
}

#[test]
fn numbers_stand_on_either_side() {
    let x = arange(0, 6, 1);
    assert_eq!(dtype(&(&x + 1)), DType::I64);
    assert_eq!(dtype(&(1.5 - &x)), DType::F64);
    assert_eq!(dtype(&(2 * &x % 3)), DType::I64);
    assert_eq!(dtype(&(&x / 2)), DType::F64);
    assert_eq!(dtype(&(-&x)), DType::I64);
    assert_eq!(dtype(&(!x.less(3) & true)), DType::Bool);
    assert_eq!(dtype(&(x.greater(1) ^ x.equal(2_i64) | x.not_equal(4))), DType::Bool);
    assert_eq!(dtype(&x.power(2).floor_divide(&x).maximum(0.5)), DType::F64);
    let Operation::Binary(Binary::Subtract, left, _) = (1.5 - &x).expr().unwrap().operation().clone() else {
        panic!("a number on the left stays there")
    };
    assert_eq!(left.known(), Some(Scalar::Float(1.5)));
}

#[test]
fn a_mistake_is_told_at_the_end() {
    let wrong = (ones([2]) + ones([3])).sqrt().mean() + 1;
    assert!(wrong.expr().unwrap_err().to_string().contains("(2,) (3,)"));
    assert!((1 + wrong).expr().is_err());
}

#[test]
fn reductions_go_over_all_axes_or_some() {
    let x = zeros([4, 5, 6]);
    assert_eq!(extents(&x.mean()), [0; 0]);
    assert_eq!(extents(&x.keepdims().mean()), [1, 1, 1]);
    assert_eq!(extents(&x.axis(-1).std_ddof(1)), [4, 5]);
    assert_eq!(extents(&x.axes([0, 2]).keepdims().max()), [1, 5, 1]);
    assert_eq!(extents(&x.axis(1).argmax()), [4, 6]);
}

#[test]
fn shapes_change_as_in_numpy() {
    let x = full([4, 6], true);
    assert_eq!(extents(&x.t()), [6, 4]);
    assert_eq!(extents(&x.transpose([1, 0])), [6, 4]);
    assert_eq!(extents(&x.reshape([3, -1])), [3, 8]);
    assert_eq!(extents(&x.at(-1)), [6]);
    assert_eq!(extents(&x.slice(&[Index::Ellipsis, Index::from(1..).step(2)])), [4, 3]);
    assert_eq!(extents(&x.at(0).broadcast_to([7, 6])), [7, 6]);
    assert_eq!(extents(&concatenate(&[x.clone(), x.clone()], 1)), [4, 12]);
    assert_eq!(extents(&stack(&[x.sum(), x.mean()], 0)), [2]);
    assert_eq!(extents(&x.axis(1).cumsum()), [4, 6]);
    assert_eq!(extents(&x.cumprod()), [24]);
    assert_eq!(extents(&x.diff(1, 0)), [3, 6]);
    assert!(x.axes([0, 1]).cumsum().expr().is_err());
}

#[test]
fn chunks_and_stream_stay_with_each_other() {
    let x = random::normal(0.0, 1.0).size([100]).chunks(30).stream("x").expr().unwrap();
    assert_eq!(x.chunks()[0].first(), [30, 30, 30, 10]);
    let Operation::Random(random) = x.operation() else { panic!("{x:?}") };
    assert_eq!(random.stream.as_deref(), Some("x"));
    assert_eq!(linspace(0.0, 1.0, 10).chunks([4]).expr().unwrap().chunks()[0].first(), [4, 4, 2]);
    assert!((ones([2]) * 2).chunks(1).expr().is_err());
    assert!(ones([2]).stream("x").expr().is_err());
}
