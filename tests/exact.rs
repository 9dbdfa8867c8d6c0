//! Exact reductions: no order, split, form or layout changes them, and what arrives is what was sent.
//!
//! Their values are held against exact integers here, and against exact fractions by `tests/numbers.rs`.

use num_bigint::BigInt;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use squall::codec;

use squall::kernel::accumulate::Precision::{Double, Single};
use squall::kernel::accumulate::{Moments, Sums};
use squall::kernel::random::fill;
use squall::kernel::rows::{row_means, row_sums};
use squall::kernel::{Distribution, Isa, Key};

fn sum_of(isa: Isa, values: &[f64]) -> Sums {
    let mut sums = Sums::new(1);
    sums.add_run(isa, 0, values);
    sums
}

fn moments_of(isa: Isa, values: &[f64]) -> Moments {
    let mut moments = Moments::new(1);
    moments.add_run(isa, 0, values);
    moments
}

/// More than any of the accumulators here takes.
const LIMIT: u64 = 1 << 20;

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
        assert_eq!(moments.sum(0, Double).to_bits(), 0x4027_b18c_dd46_7691);
        assert_eq!(moments.mean(0, 100_000, Double).to_bits(), 0x3f1f_0e3c_ef3d_4f4e);
        assert_eq!(moments.variance(0, 100_000, 0, Double).to_bits(), 0x3f84_7cb0_427a_5ab1);
        assert_eq!(moments.standard_deviation(0, 100_000, 1, Double).to_bits(), 0x3fb9_9ac3_53d4_f06d);
    }
}

#[test]
fn huge_values_cancel_without_overflow() {
    for isa in Isa::available() {
        assert_eq!(sum_of(isa, &[1e308, 1e308, -1e308]).sum(0, Double), 1e308);
        assert_eq!(sum_of(isa, &[1e308, 1e308]).sum(0, Double), f64::INFINITY);
        assert_eq!(sum_of(isa, &[1e308, 1e308]).mean(0, 2, Double), 1e308);
        assert_eq!(sum_of(isa, &[1.0, 1e300, -1.0, -1e300, 5e-324]).sum(0, Double), 5e-324);
    }
}

#[test]
fn moments_of_small_integers_are_those_of_the_textbook() {
    let moments = moments_of(Isa::detect(), &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!(moments.mean(0, 8, Double), 5.0);
    assert_eq!(moments.variance(0, 8, 0, Double), 4.0);
    assert_eq!(moments.standard_deviation(0, 8, 0, Double), 2.0);
    assert_eq!(moments.variance(0, 8, 1, Double), 32.0 / 7.0);
    assert_eq!(moments.sum(0, Double), 40.0);
}

#[test]
fn singles_are_rounded_once() {
    let tie_but_for_a_bit = [2f64.powi(60), 2f64.powi(36), 1.0];
    let sums = sum_of(Isa::detect(), &tie_but_for_a_bit);
    assert_eq!(sums.sum(0, Single), 2f64.powi(60) + 2f64.powi(37));
    assert_eq!(sums.sum(0, Double) as f32, 2f32.powi(60));
    assert_eq!(sum_of(Isa::detect(), &[1e38; 4]).sum(0, Single), f64::INFINITY);
    assert_eq!(sum_of(Isa::detect(), &[1e38; 4]).mean(0, 4, Single), f64::from(1e38f32));
}

#[test]
fn nothing_sums_to_zero_and_has_no_mean() {
    let (sum, moments) = (Sums::new(1), Moments::new(1));
    assert_eq!(sum.sum(0, Double).to_bits(), 0);
    for value in [
        sum.mean(0, 0, Double),
        moments.mean(0, 0, Double),
        moments.variance(0, 0, 0, Double),
        moments.standard_deviation(0, 1, 1, Double),
    ] {
        assert_eq!(value.to_bits(), f64::NAN.to_bits());
    }
}

#[test]
fn a_zero_that_was_cancelled_equals_one_that_never_was_otherwise() {
    let mut sum = sum_of(Isa::detect(), &[1e300, -1e-300, 0.5]);
    assert!(sum.merge(&sum_of(Isa::detect(), &[-1e300, 1e-300, -0.5])));
    assert_eq!(sum, Sums::new(1));
    assert_eq!(sum.sum(0, Double).to_bits(), 0);
}

#[test]
fn moments_with_a_wrong_count_have_no_variance() {
    let moments = moments_of(Isa::detect(), &[3.0; 10]);
    assert_eq!(moments.variance(0, 10, 0, Double), 0.0);
    assert!(moments.variance(0, 5, 0, Double).is_nan());
    assert!(moments.standard_deviation(0, 5, 0, Double).is_nan());
}

#[test]
fn sums_of_other_numbers_of_outputs_are_not_merged() {
    let mut sums = Sums::new(2);
    let mut wider = Sums::new(3);
    wider.add_rows(Isa::detect(), 0, 3, &[1.0; 3]);
    assert!(!sums.merge(&wider));
    assert_eq!(sums, Sums::new(2));
    assert!(!Moments::new(2).merge(&Moments::new(1)));
}

#[test]
fn sums_of_ordinary_data_are_sent_in_some_tens_of_bytes() {
    let data = normals(1_000_000);
    assert!(encoded(&sum_of(Isa::detect(), &data)).len() <= 24);
    assert!(encoded(&moments_of(Isa::detect(), &data)).len() <= 52);
    let columns = 1000;
    let (mut sums, mut moments) = (Sums::new(columns), Moments::new(columns));
    assert!(encoded(&sums).len() <= columns + 8);
    assert!(encoded(&moments).len() <= 2 * columns + 8);
    for isa in Isa::available() {
        sums.add_rows(isa, 0, columns, &data);
        moments.add_rows(isa, 0, columns, &data);
    }
    assert!(encoded(&sums).len() <= 20 * columns, "{}", encoded(&sums).len());
    assert!(encoded(&moments).len() <= 44 * columns, "{}", encoded(&moments).len());
}

fn sum(bytes: &[u8]) -> Option<Sums> {
    decoded(bytes)
}

#[test]
fn sums_that_no_values_have_are_refused() {
    let one = sum_of(Isa::detect(), &[1.0]);
    const FINITE: u8 = 16;
    assert_eq!(encoded(&one), [6, 1, FINITE, 1, 16, 1, 1]);
    let of = |bytes: &[u8]| sum(&[&[bytes.len() as u8], bytes].concat());
    assert_eq!(of(&[1, FINITE, 1, 16, 1, 1]), Some(one));
    assert_eq!(of(&[1, 32 | FINITE, 1, 16, 1, 1]), None, "unknown flags");
    assert_eq!(of(&[1, FINITE, 2, 16, 1, 1, 0]), None, "a zero byte above");
    assert_eq!(of(&[1, FINITE, 2, 16, 1, 0, 1]), None, "a zero byte below");
    assert_eq!(of(&[1, 8]), None, "minus zero");
    assert_eq!(of(&[1, FINITE, 0, 16, 1]), None, "a number without bytes");
    assert_eq!(of(&[1, FINITE, 1, 0x20, 2, 1]), None, "out of range");
    assert_eq!(of(&[1, FINITE, 3, 16, 1, 1]), None, "too few bytes");
    assert_eq!(of(&[1, 0, 0]), None, "too many bytes");
    assert_eq!(of(&[2, 0]), None, "too few outputs");
    assert_eq!(of(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0]), None, "outputs without bound");
    assert_eq!(of(&[0]), Some(Sums::new(0)));
    assert_eq!(of(&[1, 0]), Some(Sums::new(1)));
}

#[test]
fn the_greatest_sum_that_is_accepted_can_be_added_to_and_rounded() {
    for head in [16, 24] {
        let of = |packed: &[u8]| [&[251][..], &(packed.len() as u16).to_le_bytes(), packed].concat();
        let bytes = of(&[&[1, head, 0x90, 2, 136, 0][..], &[0xFF; 272]].concat());
        for beyond in [135, 137] {
            let place: [u8; 2] = u16::to_le_bytes(beyond);
            assert_eq!(sum(&of(&[&[1, head, 0x90, 2][..], &place, &[0xFF; 272]].concat())), None);
        }
        let mut greatest = sum(&bytes).unwrap();
        assert_eq!(encoded(&greatest), bytes);
        for _ in 0..10 {
            let other = greatest.clone();
            assert!(greatest.merge(&other));
            greatest.add_run(Isa::detect(), 0, &[1.5; 100]);
        }
        assert_eq!(greatest.sum(0, Double).abs(), f64::INFINITY);
    }
}

/// Doubles of every kind: of any bits, and many that nearly cancel or repeat.
fn doubles() -> impl Strategy<Value = Vec<f64>> {
    let of_any_bits = any::<u64>().prop_map(f64::from_bits);
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite());
    let near = (-20..20i32, 900..1100u64)
        .prop_map(|(factor, exponent)| f64::from(factor) * f64::from_bits(exponent << 52));
    let alike = (any::<bool>(), 1020..1026u64, 0..1u64 << 52).prop_map(|(sign, exponent, fraction)| {
        f64::from_bits(u64::from(sign) << 63 | exponent << 52 | fraction)
    });
    let mostly_finite = prop_oneof![5 => finite, 1 => Just(0.0), 1 => Just(-0.0)];
    prop_oneof![
        prop::collection::vec(mostly_finite, 0..200),
        prop::collection::vec(near, 0..3000),
        prop::collection::vec(alike, 0..3000),
        prop::collection::vec(of_any_bits, 0..100),
    ]
}

/// The exact sum in units of 2^-1074, if all values are finite.
fn exact_sum(values: &[f64]) -> Option<BigInt> {
    values.iter().map(|value| in_units(*value)).sum()
}

fn in_units(value: f64) -> Option<BigInt> {
    let bits = value.to_bits();
    let exponent = bits >> 52 & 0x7FF;
    let fraction = bits & ((1 << 52) - 1);
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    let size = BigInt::from(mantissa) << (exponent.max(1) - 1);
    value.is_finite().then_some(if value < 0.0 { -size } else { size })
}

/// Whether `rounded` is the double nearest to `sum / count`, ties to even; `sum` in units of 2^-1074.
fn is_nearest(rounded: f64, sum: &BigInt, count: usize) -> bool {
    let twice = sum * 2;
    if *sum == BigInt::ZERO {
        return rounded.to_bits() == 0;
    }
    // What lies beyond the greatest double stands for 2^1024.
    let beyond: BigInt = BigInt::from(1) << (1024 + 1074);
    let units = |value: f64| {
        in_units(value).unwrap_or_else(|| if value > 0.0 { beyond.clone() } else { -beyond.clone() })
    };
    let value = units(rounded);
    let middles = |neighbour: f64| (&value + units(neighbour)) * count;
    let (below, above) = (middles(rounded.next_down()), middles(rounded.next_up()));
    let is_even = rounded.to_bits().is_multiple_of(2);
    let above_lower = rounded == f64::NEG_INFINITY || twice > below || twice == below && is_even;
    let below_upper = rounded == f64::INFINITY || twice < above || twice == above && is_even;
    above_lower && below_upper
}

fn place(value: &f64, seed: u64) -> u64 {
    (value.to_bits() ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_split_and_form_do_not_change_sums(values in doubles(), seed in any::<u64>(), cut in 0.0..1.0) {
        let whole = moments_of(Isa::Portable, &values);
        let mut shuffled = values.clone();
        shuffled.sort_by_key(|value| place(value, seed));
        let (left, right) = shuffled.split_at((cut * values.len() as f64) as usize);
        for isa in Isa::available() {
            for (first, second) in [(left, right), (right, left)] {
                let mut merged = moments_of(isa, first);
                prop_assert!(merged.merge(&moments_of(isa, second)));
                prop_assert_eq!(&merged, &whole);
                prop_assert_eq!(encoded(&merged), encoded(&whole));
            }
        }
    }

    #[test]
    fn sums_are_the_nearest_doubles(values in doubles()) {
        let sums = sum_of(Isa::detect(), &values);
        if let Some(exact) = exact_sum(&values) {
            prop_assert!(is_nearest(sums.sum(0, Double), &exact, 1));
            if !values.is_empty() {
                prop_assert!(is_nearest(sums.mean(0, values.len() as u64, Double), &exact, values.len()));
            }
        } else {
            prop_assert!(!sums.sum(0, Double).is_finite());
        }
    }

    #[test]
    fn rows_and_runs_are_the_same(
        values in doubles(),
        width in prop_oneof![1..40usize, 200..700usize],
        piece in 1..3000usize,
        repeats in 1..4usize,
    ) {
        let outputs = width + 3;
        let (mut sums, mut moments) = (Sums::new(outputs), Moments::new(outputs));
        let mut columns = vec![Vec::new(); outputs];
        let rows = piece.next_multiple_of(width);
        for isa in Isa::available() {
            for part in (0..repeats).flat_map(|_| values.chunks(rows)) {
                sums.add_rows(isa, 2, width, part);
                moments.add_rows(isa, 2, width, part);
                part.iter().enumerate().for_each(|(j, value)| columns[2 + j % width].push(*value));
            }
        }
        let (mut run_sums, mut run_moments) = (Sums::new(outputs), Moments::new(outputs));
        for (output, column) in columns.iter().enumerate() {
            run_sums.add_run(Isa::detect(), output, column);
            run_moments.add_run(Isa::detect(), output, column);
        }
        prop_assert_eq!(&sums, &run_sums);
        prop_assert_eq!(&moments, &run_moments);
        prop_assert_eq!(encoded(&moments), encoded(&run_moments));
        prop_assert!(sums.merge(&run_sums));
        prop_assert!(run_sums.merge(&run_sums.clone()));
        prop_assert_eq!(&sums, &run_sums);
        prop_assert!(run_moments.merge(&moments));
        prop_assert!(moments.merge(&moments.clone()));
        prop_assert_eq!(&moments, &run_moments);
    }

    #[test]
    fn short_rows_are_summed_as_by_accumulators(values in doubles(), row in 1..70usize) {
        let values = &values[..values.len() / row * row];
        let (mut sums, mut means) = (vec![0.0; values.len() / row], vec![0.0; values.len() / row]);
        for isa in Isa::available() {
            row_sums(isa, row, values, &mut sums);
            row_means(isa, row, values, &mut means);
            for ((values, sum), mean) in values.chunks(row).zip(&sums).zip(&means) {
                let exact = sum_of(isa, values);
                prop_assert_eq!(sum.to_bits(), exact.sum(0, Double).to_bits(), "{:?}", values);
                prop_assert_eq!(mean.to_bits(), exact.mean(0, row as u64, Double).to_bits(), "{:?}", values);
            }
        }
    }

    #[test]
    fn what_arrives_is_what_was_sent(values in doubles()) {
        let sent = moments_of(Isa::detect(), &values);
        let arrived: Moments = decoded(&encoded(&sent)).unwrap();
        prop_assert_eq!(&arrived, &sent);
        prop_assert_eq!(arrived.sum(0, Double).to_bits(), sent.sum(0, Double).to_bits());
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
            if let Some(moments) = decoded::<Moments>(bytes) {
                let mut merged = moments.clone();
                merged.merge(&moments);
                for output in 0..merged.outputs() {
                    merged.add_run(Isa::detect(), output, &[1.0, -1e300]);
                    merged.add_rows(Isa::detect(), output, 1, &[1.0, -1e300]);
                    let _ = (merged.mean(output, 2, Double), merged.variance(output, 2, 0, Single));
                    let _ = merged.standard_deviation(output, 2, 0, Double);
                }
            }
        }
    }
}

#[test]
fn ties_far_below_the_last_bit_are_seen_in_rows() {
    let rows: [[f64; 3]; 4] = [
        [1.0, 2f64.powi(-53), 2f64.powi(-120)],
        [1.0, 2f64.powi(-53), -2f64.powi(-120)],
        [-1.0, -2f64.powi(-53), 5e-324],
        [1e308, 1e308, -1e308],
    ];
    let mut sums = [0.0; 4];
    for isa in Isa::available() {
        row_sums(isa, 3, rows.as_flattened(), &mut sums);
        assert_eq!(sums, [1.0f64.next_up(), 1.0, -1.0, 1e308]);
    }
    row_sums(Isa::detect(), 2, &[-0.0, -0.0], &mut sums[..1]);
    assert_eq!(sums[0].to_bits(), 0);
}
