//! Files written by NumPy are read, and files written here are read by NumPy, bit for bit.
//!
//! `SQUALL_TEST_PYTHON` names an interpreter with NumPy (`python3` otherwise). Where it is missing, the tests say
//! what they leave out; with `SQUALL_TEST_REQUIRE=1` they fail instead.

#![expect(clippy::print_stderr, reason = "a test tells its seed, and what it leaves out")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use squall::array::{DType, Files, Shape, Stored, Target};
use squall::store::{LocalFiles, Reader, Writer};

#[test]
fn every_file_of_numpy_is_read() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    run(&python, "make", directory.path());
    let cases = fs::read(directory.path().join("cases.json")).expect("NumPy's cases");
    let cases: Vec<Value> = serde_json::from_slice(&cases).expect("a list");
    // NumPy's long doubles are those of the CPU.
    let dtypes = 12 + usize::from(cfg!(target_arch = "x86_64"));
    assert_eq!(cases.len(), dtypes * 2 * 13 * 2 * 3);
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let path = directory.path().join(format!("{name}.npy"));
        let (stored, shape) = LocalFiles.open(path.to_str().expect("UTF-8")).expect("a file of NumPy");
        assert_eq!(json!(shape.extents()), case["shape"], "{case}");
        assert_eq!(stored.format.dtype().name(), case["dtype"], "{case}");
        assert_eq!(stored.fortran_order, case["fortran"], "{case}");
        let raw = fs::read(directory.path().join(format!("{name}.raw"))).expect("NumPy's elements");
        let (words, _) = raw.as_chunks::<8>();
        assert_eq!(words.len() as u64, shape.size(), "{case}");
        if stored.format.dtype().is_real() {
            let expected: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
            let read = reals(&stored, expected.len());
            let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            assert!(read.iter().zip(&expected).all(same), "{case}");
        } else {
            let expected: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
            let mut read = vec![-1; expected.len()];
            Reader::open(&stored).and_then(|mut file| file.read_integer(0, &mut read)).expect("elements");
            assert_eq!(read, expected, "{case}");
        }
    }
}

fn reals(stored: &Stored, count: usize) -> Vec<f64> {
    let mut read = vec![0.0; count];
    let mut reader = Reader::open(stored).expect("an unchanged file");
    // In two requests, the second of which goes on.
    let (left, right) = read.split_at_mut(count / 3);
    reader.read_real(0, left).and_then(|()| reader.read_real(left.len() as u64, right)).expect("elements");
    read
}

#[test]
fn every_file_written_here_is_read_by_numpy() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut saved = Vec::new();
    for dtype in [DType::Bool, DType::I64, DType::F32, DType::F64] {
        for extents in [vec![], vec![0], vec![1], vec![5000], vec![3, 0], vec![40, 50, 60], vec![1, 2, 1, 3]]
        {
            let shape = Shape::new(extents.clone()).expect("a shape");
            let name = format!("{}", saved.len());
            save(directory.path(), &name, dtype, &shape, seed);
            let wide = if dtype.is_real() { "<f8" } else { "<i8" };
            saved.push(json!({"name": name, "dtype": dtype.name(), "shape": extents, "wide": wide}));
        }
    }
    fs::write(directory.path().join("saved.json"), json!(saved).to_string()).expect("written");
    run(&python, "check", directory.path());
}

/// Saves elements of any bits, by two writers in pieces of odd lengths, and their raw words beside the file.
fn save(directory: &Path, name: &str, dtype: DType, shape: &Shape, seed: u64) {
    let words: Vec<u64> = (0..shape.size()).map(|index| mixed(seed ^ index)).collect();
    let raw: Vec<u8> = words.iter().flat_map(|word| element(dtype, *word)).collect();
    fs::write(directory.join(format!("{name}.raw")), raw).expect("written");
    let path = directory.join(format!("{name}.npy"));
    let target = Target::new(path.to_str().expect("UTF-8"), dtype, shape, "a1b2c3d4").expect("a target");
    target.create().expect("room");
    let mut writers = [0; 2].map(|_| Writer::open(&target).expect("a temporary file"));
    for (index, piece) in words.chunks(1023).enumerate() {
        let writer = &mut writers[index % 2];
        let first = index as u64 * 1023;
        if dtype.is_real() {
            let values: Vec<f64> = piece.iter().map(|word| f64::from_bits(*word)).collect();
            writer.write_real(first, &values).expect("written");
        } else {
            let values: Vec<i64> = piece.iter().map(|word| integer(dtype, *word)).collect();
            writer.write_integer(first, &values).expect("written");
        }
    }
    writers.iter_mut().try_for_each(Writer::sync).expect("on the disk");
    target.finish().expect("a name");
}

fn element(dtype: DType, word: u64) -> [u8; 8] {
    if dtype.is_real() { word.to_le_bytes() } else { integer(dtype, word).to_le_bytes() }
}

fn integer(dtype: DType, word: u64) -> i64 {
    if dtype == DType::Bool { (word % 2).cast_signed() } else { word.cast_signed() }
}

/// Any 64 bits; one word in four is a double that is special or has a single's exponent.
fn mixed(index: u64) -> u64 {
    let word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match word >> 60 {
        0 => word | 0x7ff << 52,
        1 => 0x7ff << 52,
        2 | 3 => (word & !(0x7ff << 52)) | ((word >> 40 & 255) + 880) << 52,
        _ => word,
    }
}

fn run(python: &str, command: &str, directory: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/npy.py");
    let output =
        Command::new(python).arg(script).arg(command).arg(directory).output().expect("Python starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{out}{err}");
    assert!(output.status.success(), "NumPy disagrees");
}

fn python() -> Option<String> {
    let python = std::env::var("SQUALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import numpy"]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("`{python}` has no NumPy: files are not exchanged with it");
    assert!(std::env::var("SQUALL_TEST_REQUIRE").as_deref() != Ok("1"), "{missing}");
    eprintln!("LEFT OUT: {missing}");
    None
}
