//! Exact reductions: no order, split or form changes them, and what arrives is what was sent.
//!
//! Their values are held against exact fractions by `tests/numbers.rs`.

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use squall::codec;

use squall::kernel::random::fill;
use squall::kernel::{Distribution, ExactMoments, ExactSum, Isa, Key};

fn sum_of(isa: Isa, values: &[f64]) -> ExactSum {
    let mut sum = ExactSum::default();
    sum.add(isa, values);
    sum
}

fn moments_of(isa: Isa, values: &[f64]) -> ExactMoments {
    let mut moments = ExactMoments::default();
    moments.add(isa, values);
    moments
}

/// More than any sum takes.
const LIMIT: u64 = 4096;

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    codec::encode(value, LIMIT).expect("within the limit")
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    codec::decode(bytes, LIMIT).ok()
}

fn normals(count: usize) -> Vec<f64> {
    let mut values = vec![0.0; count];
    let distribution = Distribution::Normal { loc: 0.0, scale: 0.1 };
    fill(Isa::detect(), &Key::new(42, "x"), distribution, 0, &mut values);
    values
}

#[test]
fn mean_and_spread_of_normals_are_frozen() {
    let data = normals(100_000);
    for isa in Isa::available() {
        let moments = moments_of(isa, &data);
        assert_eq!(moments.sum().round().to_bits(), 0x4027_b18c_dd46_7691);
        assert_eq!(moments.mean(100_000).to_bits(), 0x3f1f_0e3c_ef3d_4f4e);
        assert_eq!(moments.variance(100_000, 0).to_bits(), 0x3f84_7cb0_427a_5ab1);
        assert_eq!(moments.standard_deviation(100_000, 1).to_bits(), 0x3fb9_9ac3_53d4_f06d);
    }
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
    let moments = moments_of(Isa::detect(), &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!(moments.mean(8), 5.0);
    assert_eq!(moments.variance(8, 0), 4.0);
    assert_eq!(moments.standard_deviation(8, 0), 2.0);
    assert_eq!(moments.variance(8, 1), 32.0 / 7.0);
    assert_eq!(moments.sum().round(), 40.0);
}

#[test]
fn nothing_sums_to_zero_and_has_no_mean() {
    let (sum, moments) = (ExactSum::default(), ExactMoments::default());
    assert_eq!(sum.round().to_bits(), 0);
    for value in [sum.mean(0), moments.mean(0), moments.variance(0, 0), moments.standard_deviation(1, 1)] {
        assert_eq!(value.to_bits(), f64::NAN.to_bits());
    }
}

#[test]
fn a_zero_that_was_cancelled_equals_one_that_never_was_otherwise() {
    let mut sum = sum_of(Isa::detect(), &[1e300, -1e-300, 0.5]);
    sum.merge(&sum_of(Isa::detect(), &[-1e300, 1e-300, -0.5]));
    assert_eq!(sum, ExactSum::default());
    assert_eq!(sum.round().to_bits(), 0);
}

#[test]
fn moments_with_a_wrong_count_have_no_variance() {
    let moments = moments_of(Isa::detect(), &[3.0; 10]);
    assert_eq!(moments.variance(10, 0), 0.0);
    assert!(moments.variance(5, 0).is_nan());
    assert!(moments.standard_deviation(5, 0).is_nan());
}

#[test]
fn sums_of_ordinary_data_are_sent_in_some_tens_of_bytes() {
    let data = normals(1_000_000);
    assert!(encoded(&sum_of(Isa::detect(), &data)).len() <= 40);
    assert!(encoded(&moments_of(Isa::detect(), &data)).len() <= 80);
}

/// A sum as it travels: flags, sign, base, number of digits, digits.
fn sum_bytes(flags: u8, negative: u8, base: u8, count: u64, digits: &[u32]) -> Vec<u8> {
    let head = encoded(&(flags, negative, base, count));
    head.into_iter().chain(digits.iter().flat_map(encoded)).collect()
}

fn sum(bytes: &[u8]) -> Option<ExactSum> {
    decoded(bytes)
}

#[test]
fn sums_that_no_values_have_are_refused() {
    let one = sum_of(Isa::detect(), &[1.0]);
    assert_eq!(sum(&sum_bytes(0, 0, 68, 1, &[1])), Some(one));
    assert_eq!(sum(&sum_bytes(8, 0, 68, 1, &[1])), None, "unknown flags");
    assert_eq!(sum(&sum_bytes(0, 2, 68, 1, &[1])), None, "not a bool");
    assert_eq!(sum(&sum_bytes(0, 0, 68, 2, &[1, 0])), None, "a zero digit above");
    assert_eq!(sum(&sum_bytes(0, 0, 68, 2, &[0, 1])), None, "a zero digit below");
    assert_eq!(sum(&sum_bytes(0, 1, 0, 0, &[])), None, "minus zero");
    assert_eq!(sum(&sum_bytes(0, 0, 7, 0, &[])), None, "a base without digits");
    assert_eq!(sum(&sum_bytes(0, 0, 136, 1, &[1])), None, "out of range");
    assert_eq!(sum(&sum_bytes(0, 0, 0, 137, &[1; 137])), None, "too many digits");
    assert_eq!(sum(&sum_bytes(0, 0, 0, u64::MAX, &[1; 300])), None, "a count without bound");
    assert_eq!(sum(&sum_bytes(0, 0, 68, 3, &[1])), None, "too few bytes");
}

#[test]
fn the_greatest_sum_that_is_accepted_can_be_added_to_and_rounded() {
    for negative in [0, 1] {
        let mut greatest = sum(&sum_bytes(0, negative, 0, 136, &[u32::MAX; 136])).unwrap();
        for _ in 0..10 {
            let other = greatest.clone();
            greatest.merge(&other);
            greatest.add(Isa::detect(), &[1.5; 100]);
        }
        assert_eq!(greatest.round().abs(), f64::INFINITY);
    }
}

/// Doubles of every kind: of any bits, and many that nearly cancel or repeat.
fn doubles() -> impl Strategy<Value = Vec<f64>> {
    let of_any_bits = any::<u64>().prop_map(f64::from_bits);
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite());
    let near = (-20..20i32, 900..1100u64)
        .prop_map(|(factor, exponent)| f64::from(factor) * f64::from_bits(exponent << 52));
    let mostly_finite = prop_oneof![5 => finite, 1 => Just(0.0), 1 => Just(-0.0)];
    prop_oneof![
        prop::collection::vec(mostly_finite, 0..200),
        prop::collection::vec(near, 0..3000),
        prop::collection::vec(of_any_bits, 0..100),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_split_and_form_do_not_change_sums(values in doubles(), seed in any::<u64>(), cut in 0.0..1.0) {
        let whole = moments_of(Isa::Portable, &values);
        let mut shuffled = values.clone();
        let place = |value: &f64| (value.to_bits() ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        shuffled.sort_by_key(place);
        let (left, right) = shuffled.split_at((cut * values.len() as f64) as usize);
        for isa in Isa::available() {
            for (first, second) in [(left, right), (right, left)] {
                let mut merged = moments_of(isa, first);
                merged.merge(&moments_of(isa, second));
                prop_assert_eq!(&merged, &whole);
                prop_assert_eq!(encoded(&merged), encoded(&whole));
            }
        }
    }

    #[test]
    fn what_arrives_is_what_was_sent(values in doubles()) {
        let sent = moments_of(Isa::detect(), &values);
        let arrived: ExactMoments = decoded(&encoded(&sent)).unwrap();
        prop_assert_eq!(&arrived, &sent);
        prop_assert_eq!(arrived.sum().round().to_bits(), sent.sum().round().to_bits());
    }

    #[test]
    fn changed_bytes_are_refused_or_can_be_used(
        values in doubles(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&moments_of(Isa::detect(), &values));
        changes.into_iter().for_each(|(place, byte)| *place.get_mut(&mut bytes) = byte);
        for bytes in [&bytes[..], &bytes[..length.index(bytes.len())]] {
            if let Some(moments) = decoded::<ExactMoments>(bytes) {
                let mut merged = moments.clone();
                merged.merge(&moments);
                merged.add(Isa::detect(), &[1.0, -1e300]);
                let _ = (merged.mean(2), merged.variance(2, 0), merged.standard_deviation(2, 0));
            }
        }
    }
}
