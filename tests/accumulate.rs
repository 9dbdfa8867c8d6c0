//! Accumulators: rows, runs and merged parts are the same, what arrives is what was sent, and no data take more
//! memory than is said.
//!
//! Their values are held against a reference by `tests/numbers.rs`; sums of doubles are in `tests/exact.rs`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
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

/// The system's allocator, which counts what each thread holds.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size() as i64;
        HELD.set(held);
        MOST.set(MOST.get().max(held));
        // SAFETY: as of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
        // SAFETY: as of the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes that are held on the way, of what is allocated there.
fn most_bytes<T>(work: impl FnOnce() -> T) -> u64 {
    let before = HELD.get();
    MOST.set(before);
    let _made = work();
    (MOST.get() - before).cast_unsigned()
}

/// An accumulator under test.
trait Accumulator: Clone + Debug + PartialEq + Serialize + DeserializeOwned {
    type Value: Copy;
    fn make(outputs: usize) -> Self;
    fn outputs(&self) -> usize;
    fn bytes(outputs: u64) -> (u64, u64);
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
            fn bytes(outputs: u64) -> (u64, u64) {
                $type::bytes(outputs)
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

accumulator!(Sums, f64, |it: &Sums, i| it.sum(i, Double).to_bits());
accumulator!(Moments, f64, |it: &Moments, i| it.variance(i, 7, 1, Double).to_bits());
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
            fn bytes(outputs: u64) -> (u64, u64) {
                $type::bytes(outputs)
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

/// Whether an accumulator of some outputs never takes more bytes than it says, while rows, runs and another one
/// of its kind are added.
fn check_bytes<A: Accumulator>(values: &[A::Value], outputs: usize) -> Result<(), TestCaseError> {
    let mut other = A::make(outputs);
    (0..outputs).for_each(|output| other.run(Isa::detect(), output, values, 0, 1));
    let rows: Vec<A::Value> = values.iter().flat_map(|value| vec![*value; outputs]).collect();
    for (in_rows, in_runs, merged) in [(true, false, false), (false, true, false), (true, true, true)] {
        let taken = most_bytes(|| {
            let mut filled = A::make(outputs);
            for (number, row) in rows.chunks(outputs).enumerate().filter(|_| in_rows) {
                filled.rows(Isa::detect(), 0, outputs, row, number as i64);
            }
            for output in (0..outputs).filter(|_| in_runs) {
                filled.run(Isa::detect(), output, values, 0, 1);
            }
            prop_assert!(!merged || filled.join(&other));
            Ok(filled)
        });
        let (_, bound) = A::bytes(outputs as u64);
        prop_assert!(taken <= bound, "{taken} bytes for {outputs} outputs, not {bound}");
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

/// Doubles that leave no exponent out.
fn extremes() -> impl Strategy<Value = Vec<f64>> {
    let size = prop_oneof![
        Just(1e308),
        Just(1e-308),
        Just(5e-324),
        Just(f64::MAX),
        Just(1.0),
        any::<u64>().prop_map(f64::from_bits),
    ];
    prop::collection::vec(
        (any::<bool>(), size).prop_map(|(negative, size)| if negative { -size } else { size }),
        0..60,
    )
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
    fn no_data_take_more_memory_than_is_said(
        extremes in extremes(),
        ordinary in prop::collection::vec(-2.0..2.0, 0..60),
        integers in integers(),
        outputs in prop_oneof![1..3_usize, 15..18_usize, 250..600_usize],
    ) {
        for doubles in [&extremes, &ordinary] {
            check_bytes::<Sums>(doubles, outputs)?;
            check_bytes::<Moments>(doubles, outputs)?;
            check_bytes::<Products>(doubles, outputs)?;
            check_bytes::<Extrema>(doubles, outputs)?;
        }
        let integers = &integers[..integers.len().min(60)];
        check_bytes::<IntegerSums>(integers, outputs)?;
        check_bytes::<IntegerMoments>(integers, outputs)?;
        check_bytes::<IntegerProducts>(integers, outputs)?;
        check_bytes::<IntegerExtrema>(integers, outputs)?;
        check_bytes::<Counts>(integers, outputs)?;
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
