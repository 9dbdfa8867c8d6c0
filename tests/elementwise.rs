//! The operations on elements against NumPy, and against arithmetic of many digits.
//!
//! `SQUALL_TEST_PYTHON` names an interpreter with NumPy and mpmath (`python3` otherwise). Where they are
//! missing, the tests say what they leave out; with `SQUALL_TEST_REQUIRE=1` they fail instead.

#![expect(clippy::print_stderr, reason = "a test tells its seed, and what it leaves out")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use squall::kernel::elementwise::*;
use squall::kernel::random::fill;
use squall::kernel::{Distribution, Isa, Key};

/// Reals at which functions have their special cases.
const REALS: [f64; 38] = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    -1e-310,
    1e-300,
    -1e-160,
    1e-9,
    0.1,
    0.5,
    -0.5,
    0.9999999999999999,
    1.0,
    -1.0,
    1.0000000000000002,
    1.5,
    -1.5,
    2.0,
    -2.0,
    2.5,
    3.0,
    -3.0,
    7.0,
    -10.25,
    33.0,
    710.0,
    -746.0,
    1e5,
    -100000.5,
    4503599627370497.5,
    9007199254740993.0,
    9.223372036854776e18,
    -9.223372036854776e18,
    1e308,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

const INTEGERS: [i64; 21] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    7,
    -7,
    10,
    63,
    64,
    -1000,
    16_777_217,
    3_037_000_500,
    -4_294_967_296,
    9_007_199_254_740_993,
    9_007_200_328_482_817,
    i64::MAX,
    i64::MIN + 1,
    i64::MIN,
];

const REAL_UNARY: [(RealUnary, &str); 27] = [
    (RealUnary::Negate, "negative"),
    (RealUnary::Absolute, "absolute"),
    (RealUnary::Sign, "sign"),
    (RealUnary::Square, "square"),
    (RealUnary::Sqrt, "sqrt"),
    (RealUnary::Cbrt, "cbrt"),
    (RealUnary::Exp, "exp"),
    (RealUnary::Expm1, "expm1"),
    (RealUnary::Log, "log"),
    (RealUnary::Log1p, "log1p"),
    (RealUnary::Log2, "log2"),
    (RealUnary::Log10, "log10"),
    (RealUnary::Sin, "sin"),
    (RealUnary::Cos, "cos"),
    (RealUnary::Tan, "tan"),
    (RealUnary::Arcsin, "arcsin"),
    (RealUnary::Arccos, "arccos"),
    (RealUnary::Arctan, "arctan"),
    (RealUnary::Sinh, "sinh"),
    (RealUnary::Cosh, "cosh"),
    (RealUnary::Tanh, "tanh"),
    (RealUnary::Floor, "floor"),
    (RealUnary::Ceil, "ceil"),
    (RealUnary::Round, "round"),
    (RealUnary::Trunc, "trunc"),
    (RealUnary::Reciprocal, "reciprocal"),
    (RealUnary::ToSingle, "to_single"),
];

const REAL_BINARY: [(RealBinary, &str, u64); 9] = [
    (RealBinary::Add, "add", 0),
    (RealBinary::Subtract, "subtract", 0),
    (RealBinary::Multiply, "multiply", 0),
    (RealBinary::Divide, "divide", 0),
    (RealBinary::FloorDivide, "floor_divide", 0),
    (RealBinary::Remainder, "remainder", 0),
    (RealBinary::Power, "power", 2),
    (RealBinary::Arctan2, "arctan2", 2),
    (RealBinary::Hypot, "hypot", 2),
];

const COMPARISONS: [(Comparison, &str); 6] = [
    (Comparison::Less, "less"),
    (Comparison::LessEqual, "less_equal"),
    (Comparison::Equal, "equal"),
    (Comparison::NotEqual, "not_equal"),
    (Comparison::Greater, "greater"),
    (Comparison::GreaterEqual, "greater_equal"),
];

const INTEGER_UNARY: [(IntegerUnary, &str); 7] = [
    (IntegerUnary::Negate, "negative"),
    (IntegerUnary::Absolute, "absolute"),
    (IntegerUnary::Sign, "sign"),
    (IntegerUnary::Square, "square"),
    (IntegerUnary::Invert, "invert"),
    (IntegerUnary::Not, "not"),
    (IntegerUnary::ToBool, "to_bool"),
];

const INTEGER_BINARY: [(IntegerBinary, &str); 10] = [
    (IntegerBinary::Add, "add"),
    (IntegerBinary::Subtract, "subtract"),
    (IntegerBinary::Multiply, "multiply"),
    (IntegerBinary::FloorDivide, "floor_divide"),
    (IntegerBinary::Remainder, "remainder"),
    (IntegerBinary::Minimum, "minimum"),
    (IntegerBinary::Maximum, "maximum"),
    (IntegerBinary::And, "and"),
    (IntegerBinary::Or, "or"),
    (IntegerBinary::Xor, "xor"),
];

#[test]
fn functions_of_reals_equal_numpy_at_special_values() {
    let isa = Isa::detect();
    let mut cases = Vec::new();
    for (op, name) in REAL_UNARY {
        let mut results = REALS.to_vec();
        real_unary(isa, op, &mut results);
        cases.push(numpy(name, "real", &[&reals(&REALS)], &reals(&results), 2));
    }
    let (left, right) = pairs(&REALS);
    for (op, name, limit) in REAL_BINARY {
        let mut results = left.clone();
        real_binary(isa, op, &mut results, &right);
        // NumPy takes the root for an exponent of 0.5 that is one number, but not for one in an array.
        let wanted = |place: &usize| op != RealBinary::Power || right[*place] != 0.5;
        let places: Vec<usize> = (0..left.len()).filter(wanted).collect();
        let taken = |of: &[f64]| reals(&places.iter().map(|place| of[*place]).collect::<Vec<_>>());
        cases.push(numpy(name, "real", &[&taken(&left), &taken(&right)], &taken(&results), limit));
        for right in REALS {
            let mut results = REALS.to_vec();
            real_binary_scalar(isa, op, &mut results, right);
            let mut case = numpy(name, "real", &[&reals(&REALS), &reals(&[right])], &reals(&results), limit);
            case["scalar"] = json!(true);
            cases.push(case);
        }
    }
    compare(cases);
}

#[test]
fn quotients_and_remainders_of_reals_equal_numpy() {
    let seed = fresh_seed();
    let mut cases = Vec::new();
    for (left_range, right_range) in [((-100.0, 100.0), (-3.0, 3.0)), ((-1e17, 1e17), (-1.0, 1.0))] {
        let mut left = uniform(seed, "left", left_range, 20_000);
        let mut right = uniform(seed, "right", right_range, 20_000);
        // Tenths and small integers, whose quotients come close to integers.
        left.extend((0..10_000).map(|place| f64::from(place - 5000) / 10.0));
        right.extend((0..10_000).map(|place| f64::from(place % 41 - 20) / 10.0));
        for (op, name, limit) in REAL_BINARY.into_iter().filter(|(.., limit)| *limit == 0) {
            let mut results = left.clone();
            real_binary(Isa::detect(), op, &mut results, &right);
            cases.push(numpy(name, "real", &[&reals(&left), &reals(&right)], &reals(&results), limit));
        }
    }
    compare(cases);
}

#[test]
fn comparisons_tests_and_conversions_equal_numpy() {
    let isa = Isa::detect();
    let mut cases = Vec::new();
    let (left, right) = pairs(&REALS);
    let mut results = vec![0; left.len()];
    for (op, name) in COMPARISONS {
        real_compare(isa, op, &left, &right, &mut results);
        cases.push(numpy(name, "real", &[&reals(&left), &reals(&right)], &integers(&results), 0));
    }
    let mut results = vec![0; REALS.len()];
    for (op, name) in [
        (RealTest::IsNan, "test_isnan"),
        (RealTest::IsFinite, "test_isfinite"),
        (RealTest::IsInf, "test_isinf"),
    ] {
        real_test(isa, op, &REALS, &mut results);
        cases.push(numpy(name, "real", &[&reals(&REALS)], &integers(&results), 0));
    }
    to_integer(isa, &REALS, &mut results);
    cases.push(numpy("real_to_integer", "real", &[&reals(&REALS)], &integers(&results), 0));
    to_bool(isa, &REALS, &mut results);
    cases.push(numpy("real_to_bool", "real", &[&reals(&REALS)], &integers(&results), 0));
    let mut results = vec![0.0; INTEGERS.len()];
    to_real(isa, &INTEGERS, &mut results);
    cases.push(numpy("integer_to_real", "integer", &[&integers(&INTEGERS)], &reals(&results), 0));
    to_single(isa, &INTEGERS, &mut results);
    cases.push(numpy("integer_to_single", "integer", &[&integers(&INTEGERS)], &reals(&results), 0));
    compare(cases);
}

#[test]
fn operations_on_integers_equal_numpy() {
    let isa = Isa::detect();
    let mut cases = Vec::new();
    for (op, name) in INTEGER_UNARY {
        let mut results = INTEGERS.to_vec();
        integer_unary(isa, op, &mut results);
        cases.push(numpy(name, "integer", &[&integers(&INTEGERS)], &integers(&results), 0));
    }
    let (left, right) = pairs(&INTEGERS);
    let mut note = |name: &str, left: &[i64], right: &[i64], results: &[i64]| {
        cases.push(numpy(name, "integer", &[&integers(left), &integers(right)], &integers(results), 0));
    };
    for (op, name) in INTEGER_BINARY {
        let mut results = left.clone();
        integer_binary(isa, op, &mut results, &right);
        note(name, &left, &right, &results);
    }
    for (op, name) in COMPARISONS {
        let mut results = left.clone();
        integer_compare(isa, op, &mut results, &right);
        note(name, &left, &right, &results);
    }
    let exponents: Vec<i64> = right.iter().map(|right| *right & i64::MAX).collect();
    let mut results = left.clone();
    integer_binary(isa, IntegerBinary::Power, &mut results, &exponents);
    note("power", &left, &exponents, &results);
    compare(cases);
}

#[test]
fn functions_of_reals_are_close_to_the_exact_values() {
    let seed = fresh_seed();
    let mut cases = Vec::new();
    for (op, name, range, limit) in accuracies() {
        let arguments = arguments(seed, range);
        let mut results = arguments.clone();
        real_unary(Isa::detect(), op, &mut results);
        let kept: Vec<usize> = (0..results.len()).filter(|place| results[*place].is_finite()).collect();
        let take = |of: &[f64]| reals(&kept.iter().map(|place| of[*place]).collect::<Vec<_>>());
        cases.push(json!({
            "check": "error", "name": format!("{range:?}"), "operation": name, "limit": limit,
            "operands": [take(&arguments)], "results": take(&results),
        }));
    }
    compare(cases);
}

#[test]
fn powers_angles_and_distances_are_close_to_the_exact_values() {
    let seed = fresh_seed();
    let mut cases = Vec::new();
    for (op, name, limit, left, right) in [
        (RealBinary::Power, "power", 1.0, Range::Uniform(0.0, 100.0), Range::Uniform(-150.0, 150.0)),
        (RealBinary::Power, "power", 1.0, Range::Positive, Range::Uniform(-1.0, 1.0)),
        (RealBinary::Power, "power", 1.0, Range::Uniform(0.999, 1.001), Range::Uniform(-1e5, 1e5)),
        (RealBinary::Arctan2, "arctan2", 2.0, Range::Uniform(-1.0, 1.0), Range::Uniform(-1.0, 1.0)),
        (RealBinary::Arctan2, "arctan2", 2.0, Range::Uniform(-1e-3, 1e-3), Range::Uniform(-1e3, 1e3)),
        (RealBinary::Hypot, "hypot", 1.5, Range::Uniform(-1.0, 1.0), Range::Uniform(-1.0, 1.0)),
        (RealBinary::Hypot, "hypot", 1.5, Range::Positive, Range::Positive),
    ] {
        let (left, right) = (arguments(seed, left), arguments(seed + 1, right));
        let mut results = left.clone();
        real_binary(Isa::detect(), op, &mut results, &right);
        let usual = |place: &usize| results[*place].is_finite() && results[*place].abs() > 1e-307;
        let kept: Vec<usize> = (0..left.len()).filter(usual).collect();
        let take = |of: &[f64]| reals(&kept.iter().map(|place| of[*place]).collect::<Vec<_>>());
        cases.push(json!({
            "check": "error", "name": "pairs", "operation": name, "limit": limit,
            "operands": [take(&left), take(&right)], "results": take(&results),
        }));
    }
    compare(cases);
}

/// Where arguments are taken from.
#[derive(Clone, Copy, Debug)]
enum Range {
    Uniform(f64, f64),
    /// All positive doubles, by their bits.
    Positive,
    /// All doubles between two magnitudes, by their bits, of both signs.
    Magnitude(f64, f64),
    /// The doubles next to each multiple of pi/2 up to 1e5, at which sin and cos cancel most.
    Quarters,
}

/// The functions that round more than once, the ranges to try, and the largest error allowed, in ulp.
fn accuracies() -> Vec<(RealUnary, &'static str, Range, f64)> {
    let small = Range::Magnitude(1e-300, 1.0);
    let positive = Range::Positive;
    let mut cases = Vec::new();
    let mut each = |op, name, limit, ranges: &[Range]| {
        cases.extend(ranges.iter().map(|range| (op, name, *range, limit)));
    };
    let turns = [
        Range::Uniform(-1.0, 1.0),
        Range::Uniform(-10.0, 10.0),
        Range::Uniform(-1e5, 1e5),
        Range::Magnitude(1e5, 1.7e308),
        small,
    ];
    each(RealUnary::Sin, "sin", 0.9, &turns);
    each(RealUnary::Cos, "cos", 0.9, &turns);
    each(RealUnary::Sin, "sin", 0.9, &[Range::Quarters]);
    each(RealUnary::Cos, "cos", 0.9, &[Range::Quarters]);
    each(RealUnary::Tan, "tan", 1.0, &turns);
    each(RealUnary::Exp, "exp", 0.9, &[Range::Uniform(-707.0, 709.0), small]);
    each(RealUnary::Expm1, "expm1", 1.0, &[Range::Uniform(-40.0, 709.0), Range::Uniform(-1.0, 1.0), small]);
    each(RealUnary::Log, "log", 0.9, &[positive, Range::Uniform(0.5, 2.0)]);
    each(RealUnary::Log1p, "log1p", 1.0, &[positive, Range::Uniform(-1.0, 1.0), small]);
    each(RealUnary::Log2, "log2", 1.0, &[positive, Range::Uniform(0.5, 2.0)]);
    each(RealUnary::Log10, "log10", 1.0, &[positive, Range::Uniform(0.5, 2.0)]);
    each(RealUnary::Cbrt, "cbrt", 0.5001, &[positive, Range::Uniform(-8.0, 8.0)]);
    each(RealUnary::Arcsin, "arcsin", 1.0, &[Range::Uniform(-1.0, 1.0), small]);
    each(RealUnary::Arccos, "arccos", 1.0, &[Range::Uniform(-1.0, 1.0), small]);
    each(RealUnary::Arctan, "arctan", 1.0, &[positive, Range::Uniform(-5.0, 5.0), small]);
    each(RealUnary::Sinh, "sinh", 1.0, &[Range::Uniform(-710.0, 710.0), Range::Uniform(-2.0, 2.0), small]);
    each(RealUnary::Cosh, "cosh", 1.0, &[Range::Uniform(-710.0, 710.0), Range::Uniform(-2.0, 2.0), small]);
    each(RealUnary::Tanh, "tanh", 1.5, &[Range::Uniform(-25.0, 25.0), Range::Uniform(-1.0, 1.0), small]);
    cases
}

fn arguments(seed: u128, range: Range) -> Vec<f64> {
    const COUNT: usize = 5000;
    let between = |low: f64, high: f64| {
        uniform(seed, "bits", (low.to_bits() as f64, high.to_bits() as f64), COUNT)
            .into_iter()
            .zip(uniform(seed, "low bits", (0.0, 2048.0), COUNT))
            .map(|(word, low)| f64::from_bits((word as u64) ^ low as u64))
    };
    match range {
        Range::Uniform(low, high) => uniform(seed, "x", (low, high), COUNT),
        Range::Positive => between(5e-324, f64::MAX).collect(),
        Range::Magnitude(low, high) => between(low, high)
            .enumerate()
            .map(|(place, value)| if place % 2 == 0 { value } else { -value })
            .collect(),
        Range::Quarters => (1..63_662)
            .step_by(3)
            .flat_map(|turns| {
                let near = f64::from(turns) * std::f64::consts::FRAC_PI_2;
                [near.next_down(), near, near.next_up()]
            })
            .collect(),
    }
}

fn uniform(seed: u128, stream: &str, (low, high): (f64, f64), count: usize) -> Vec<f64> {
    let mut values = vec![0.0; count];
    fill(Isa::detect(), &Key::new(seed, stream), Distribution::Uniform { low, high }, 0, &mut values);
    values
}

/// All pairs of the values, as two operands.
fn pairs<T: Copy>(values: &[T]) -> (Vec<T>, Vec<T>) {
    let left = values.iter().flat_map(|left| vec![*left; values.len()]).collect();
    (left, values.repeat(values.len()))
}

/// A case to be recomputed by NumPy.
fn numpy(operation: &str, kind: &str, operands: &[&str], results: &str, limit: u64) -> Value {
    json!({
        "check": "numpy", "name": "special values", "operation": operation, "kind": kind, "limit": limit,
        "scalar": false, "operands": operands, "results": results,
    })
}

fn reals(values: &[f64]) -> String {
    values.iter().map(|value| format!("{:016x}", value.to_bits())).collect()
}

fn integers(values: &[i64]) -> String {
    values.iter().map(|value| format!("{value:016x}")).collect()
}

/// Has the reference recompute the cases.
fn compare(cases: Vec<Value>) {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cases.json");
    std::fs::write(&path, Value::Array(cases).to_string()).expect("the cases are written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/elementwise.py");
    let output = Command::new(python).arg(script).arg(&path).output().expect("the reference starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{stdout}");
    assert!(output.status.success(), "{stdout}{stderr}");
}

/// An interpreter with NumPy and mpmath, if there is one.
fn python() -> Option<String> {
    let python = std::env::var("SQUALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import numpy, mpmath"]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing =
        format!("`{python}` has no NumPy and mpmath: operations are not compared with the reference");
    assert!(std::env::var("SQUALL_TEST_REQUIRE").as_deref() != Ok("1"), "{missing}");
    eprintln!("LEFT OUT: {missing}");
    None
}

/// A seed of its own for each run, unless `SQUALL_TEST_SEED` repeats one.
fn fresh_seed() -> u128 {
    let seed = match std::env::var("SQUALL_TEST_SEED") {
        Ok(seed) => seed.parse().expect("SQUALL_TEST_SEED is an integer"),
        Err(_) => u128::from(rand::random::<u64>()),
    };
    eprintln!("SQUALL_TEST_SEED={seed}");
    seed
}
