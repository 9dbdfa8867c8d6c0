//! Exact sums against plain arithmetic where that is exact, and against each other where it is not.

use crate::kernel::{ExactMoments, ExactSum, Isa};

fn sum_of(isa: Isa, values: &[f64]) -> ExactSum {
    let mut sum = ExactSum::default();
    sum.add(isa, values);
    sum
}

#[test]
fn huge_values_cancel_without_overflow() {
    for isa in Isa::available() {
        assert_eq!(sum_of(isa, &[1e308, 1e308, -1e308]).round(), 1e308);
        assert_eq!(sum_of(isa, &[1e308, 1e308]).round(), f64::INFINITY);
        assert_eq!(sum_of(isa, &[1e308, 1e308]).mean(2), 1e308);
        assert_eq!(sum_of(isa, &[1.0, 1e300, -1.0, -1e300, 5e-324]).round(), 5e-324);
    }
}

#[test]
fn moments_of_small_integers_are_those_of_the_textbook() {
    let mut moments = ExactMoments::default();
    moments.add(Isa::detect(), &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!(moments.mean(8), 5.0);
    assert_eq!(moments.variance(8, 0), 4.0);
    assert_eq!(moments.standard_deviation(8, 0), 2.0);
    assert_eq!(moments.variance(8, 1), 32.0 / 7.0);
    assert!(moments.variance(8, 8).is_nan());
    assert_eq!(moments.sum().round(), 40.0);
}
