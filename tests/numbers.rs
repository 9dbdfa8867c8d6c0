//! The numbers of `kernel` against an independent reference in Python, bit for bit.
//!
//! `SQUALL_TEST_PYTHON` names an interpreter with NumPy and mpmath (`python3` otherwise). Where they are
//! missing, the tests say what they leave out; with `SQUALL_TEST_REQUIRE=1` they fail instead.

#![expect(clippy::print_stderr, reason = "a test tells its seed, and what it leaves out")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use squall::kernel::accumulate::Precision::{Double, Single};
use squall::kernel::accumulate::{
    ArgExtrema, Counts, Extrema, Histogram, IntegerArgExtrema, IntegerExtrema, IntegerMoments,
    IntegerProducts, IntegerSums, Moments, Products, Sums, even_edges,
};
use squall::kernel::random::fill;
use squall::kernel::rows::{row_means, row_sums};
use squall::kernel::{BLOCK, Distribution, Isa, Key, elementary};

#[test]
fn ziggurat_tables_are_what_the_generator_writes() {
    let Some(python) = python() else { return };
    let output = Command::new(python).arg(reference("ziggurat.py")).output().expect("the generator starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel/random/tables.rs");
    let committed = std::fs::read(committed).expect("the tables are readable");
    assert!(output.stdout == committed, "src/kernel/random/tables.rs is not what ziggurat.py writes");
}

#[test]
fn random_arrays_equal_the_reference() {
    let fresh = fresh_seed();
    let normal = |loc, scale| Distribution::Normal { loc, scale };
    let uniform = |low, high| Distribution::Uniform { low, high };
    let top = u64::MAX - 4000;
    compare(vec![
        elements(0, "x", normal(0.0, 1.0), 0, 200_000),
        elements(42, "x", normal(0.0, 0.1), 12_345_678, 100_001),
        elements(fresh, "a stream", normal(10.0, 0.1), 1023, 300_000),
        elements(u128::MAX, "", normal(-0.0, 0.0), 5, 3000),
        elements(7, "温度/1", normal(1e-300, 1e-310), top, 3000),
        elements(8, "#0", normal(1e308, 1.7e308), 99, 5000),
        elements(9, "x/2", Distribution::Random, top, 3333),
        elements(fresh, "u", Distribution::Random, 77_777_777_777, 10_000),
        elements(fresh, "u", uniform(-3.5, 12.25), 1, 10_000),
        elements(1 << 64, "u", uniform(1e308, -1e308), 2047, 2),
        elements(3, "u", uniform(5e-324, 1e-320), 0, 1),
    ]);
}

#[test]
fn reductions_equal_the_reference() {
    let fresh = fresh_seed();
    let mut cases: Vec<Value> =
        special_data().into_iter().map(|(name, data)| reductions(name, &data)).collect();
    for (stream, distribution) in [
        ("normal", Distribution::Normal { loc: 0.0, scale: 0.1 }),
        ("offset", Distribution::Normal { loc: 1e9, scale: 1e-3 }),
        ("uniform", Distribution::Random),
        ("huge", Distribution::Normal { loc: 0.0, scale: 1e307 }),
        ("tiny", Distribution::Normal { loc: 0.0, scale: 1e-310 }),
        ("small", Distribution::Normal { loc: 0.0, scale: 1e-160 }),
    ] {
        let mut data = vec![0.0; 5000];
        fill(Isa::detect(), &Key::new(fresh, stream), distribution, 3, &mut data);
        cases.push(reductions(stream, &data));
    }
    cases.push(reductions("doubles of any bits", &any_bits(fresh, 3000, |word| word)));
    cases.push(reductions("doubles of 200 exponents", &any_bits(fresh, 3000, narrowed)));
    compare(cases);
}

#[test]
fn reductions_of_integers_equal_the_reference() {
    let fresh = fresh_seed();
    let integers = |count, map: fn(i64) -> i64| {
        let bits = any_bits(fresh, count, |word| word);
        bits.iter().map(|value| map(value.to_bits() as i64)).collect::<Vec<i64>>()
    };
    compare(vec![
        integer_reductions("nothing", &[]),
        integer_reductions("the least", &[i64::MIN; 1500]),
        integer_reductions("the greatest", &[i64::MAX; 1500]),
        integer_reductions("truth", &integers(3000, |word| word & 1)),
        integer_reductions("small", &integers(5000, |word| word % 1000)),
        integer_reductions("about the bound of small", &integers(5000, |word| (1 << 26) - word % 3)),
        integer_reductions("odd, of any size", &integers(5000, |word| word >> (word & 63) | 1)),
        integer_reductions("any", &integers(5000, |word| word)),
    ]);
}

#[test]
fn rows_equal_the_reference() {
    let fresh = fresh_seed();
    let mut cases = Vec::new();
    for row in [1, 2, 3, 5, 8, 10, 64, 100] {
        for distribution in [Distribution::Random, Distribution::Normal { loc: 10.0, scale: 0.1 }] {
            let mut data = vec![0.0; 300 * row];
            fill(Isa::detect(), &Key::new(fresh, "rows"), distribution, 0, &mut data);
            cases.push(rows("random", row, &data));
            let coarse: Vec<f64> = data.iter().map(|value| (value * 16.0).floor() * 0.75).collect();
            cases.push(rows("few bits", row, &coarse));
        }
        cases.push(rows("doubles of any bits", row, &any_bits(fresh, 200 * row, |word| word)));
        cases.push(rows("doubles of 200 exponents", row, &any_bits(fresh, 200 * row, narrowed)));
    }
    compare(cases);
}

#[test]
fn histograms_equal_the_reference() {
    let mut data = vec![0.0; 20_000];
    let normal = Distribution::Normal { loc: 0.0, scale: 1.0 };
    fill(Isa::detect(), &Key::new(fresh_seed(), "bins"), normal, 0, &mut data);
    data.extend([f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 1.0, 2.0, -2.0]);
    data.extend((-60..60).map(|tenths| f64::from(tenths) / 10.0));
    let mut cases = Vec::new();
    for (bins, low, high) in
        [(1, 0.0, 1.0), (10, -3.0, 3.0), (30, -2.0, 1.0), (7, 0.1, 0.7), (3, 1.0, 1.0), (6, 0.0, 1e-323)]
    {
        let ends = [low, high];
        // NumPy makes no histogram with bins as narrow as the last.
        if high > 1e-300 {
            let histogram = Histogram::even(bins, low, high);
            cases.push(histogram_case(histogram, &data, json!({ "bins": bins, "range": hex(&ends) })));
        }
        let edges = even_edges(bins, low, high);
        cases.push(json!({
            "check": "edges", "name": format!("{bins} bins from {low} to {high}"), "bins": bins,
            "range": hex(&ends), "edges": hex(&edges),
        }));
    }
    for edges in [vec![0.0, 1.0], vec![-1.0, 0.0, 0.0, 0.5, 2.0], vec![-f64::INFINITY, 0.1, 1.0, 1.0]] {
        let histogram = Histogram::edges(edges.clone());
        cases.push(histogram_case(histogram, &data, json!({ "edges": hex(&edges) })));
    }
    compare(cases);
}

#[test]
fn exp_and_log_equal_the_reference_and_are_within_one_ulp() {
    let fresh = fresh_seed();
    let uniform = |low, high| {
        let mut values = vec![0.0; 20_000];
        fill(Isa::detect(), &Key::new(fresh, "x"), Distribution::Uniform { low, high }, 0, &mut values);
        values
    };
    let subnormal = uniform(0.0, 2e-308);
    let any =
        any_bits(fresh, 20_000, |word| word & !(1 << 63)).into_iter().filter(|x| x.is_finite() && *x > 0.0);
    let mut cases = Vec::new();
    for (name, function, arguments, limit) in [
        ("samplers", "exp", uniform(-9.0, 0.0), 0.9),
        ("all", "exp", uniform(-708.0, 709.0), 0.9),
        ("subnormal results", "exp", uniform(-745.0, -708.0), 1.0),
        ("samplers", "log", uniform(0.0, 1.0), 0.9),
        ("around 1", "log", uniform(0.9, 1.1), 0.9),
        ("subnormal", "log", subnormal, 0.9),
        ("all", "log", any.collect(), 0.9),
    ] {
        let evaluate = if function == "exp" { elementary::exp } else { elementary::log };
        let values: Vec<f64> = arguments.iter().map(|x| evaluate(*x)).collect();
        for check in ["elementary", "error"] {
            cases.push(json!({
                "check": check, "name": format!("{function}, {name}"), "function": function, "limit": limit,
                "arguments": hex(&arguments), "values": hex(&values),
            }));
        }
    }
    compare(cases);
}

/// Data chosen to break sums: specials, overflow, cancellation, subnormals, signs of zero, ties.
fn special_data() -> Vec<(&'static str, Vec<f64>)> {
    let repeated = |values: &[f64], times: usize| values.repeat(times);
    let at = |place: usize, value: f64| {
        let mut data = vec![0.1; 2000];
        data[place] = value;
        data
    };
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    vec![
        ("nothing", vec![]),
        ("one value", vec![-2.5]),
        ("one negative zero", vec![-0.0]),
        ("negative zeros", vec![-0.0; 1500]),
        ("zeros and ones", repeated(&[0.0, 1.0, -0.0], 700)),
        ("equal values", vec![0.1; 4097]),
        ("nan within a block", at(700, nan)),
        ("negative nan with a payload", at(1999, f64::from_bits(0xfff8_0000_0000_1234))),
        ("infinity", at(3, inf)),
        ("negative infinity", at(1030, -inf)),
        ("both infinities", [at(5, inf), at(6, -inf)].concat()),
        ("overflow that comes back", vec![1e308, 1e308, -1e308]),
        ("overflow that stays", vec![1e308; 3000]),
        ("the largest double and half its last bit", vec![f64::MAX, 2f64.powi(970)]),
        ("just below that", vec![f64::MAX, 2f64.powi(970), -5e-324]),
        ("cancellation", repeated(&[1e300, 1.0, -1e300, 5e-324], 600)),
        ("total cancellation", repeated(&[0.1, 1e17, -1e17, -0.1], 512)),
        ("subnormals", repeated(&[5e-324, -1e-320, 2.2e-308], 500)),
        ("a tie to even", vec![1.0, 2f64.powi(-53)]),
        ("a tie broken far below", vec![1.0, 2f64.powi(-53), 5e-324]),
        (
            "the window's edges",
            repeated(&[15.999999999999998, 2f64.powi(-31), -2f64.powi(-30) - 2f64.powi(-82)], 900),
        ),
        ("full blocks of the window's top", vec![15.999999999999998; 4096]),
        ("full blocks of the window's bottom", repeated(&[2f64.powi(-31) + 2f64.powi(-83)], 4096)),
        ("the splitter's halves", vec![8.0 + 2f64.powi(-40) * 0.75; 4096]),
        ("squares that overflow", repeated(&[1e200, -1e200, 3.0], 100)),
        ("squares that underflow", repeated(&[1e-200, -3e-200, 5e-324], 100)),
        ("a small spread far from zero", repeated(&[1_000_000.1, 1_000_000.2, 1_000_000.3], 1001)),
    ]
}

/// Doubles whose bits come from the random words of a seed.
fn any_bits(seed: u128, count: usize, map: impl Fn(u64) -> u64) -> Vec<f64> {
    let mut values = vec![0.0; 2 * count];
    fill(Isa::detect(), &Key::new(seed, "bits"), Distribution::Random, 0, &mut values);
    let word = |pair: &[f64; 2]| (pair[0] * 2f64.powi(32)) as u64 | ((pair[1] * 2f64.powi(32)) as u64) << 32;
    values.as_chunks().0.iter().map(|pair| f64::from_bits(map(word(pair)))).collect()
}

/// A word whose exponent is one of 200 around that of 1.
fn narrowed(word: u64) -> u64 {
    let exponent = 923 + (word >> 52 & 0x7FF) % 200;
    word & !(0x7FF << 52) | exponent << 52
}

fn elements(seed: u128, stream: &str, distribution: Distribution, first: u64, count: usize) -> Value {
    let mut values = vec![0.0; count];
    fill(Isa::detect(), &Key::new(seed, stream), distribution, first, &mut values);
    let (name, parameters) = match distribution {
        Distribution::Random => ("random", vec![]),
        Distribution::Uniform { low, high } => ("uniform", vec![low, high]),
        Distribution::Normal { loc, scale } => ("normal", vec![loc, scale]),
    };
    json!({
        "check": "elements", "name": format!("{distribution:?}, seed {seed}, stream {stream:?}, {count} from {first}"),
        "seed": seed.to_string(), "stream": stream, "first": first.to_string(), "distribution": name,
        "parameters": parameters.iter().map(|value| hex(&[*value])).collect::<Vec<_>>(), "bits": hex(&values),
    })
}

/// Columns that data go to beside the one that is looked at.
const COLUMNS: usize = 20;

/// All reductions of the data, gathered in three pieces of different length by every instruction set, the
/// second of them as a column of rows.
fn reductions(name: &str, data: &[f64]) -> Value {
    let (mut sums, mut moments, mut products) = (Sums::new(1), Moments::new(1), Products::new(1));
    let mut extrema = Extrema::new(1);
    let mut places = [ArgExtrema::new(1, false), ArgExtrema::new(1, true)];
    for (isa, first, part) in pieces(data) {
        let (mut part_sums, mut part_moments) = (Sums::new(1), Moments::new(1));
        part.chunks(3 * BLOCK / 2).for_each(|part| part_sums.add_run(isa, 0, part));
        part_moments.add_rows(isa, 0, 1, part);
        sums.merge(&part_sums);
        moments.merge(&part_moments);
        extrema.add_run(isa, 0, part);
        products.add_run(isa, 0, part);
        let numbers: Vec<i64> = (first as i64..).take(part.len()).collect();
        places.iter_mut().for_each(|places| places.add_run(isa, 0, part, &numbers));
    }
    check_columns(data, &sums, &moments, &extrema);
    let count = data.len() as u64;
    let mut results = Map::new();
    let mut note = |name: &str, value: f64| results.insert(name.to_owned(), json!(hex(&[value])));
    for (width, precision) in [("", Double), ("single ", Single)] {
        note(&format!("{width}sum"), sums.sum(0, precision));
        note(&format!("{width}mean"), moments.mean(0, count, precision));
        note(&format!("{width}product"), products.product(0, precision));
        for ddof in [0, 1] {
            note(&format!("{width}variance {ddof}"), moments.variance(0, count, ddof, precision));
            note(&format!("{width}deviation {ddof}"), moments.standard_deviation(0, count, ddof, precision));
        }
    }
    extrema.minimum(0).map(|value| note("minimum", value));
    extrema.maximum(0).map(|value| note("maximum", value));
    let places = places.each_ref().map(|places| places.place(0));
    json!({ "check": "reductions", "name": name, "data": hex(data), "results": results, "places": places })
}

/// The data in three pieces with the places where they begin, each with an instruction set.
fn pieces<V>(data: &[V]) -> Vec<(Isa, usize, &[V])> {
    let available = Isa::available();
    let cuts = [0, data.len() / 5, data.len() / 2, data.len()];
    let piece = |(number, cut): (usize, &[usize; 2])| {
        (available[number % available.len()], cut[0], &data[cut[0]..cut[1]])
    };
    cuts.array_windows().enumerate().map(piece).collect()
}

/// Rows whose columns all hold the data come to the same.
fn check_columns(data: &[f64], sums: &Sums, moments: &Moments, extrema: &Extrema) {
    let (mut wide, mut wide_moments) = (Sums::new(COLUMNS), Moments::new(COLUMNS));
    let mut wide_extrema = Extrema::new(COLUMNS);
    for (isa, _, part) in pieces(data) {
        let rows: Vec<f64> = part.iter().flat_map(|value| [*value; COLUMNS]).collect();
        wide.add_rows(isa, 0, COLUMNS, &rows);
        wide_moments.add_rows(isa, 0, COLUMNS, &rows);
        wide_extrema.add_rows(isa, 0, COLUMNS, &rows);
    }
    let count = data.len() as u64;
    let same = |a: f64, b: f64| assert_eq!(a.to_bits(), b.to_bits());
    for column in [0, COLUMNS - 1] {
        same(wide.sum(column, Double), sums.sum(0, Double));
        same(wide_moments.variance(column, count, 0, Double), moments.variance(0, count, 0, Double));
        assert_eq!(format!("{:?}", wide_extrema.minimum(column)), format!("{:?}", extrema.minimum(0)));
    }
}

fn integer_reductions(name: &str, data: &[i64]) -> Value {
    let (mut sums, mut moments) = (IntegerSums::new(COLUMNS), IntegerMoments::new(COLUMNS));
    let (mut products, mut counts) = (IntegerProducts::new(COLUMNS), Counts::new(COLUMNS));
    let mut extrema = IntegerExtrema::new(COLUMNS);
    let mut places = [false, true].map(|greatest| IntegerArgExtrema::new(COLUMNS, greatest));
    for (isa, first, part) in pieces(data) {
        let rows: Vec<i64> = part.iter().flat_map(|value| [*value; COLUMNS - 1]).collect();
        let numbers: Vec<i64> = (first as i64..).take(part.len()).collect();
        let number_rows: Vec<i64> = numbers.iter().flat_map(|number| [*number; COLUMNS - 1]).collect();
        sums.add_run(isa, 0, part);
        sums.add_rows(isa, 1, COLUMNS - 1, &rows);
        moments.add_run(isa, 0, part);
        moments.add_rows(isa, 1, COLUMNS - 1, &rows);
        products.add_run(isa, 0, part);
        products.add_rows(isa, 1, COLUMNS - 1, &rows);
        counts.add_run(isa, 0, part);
        counts.add_rows(isa, 1, COLUMNS - 1, &rows);
        extrema.add_run(isa, 0, part);
        extrema.add_rows(isa, 1, COLUMNS - 1, &rows);
        for places in &mut places {
            places.add_run(isa, 0, part, &numbers);
            places.add_rows(isa, 1, COLUMNS - 1, &rows, &number_rows);
        }
    }
    let count = data.len() as u64;
    let results = |output: usize| {
        json!({
            "sum": sums.sum(output).map_or_else(|exact| exact.to_string(), |sum| sum.to_string()),
            "fits": sums.sum(output).is_ok(),
            "mean": hex(&[sums.mean(output, count)]),
            "variance": hex(&[moments.variance(output, count, 0), moments.variance(output, count, 1)]),
            "deviation": hex(&[moments.standard_deviation(output, count, 1)]),
            "product": products.product(output).to_string(),
            "count": counts.count(output),
            "minimum": extrema.minimum(output).map(|value| value.to_string()),
            "maximum": extrema.maximum(output).map(|value| value.to_string()),
            "places": places.each_ref().map(|places| places.place(output)),
        })
    };
    assert_eq!(results(0), results(COLUMNS - 1));
    assert_eq!(moments.mean(0, count).to_bits(), sums.mean(0, count).to_bits());
    let data: Vec<String> = data.iter().map(i64::to_string).collect();
    json!({ "check": "integers", "name": name, "data": data, "results": results(1) })
}

fn rows(name: &str, row: usize, data: &[f64]) -> Value {
    let (mut sums, mut means) = (vec![0.0; data.len() / row], vec![0.0; data.len() / row]);
    for isa in Isa::available() {
        row_sums(isa, row, data, &mut sums);
        row_means(isa, row, data, &mut means);
    }
    json!({
        "check": "rows", "name": format!("{name}, rows of {row}"), "row": row, "data": hex(data),
        "sums": hex(&sums), "means": hex(&means),
    })
}

fn histogram_case(mut histogram: Histogram, data: &[f64], bins: Value) -> Value {
    let mut other = histogram.clone();
    histogram.add(Isa::detect(), &data[..5000]);
    other.add(Isa::Portable, &data[5000..]);
    assert!(histogram.merge(&other));
    json!({
        "check": "histogram", "name": bins.to_string(), "bins": bins, "data": hex(data),
        "counts": histogram.counts(),
    })
}

fn hex(values: &[f64]) -> String {
    values.iter().map(|value| format!("{:016x}", value.to_bits())).collect()
}

/// Has the reference recompute the cases.
fn compare(cases: Vec<Value>) {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cases.json");
    std::fs::write(&path, Value::Array(cases).to_string()).expect("the cases are written");
    let output = Command::new(python).arg(reference("reference.py")).arg(&path).output();
    let output = output.expect("the reference starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{stdout}");
    assert!(output.status.success(), "{stdout}{stderr}");
}

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// An interpreter with NumPy and mpmath, if there is one.
fn python() -> Option<String> {
    let python = std::env::var("SQUALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import numpy, mpmath"]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("`{python}` has no NumPy and mpmath: numbers are not compared with the reference");
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
