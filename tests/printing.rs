//! Arrays as `Value` prints them against NumPy's own `str`.
//!
//! `SQUALL_TEST_PYTHON` names an interpreter with NumPy 2.3 or later (`python3` otherwise). Where it is
//! missing, the test says what it leaves out; with `SQUALL_TEST_REQUIRE=1` it fails instead.

#![expect(clippy::print_stderr, reason = "a test tells its seed, and what it leaves out")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use squall::array::{DType, Data, Shape, Value};

/// Reads `dtype extents : bits` and answers with the length of what NumPy prints, a newline, and the text.
const PYTHON: &str = r#"
import sys
import numpy as np
bits = {"float64": np.uint64, "float32": np.uint32, "int64": np.int64, "bool": np.bool_}
for line in sys.stdin:
    head, words = line.split(":")
    dtype, *extents = head.split()
    words = np.array([int(word) for word in words.split()], dtype=bits[dtype])
    array = words.view(dtype).reshape([int(extent) for extent in extents])
    text = str(array if array.ndim else array[()])
    sys.stdout.write(f"{len(text)}\n{text}\n")
"#;

#[test]
fn arrays_print_as_numpy_prints_them() {
    let Some(python) = python() else { return };
    let mut generator = StdRng::seed_from_u64(fresh_seed());
    let mut cases = chosen();
    cases.extend((0..12_000).map(|_| random(&mut generator)));
    let input = cases.iter().fold(String::new(), |text, case| text + &case.line());
    let output = answer(&python, input);
    let mut rest = output.as_str();
    for case in &cases {
        let (length, text) = rest.split_once('\n').expect("a length");
        let (expected, after) = text.split_at(length.parse().expect("an integer"));
        assert_eq!(case.value().to_string(), expected, "{}", case.line());
        rest = after.trim_start_matches('\n');
    }
    assert_eq!(rest, "");
}

/// An array, its elements as they are.
#[derive(Debug)]
struct Case {
    extents: Vec<u64>,
    dtype: DType,
    data: Data,
}

impl Case {
    fn value(&self) -> Value {
        let shape = Shape::new(self.extents.clone()).expect("a small shape");
        Value::array(shape, self.dtype, self.data.clone())
    }

    fn line(&self) -> String {
        let mut line = self.dtype.to_string();
        self.extents.iter().for_each(|extent| write!(line, " {extent}").expect("text"));
        line.push(':');
        match &self.data {
            Data::Real(data) => data.iter().for_each(|&value| match self.dtype {
                DType::F32 => write!(line, " {}", (value as f32).to_bits()).expect("text"),
                _ => write!(line, " {}", value.to_bits()).expect("text"),
            }),
            Data::Integer(data) => data.iter().for_each(|value| write!(line, " {value}").expect("text")),
        }
        line + "\n"
    }
}

/// What is at the edges of the rules.
fn chosen() -> Vec<Case> {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let rows: Vec<Vec<f64>> = vec![
        vec![0.0, -0.0],
        vec![nan],
        vec![inf],
        vec![-inf, nan],
        vec![-inf, 1.0],
        vec![nan, -1.5, 1e9],
        vec![0.1 + 0.2, 1.0],
        vec![1e8, 1.0],
        vec![99_999_999.0, 99_999.0],
        vec![99_999_999.999_999_99],
        vec![0.999_999_999_9, 0.5],
        vec![0.0001, 0.1],
        vec![0.000_099_999],
        vec![1.0, 1000.0],
        vec![1.0, 1_000.000_1],
        vec![0.001_953_125, 0.005_859_375],
        vec![5e-324, 1.7e308],
        vec![1e100, 1.0],
        vec![f64::from(0.0001_f32), f64::from(999_999.94_f32)],
        vec![1e6],
        vec![0.1, 1.234_567_89e10],
        vec![0.1, 1.0 / 3.0, 1e-10],
    ];
    let mut cases = Vec::new();
    for row in rows {
        cases
            .extend([DType::F64, DType::F32].map(|dtype| floats(vec![row.len() as u64], dtype, row.clone())));
        cases.extend([DType::F64, DType::F32].map(|dtype| floats(vec![], dtype, vec![row[0]])));
    }
    let powers = (-149..128).map(|exponent| 2_f64.powi(exponent));
    cases.extend(powers.clone().map(|power| floats(vec![1], DType::F32, vec![power])));
    cases.extend(powers.map(|power| floats(vec![], DType::F32, vec![power])));
    for extents in [vec![0], vec![3, 0], vec![0, 2], vec![1, 1, 1, 1], vec![1001], vec![1000], vec![7, 143]] {
        let size: u64 = extents.iter().product();
        let data: Vec<i64> = (0..size as i64).map(|element| element * 37 % 1009 - 500).collect();
        let whole = data.iter().map(|&element| element as f64).collect();
        cases.push(floats(extents.clone(), DType::F64, whole));
        let truths = data.iter().map(|element| element & 1).collect();
        cases.push(Case { extents: extents.clone(), dtype: DType::Bool, data: Data::Integer(truths) });
        cases.push(Case { extents, dtype: DType::I64, data: Data::Integer(data) });
    }
    let extremes = Data::Integer(vec![i64::MIN, i64::MAX, 0]);
    cases.push(Case { extents: vec![3], dtype: DType::I64, data: extremes });
    cases
}

fn floats(extents: Vec<u64>, dtype: DType, data: Vec<f64>) -> Case {
    let rounded = |value: f64| if dtype == DType::F32 { f64::from(value as f32) } else { value };
    Case { extents, dtype, data: Data::Real(data.into_iter().map(rounded).collect()) }
}

fn random(generator: &mut StdRng) -> Case {
    let extents = extents(generator);
    let size = extents.iter().product::<u64>() as usize;
    let family: u32 = generator.random_range(0..10);
    match generator.random_range(0..6) {
        0 => {
            let data = (0..size).map(|_| generator.random_range(0..2)).collect();
            Case { extents, dtype: DType::Bool, data: Data::Integer(data) }
        }
        1 => {
            let shift = generator.random_range(0..64);
            let data = (0..size).map(|_| generator.random::<i64>() >> shift).collect();
            Case { extents, dtype: DType::I64, data: Data::Integer(data) }
        }
        2 | 3 => floats(extents, DType::F32, (0..size).map(|_| element(generator, family)).collect()),
        _ => floats(extents, DType::F64, (0..size).map(|_| element(generator, family)).collect()),
    }
}

/// Up to four axes; small ones, some empty, and some long enough to be abbreviated.
fn extents(generator: &mut StdRng) -> Vec<u64> {
    let axes = generator.random_range(0..5);
    let most = match generator.random_range(0..20) {
        0 => [1, 3000, 60, 14, 9][axes],
        1..4 => [1, 200, 20, 7, 5][axes],
        _ => [1, 12, 6, 4, 3][axes],
    };
    let empty = generator.random_range(0..40) == 0;
    (0..axes).map(|_| generator.random_range(u64::from(!empty)..=most)).collect()
}

/// A float of a family; numbers of one array are of one.
fn element(generator: &mut StdRng, family: u32) -> f64 {
    let uniform: f64 = generator.random_range(-1.0..1.0);
    match family {
        0 => uniform,
        1 => (uniform * 100.0).round() / 10.0,
        2 => (uniform * 10_000.0).round(),
        3 => 10.0 + uniform * 0.1,
        4 => uniform * 10_f64.powi(generator.random_range(-6..9)),
        5 => f64::from_bits(generator.random()),
        6 => f64::from(f32::from_bits(generator.random())),
        7 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, uniform][generator.random_range(0..6)],
        8 => generator.random_range(-1000_i64..1000) as f64 / 512.0,
        _ => uniform * 10_f64.powi(generator.random_range(-310..308)),
    }
}

/// What the interpreter prints when it reads the input.
fn answer(python: &str, input: String) -> String {
    let mut child = Command::new(python)
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the interpreter ends");
    writer.join().expect("the writer ends").expect("the interpreter reads everything");
    assert!(output.status.success(), "the interpreter fails");
    String::from_utf8(output.stdout).expect("ASCII")
}

/// An interpreter with NumPy, if there is one.
fn python() -> Option<String> {
    let python = std::env::var("SQUALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let version = "import numpy; assert numpy.lib.NumpyVersion(numpy.__version__) >= '2.3.0'";
    let probe = Command::new(&python).args(["-c", version]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("`{python}` has no NumPy 2.3: printed arrays are not compared with NumPy's");
    assert!(std::env::var("SQUALL_TEST_REQUIRE").as_deref() != Ok("1"), "{missing}");
    eprintln!("LEFT OUT: {missing}");
    None
}

/// A seed of its own for each run, unless `SQUALL_TEST_SEED` repeats one.
fn fresh_seed() -> u64 {
    let seed = match std::env::var("SQUALL_TEST_SEED") {
        Ok(seed) => seed.parse().expect("SQUALL_TEST_SEED is an integer"),
        Err(_) => rand::random::<u64>(),
    };
    eprintln!("SQUALL_TEST_SEED={seed}");
    seed
}
