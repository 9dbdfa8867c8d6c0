//! The reference in Python: one process that answers requests line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use squall::array::{ArrayValue, Data};

/// `arrays.py`.
pub(crate) struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What squall refused, was allowed to, and NumPy did not, so far: the reasons.
    pub(crate) excused: Vec<String>,
}

impl Python {
    /// Nothing, with a word about it, where there is no NumPy and none is required.
    pub(crate) fn start() -> Option<Self> {
        let python = std::env::var("SQUALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let probe = Command::new(&python).args(["-c", "import numpy"]).output();
        if !probe.is_ok_and(|output| output.status.success()) {
            let missing = format!("`{python}` has no NumPy: arrays are not compared with the reference");
            assert!(std::env::var("SQUALL_TEST_REQUIRE").as_deref() != Ok("1"), "{missing}");
            eprintln!("LEFT OUT: {missing}");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/arrays.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the reference starts");
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        Some(Python { child, requests, answers, excused: Vec::new() })
    }

    /// The complaints about what was asked.
    pub(crate) fn ask(&mut self, request: &Value) -> Vec<String> {
        let requests = self.requests.as_mut().expect("open until the end");
        writeln!(requests, "{request}").expect("the reference reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the reference answers");
        let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        let strings = |field: &str| {
            let list = answer[field].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        self.excused.extend(strings("excused"));
        strings("complaints")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.requests = None;
        let ended = self.child.wait();
        assert!(
            std::thread::panicking() || ended.is_ok_and(|status| status.success()),
            "the reference failed"
        );
    }
}

/// A value, bit for bit.
pub(crate) fn found(name: &str, value: &squall::Value, tolerance: Value) -> Value {
    let numbers: Vec<u64> = match value {
        squall::Value::Number(number) => vec![number.to_bits()],
        squall::Value::Single(number) => vec![f64::from(*number).to_bits()],
        squall::Value::Integer(number) => vec![*number as u64],
        squall::Value::Bool(truth) => vec![u64::from(*truth)],
        squall::Value::Array(array) => words(array),
        _ => unreachable!("there are no other values"),
    };
    let data: Vec<String> = numbers.iter().map(|word| format!("{word:x}")).collect();
    let (shape, dtype) = (value.shape(), value.dtype().name());
    json!({ "name": name, "shape": shape.extents(), "dtype": dtype, "data": data.join(" "), "tolerance": tolerance })
}

fn words(array: &ArrayValue) -> Vec<u64> {
    match array.data() {
        Data::Real(data) => data.iter().map(|value| value.to_bits()).collect(),
        Data::Integer(data) => data.iter().map(|value| *value as u64).collect(),
    }
}
