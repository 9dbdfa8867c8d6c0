//! Accumulators but for sums of doubles: rows, runs and merged parts are the same, and what arrives is what
//! was sent.
//!
//! Their values are held against a reference by `tests/numbers.rs`; sums of doubles are in `tests/exact.rs`.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use squall::codec;
use squall::kernel::Isa;
use squall::kernel::accumulate::Precision::Double;
use squall::kernel::accumulate::*;

/// More than any of the accumulators here takes.
const LIMIT: u64 = 1 << 20;
const ROWS: usize = 40;

/// An accumulator under test.
trait Accumulator: Clone + Debug + PartialEq + Serialize + DeserializeOwned {
    type Value: Copy;
    fn make(outputs: usize) -> Self;
    fn outputs(&self) -> usize;
    fn run(&mut self, isa: Isa, output: usize, values: &[Self::Value], first: i64, step: i64);
    fn rows(&mut self, isa: Isa, first: usize, width: usize, values: &[Self::Value], place: i64);
    fn join(&mut self, other: &Self) -> bool;
    fn read(&self, output: usize) -> String;
}

macro_rules! accumulator {
    ($type:ident, $value:ty, $read:expr) => {
        impl Accumulator for $type {
            type Value = $value;
            fn make(outputs: usize) -> Self {
                $type::new(outputs)
            }
            fn outputs(&self) -> usize {
                self.outputs()
            }
            fn run(&mut self, isa: Isa, output: usize, values: &[$value], _: i64, _: i64) {
                self.add_run(isa, output, values);
            }
            fn rows(&mut self, isa: Isa, first: usize, width: usize, values: &[$value], _: i64) {
                self.add_rows(isa, first, width, values);
            }
            fn join(&mut self, other: &Self) -> bool {
                self.merge(other)
            }
            fn read(&self, output: usize) -> String {
                format!("{:?}", $read(self, output))
            }
        }
    };
}

accumulator!(IntegerSums, i64, |it: &IntegerSums, i| (it.sum(i), it.mean(i, 7)));
accumulator!(IntegerProducts, i64, |it: &IntegerProducts, i| it.product(i));
accumulator!(IntegerMoments, i64, |it: &IntegerMoments, i| {
    (it.mean(i, 1 << 40), it.variance(i, 1 << 40, 1), it.standard_deviation(i, 1 << 40, 0))
});
accumulator!(IntegerExtrema, i64, |it: &IntegerExtrema, i| (it.minimum(i), it.maximum(i)));
accumulator!(Counts, i64, |it: &Counts, i| it.count(i));
accumulator!(Extrema, f64, |it: &Extrema, i| (it.minimum(i), it.maximum(i)));
accumulator!(Products, f64, |it: &Products, i| it.product(i, Double).to_bits());

macro_rules! places {
    ($type:ident, $value:ty) => {
        impl Accumulator for $type {
            type Value = $value;
            fn make(outputs: usize) -> Self {
                $type::new(outputs, outputs % 2 == 0)
            }
            fn outputs(&self) -> usize {
                self.outputs()
            }
            fn run(&mut self, isa: Isa, output: usize, values: &[$value], first: i64, step: i64) {
                let places: Vec<i64> = (0..values.len() as i64).map(|number| first + number * step).collect();
                self.add_run(isa, output, values, &places);
            }
            fn rows(&mut self, isa: Isa, first: usize, width: usize, values: &[$value], place: i64) {
                let places: Vec<i64> = (place..).take(values.len()).collect();
                self.add_rows(isa, first, width, values, &places);
            }
            fn join(&mut self, other: &Self) -> bool {
                self.merge(other)
            }
            fn read(&self, output: usize) -> String {
                format!("{:?}", self.place(output))
            }
        }
    };
}

places!(ArgExtrema, f64);
places!(IntegerArgExtrema, i64);

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    codec::encode(value, LIMIT).expect("within the limit")
}

/// Whether rows in pieces, columns as runs, and merged halves are the same.
fn check<A: Accumulator>(values: &[A::Value], width: usize, same_bits: bool) -> Result<(), TestCaseError> {
    let (outputs, step) = (width + 2, width as i64);
    let mut runs = A::make(outputs);
    for number in 0..width.min(values.len()) {
        let column: Vec<A::Value> = values[number..].iter().step_by(width).copied().collect();
        runs.run(Isa::Portable, 1 + number, &column, number as i64, step);
    }
    for isa in Isa::available() {
        let mut halves = [A::make(outputs), A::make(outputs)];
        for (number, part) in values.chunks(3 * width).enumerate() {
            halves[number % 2].rows(isa, 1, width, part, number as i64 * 3 * step);
        }
        let [mut left, right] = halves;
        let mut other_way = right.clone();
        prop_assert!(left.join(&right));
        prop_assert!(other_way.join(&A::make(outputs)));
        if same_bits {
            prop_assert_eq!(&left, &runs);
            prop_assert_eq!(encoded(&left), encoded(&runs));
        }
        for output in 0..outputs {
            prop_assert_eq!(left.read(output), runs.read(output));
        }
        let arrived: A = codec::decode(&encoded(&left), LIMIT).expect("what was sent");
        prop_assert_eq!(&arrived, &left);
        prop_assert_eq!(&other_way, &right);
        prop_assert!(!left.join(&A::make(outputs + 2)));
        prop_assert_eq!(&arrived, &left);
    }
    Ok(())
}

/// Whether changed bytes are refused or of use.
fn check_changed<A: Accumulator>(
    values: &[A::Value],
    changes: &[(prop::sample::Index, u8)],
) -> Result<(), TestCaseError> {
    let mut sent = A::make(3);
    sent.rows(Isa::Portable, 0, 2, values, 0);
    let mut bytes = encoded(&sent);
    changes.iter().for_each(|(place, byte)| *place.get_mut(&mut bytes) = *byte);
    if let Ok(mut arrived) = codec::decode::<A>(&bytes, LIMIT) {
        for _ in 0..3 {
            let other = arrived.clone();
            prop_assert!(arrived.join(&other));
        }
        if arrived.outputs() > 2 {
            arrived.rows(Isa::detect(), 0, 2, values, 5);
        }
        (0..arrived.outputs()).for_each(|output| drop(arrived.read(output)));
        let again: A = codec::decode(&encoded(&arrived), LIMIT).expect("what was sent");
        prop_assert_eq!(again, arrived);
    }
    Ok(())
}

fn doubles() -> impl Strategy<Value = Vec<f64>> {
    let any_bits = any::<u64>().prop_map(f64::from_bits);
    let few = (-3..3i32).prop_map(f64::from);
    let double = prop_oneof![
        10 => 0.5..2.0,
        10 => few,
        1 => any_bits,
        1 => Just(-0.0),
        1 => Just(f64::NEG_INFINITY),
    ];
    let plain = prop_oneof![-2.0..-0.5, 0.5..2.0];
    prop_oneof![prop::collection::vec(double, 0..40 * ROWS), prop::collection::vec(plain, 0..40 * ROWS)]
}

fn integers() -> impl Strategy<Value = Vec<i64>> {
    let integer = prop_oneof![any::<i64>(), -2..2i64, Just(i64::MIN), Just(i64::MAX), Just(1 << 26)];
    prop::collection::vec(integer, 0..40 * ROWS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_runs_and_merged_parts_of_doubles_are_the_same(values in doubles(), width in 1..40usize) {
        check::<Extrema>(&values, width, true)?;
        check::<ArgExtrema>(&values, width, true)?;
        check::<Products>(&values, width, false)?;
    }

    #[test]
    fn rows_runs_and_merged_parts_of_integers_are_the_same(values in integers(), width in 1..40usize) {
        check::<IntegerSums>(&values, width, true)?;
        check::<IntegerMoments>(&values, width, true)?;
        check::<IntegerProducts>(&values, width, true)?;
        check::<IntegerExtrema>(&values, width, true)?;
        check::<IntegerArgExtrema>(&values, width, true)?;
        check::<Counts>(&values, width, true)?;
    }

    #[test]
    fn changed_bytes_are_refused_or_can_be_used(
        doubles in doubles(),
        integers in integers(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        check_changed::<Extrema>(&doubles, &changes)?;
        check_changed::<ArgExtrema>(&doubles, &changes)?;
        check_changed::<Products>(&doubles, &changes)?;
        check_changed::<IntegerSums>(&integers, &changes)?;
        check_changed::<IntegerMoments>(&integers, &changes)?;
        check_changed::<IntegerProducts>(&integers, &changes)?;
        check_changed::<IntegerExtrema>(&integers, &changes)?;
        check_changed::<IntegerArgExtrema>(&integers, &changes)?;
        check_changed::<Counts>(&integers, &changes)?;
    }

    #[test]
    fn histograms_arrive_and_changed_ones_are_refused_or_can_be_used(
        values in doubles(),
        bins in 1..20usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let edges = (0..bins as i32 + 1).map(f64::from).collect();
        for mut sent in [Histogram::even(bins, -1.0, 2.5), Histogram::edges(edges)] {
            sent.add(Isa::detect(), &values);
            let mut bytes = encoded(&sent);
            let arrived: Histogram = codec::decode(&bytes, LIMIT).unwrap();
            prop_assert_eq!(arrived, sent);
            changes.iter().for_each(|(place, byte)| *place.get_mut(&mut bytes) = *byte);
            if let Ok(mut arrived) = codec::decode::<Histogram>(&bytes, LIMIT) {
                arrived.merge(&arrived.clone());
                arrived.add(Isa::detect(), &values);
            }
        }
    }
}

#[test]
fn a_sum_that_does_not_fit_is_told_exactly() {
    let mut sums = IntegerSums::new(1);
    sums.add_run(Isa::detect(), 0, &[1 << 62; 4]);
    assert_eq!(sums.sum(0), Err(1 << 64));
    assert_eq!(sums.mean(0, 4), 2f64.powi(62));
}

#[test]
fn products_do_not_overflow_on_the_way() {
    let mut products = Products::new(1);
    let (huge, tiny) = (2f64.powi(1000), 2f64.powi(-1000));
    products.add_run(Isa::detect(), 0, &[huge, huge, tiny, 3.0, tiny]);
    assert_eq!(products.product(0, Double), 3.0);
    products.add_run(Isa::detect(), 0, &[-0.0]);
    assert_eq!(products.product(0, Double).to_bits(), (-0.0f64).to_bits());
    products.add_run(Isa::detect(), 0, &[f64::INFINITY]);
    assert!(products.product(0, Double).is_nan());
}

#[test]
fn outputs_that_nothing_was_added_to_are_sent_in_a_byte_or_two() {
    let count = 1000;
    assert!(encoded(&IntegerSums::new(count)).len() <= count + 8);
    assert!(encoded(&IntegerMoments::new(count)).len() <= 2 * count + 8);
    assert!(encoded(&Products::new(count)).len() <= count + 8);
    assert!(encoded(&IntegerProducts::new(count)).len() <= count + 8);
    assert!(encoded(&Extrema::new(count)).len() <= count + 8);
    assert!(encoded(&ArgExtrema::new(count, true)).len() <= count + 8);
    assert!(encoded(&Counts::new(count)).len() <= count + 8);
}
