//! Shapes that make tasks, panels, rows inside tasks and stages necessary, on data that squall itself has saved.

use serde_json::{Map, Value, json};
use squall::array::{Shape, Target};

use crate::dice::Dice;
use crate::engine::{Engine, parsed};
use crate::python::{Python, found};

const SEED: u128 = 11;

/// Arrays of a random kind, which NumPy gets as files; files that NumPy has made; and what is made of them.
struct Case<'a> {
    sources: &'a [(&'a str, &'a str)],
    files: &'a [(&'a str, Value)],
    lines: &'a [&'a str],
    /// What two libraries may compute with other roundings.
    rough: &'a [(&'a str, f64)],
}

fn owned(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Compares all results, computed together and one by one.
fn compare(case: &Case<'_>) {
    let Some(mut python) = Python::start() else { return };
    let (engine, directory) = (Engine::new(), tempfile::tempdir().expect("a directory"));
    let path = |name: &str| directory.path().join(format!("{name}.npy")).to_str().expect("UTF-8").to_owned();
    let mut dice = Dice::new(rand::random());
    let mut paths = Map::new();
    let mut arrays = owned(case.sources);
    for (name, file) in case.files {
        let mut file = file.clone();
        file["path"] = path(name).into();
        assert_eq!(python.ask(&json!({ "do": "make", "files": [file] })), Vec::<String>::new());
        let chunks = file["chunks"].as_str().unwrap_or("'auto'").to_owned();
        arrays.push(((*name).to_owned(), format!("load('{}', chunks={chunks})", path(name))));
        paths.insert((*name).to_owned(), path(name).into());
    }
    for (name, _) in case.sources {
        let expr = parsed(&arrays, &[("r".into(), (*name).into())]).expect("a source").results.remove(0).1;
        let shape = Shape::new(expr.shape().extents().to_vec()).expect("it is one");
        let target = Target::new(&path(name), expr.dtype(), &shape, "run").expect("a new file");
        engine.compute(&[], &[(target, expr)], SEED, &mut dice).expect("it is saved");
        paths.insert((*name).to_owned(), path(name).into());
    }
    let texts = case.lines.iter().copied().chain(case.rough.iter().map(|(text, _)| *text));
    let lines: Vec<(String, String)> =
        texts.enumerate().map(|(number, text)| (format!("r{number}"), text.to_owned())).collect();
    let results = parsed(&arrays, &lines).expect("every line is accepted").results;
    let together = engine.compute(&results, &[], SEED, &mut dice).expect("all are computed");
    for (one, (name, value)) in results.iter().zip(&together) {
        let alone = engine.compute(std::slice::from_ref(one), &[], SEED, &mut dice).expect("it is computed");
        let [alone, value] = [&alone[0].1, value].map(|value| found(name, value, Value::Null));
        assert!(alone == value, "{name} has other bits alone");
    }
    let tolerances = case.rough.iter().map(|(_, absolute)| json!({ "ulps": 2, "absolute": absolute }));
    let tolerances = case.lines.iter().map(|_| Value::Null).chain(tolerances);
    let all = together.iter().zip(tolerances).map(|((name, value), tolerance)| found(name, value, tolerance));
    let all: Vec<Value> = all.collect();
    let request = json!({ "do": "check", "files": paths, "lines": lines, "found": all, "allowed": [] });
    let complaints = python.ask(&request);
    assert!(complaints.is_empty(), "{}\nof {lines:#?}", complaints.join("\n"));
}

/// As `compare`, of lines that are their own names.
fn equal(sources: &[(&str, &str)], texts: &[&str]) {
    compare(&Case { sources, files: &[], lines: texts, rough: &[] });
}

#[test]
fn panels_of_wide_arrays_equal_numpy() {
    equal(
        &[("x", "random.normal(10, 0.1, size=(6, 50001), chunks=(2, 1000))")],
        &[
            "x.sum(axis=0)",
            "x.mean(axis=0)[::100]",
            "x.std(axis=0, ddof=1)",
            "x.max(axis=0)",
            "x.argmin(axis=0)",
            "(x > 10).sum(axis=0)",
            "x[::-1, ::-1].sum(axis=0)",
            "x.T.sum(axis=1)[5::7]",
            "((x - x.mean(axis=0)) / x.std(axis=0)).max()",
        ],
    );
}

#[test]
fn panels_with_edges_on_several_axes_equal_numpy() {
    equal(
        &[("x", "random.normal(0, 1, size=(313, 3, 227), chunks=(100, -1, 50))")],
        &[
            "x.mean(axis=1)",
            "x.transpose(2, 0, 1).var(axis=2)",
            "x.transpose((2, 1, 0)).min(axis=1)",
            "x[1:, :, ::-1].prod(axis=1)",
            "(x - x.mean(axis=1, keepdims=True)).std(axis=(0, 2))",
            "x.any(axis=1).sum()",
        ],
    );
}

#[test]
fn rows_made_inside_tasks_equal_numpy() {
    equal(
        &[
            ("p", "random.random((70001, 2), chunks=1000)"),
            ("q", "random.normal(0, 1, size=(30000, 3))"),
            ("s", "random.normal(0, 1, size=(5000, 70))"),
        ],
        &[
            "((p**2).sum(axis=1) < 1).mean()",
            "p.mean(axis=1).sum()",
            "(q.std(axis=1) * 2).max()",
            "q.min(axis=1).max()",
            "q.argmax(axis=1).mean()",
            "(q - q.mean(axis=1, keepdims=True)).var()",
            "abs(q.prod(axis=1)).sum()",
            "s.sum(axis=1).max()",
            "s[::-2, ::3].mean(axis=1).std()",
            "(s > s.mean(axis=1, keepdims=True)).any(axis=0)",
            "nanmax(where(s > 2, s, np.nan), axis=1).sum()",
        ],
    );
}

#[test]
fn rows_made_side_by_side_equal_numpy() {
    equal(
        &[
            ("q", "random.random((3, 150000), chunks=(1, 10000))"),
            ("m", "random.normal(0, 1, size=(50, 4, 3000))"),
        ],
        &[
            "(q.sum(axis=0) < 1).mean()",
            "q.std(axis=0).max()",
            "q.T.sum(axis=1).max()",
            "q[:, ::-1].argmin(axis=0).sum()",
            "(m.max(axis=1) - m.min(axis=1)).mean(axis=0)[::50]",
            "(m - m.mean(axis=1, keepdims=True)).std()",
        ],
    );
}

#[test]
fn crossed_sources_equal_numpy() {
    equal(
        &[("x", "random.random((401, 401), chunks=(40, 401))"), ("y", "random.random((900, 700))")],
        &[
            "(x + x.T).sum()",
            "(x - x.T).max(axis=1)",
            "(x + x.T)[::9, 3]",
            "(x * x[::-1].T).argmax()",
            "(y[:600, :600] + y[100:700, 50:650].T).sum(axis=0)",
            "(y.T + y.reshape(700, 900)).std(axis=1)[::50]",
            "((x - x.T.mean(axis=0)) * x.T).sum(axis=1)",
            "dot(x[:20], x[:, :30])",
        ],
    );
}

#[test]
fn large_crossed_sources_equal_numpy() {
    equal(
        &[("x", "random.normal(0, 1, size=(2003, 1501))")],
        &["(x[:1501] + x[502:].T).sum()", "(x[:1501] * x[502:].T).max(axis=0)", "(x.T > 0).sum(axis=1)"],
    );
}

#[test]
fn running_sums_equal_numpy() {
    equal(
        &[("x", "random.normal(0, 1, size=(211, 3001), chunks=(50, 500))")],
        &[
            "x.cumsum(axis=1)[:, -1]",
            "x.cumsum(axis=0).max(axis=1)",
            "x[::2, ::-3].cumsum(axis=0).sum(axis=0)",
            "cumprod(x, axis=1)[::50, ::700]",
            "diff(x, axis=0).std()",
            "(x.cumsum(axis=1) - x.cumsum(axis=0)).min()",
            "x.cumsum(axis=1).T[:, ::30].cumsum(axis=1).max(axis=0)",
            "x.cumsum(axis=1).mean(axis=1).cumsum()",
        ],
    );
}

#[test]
fn stages_upon_stages_equal_numpy() {
    equal(
        &[("x", "random.normal(3, 2, size=(500, 321), chunks=(100, -1))"), ("y", "random.random(500)")],
        &[
            "((x - x.mean())**2).mean()",
            "((x - x.mean(axis=0)) / x.std(axis=0)).max(axis=0)",
            "(x - x.mean(axis=0)).std(axis=1).argmax()",
            "where(x > x.mean(axis=1, keepdims=True), x, 0).sum(axis=0)",
            "((x - x.min()) / (x.max() - x.min())).mean()",
            "(x.mean(axis=0) - x.mean(axis=0).mean()).max()",
            "(x[:, 5] * y - x[:, 5].mean() * y.mean()).mean()",
        ],
    );
    compare(&Case {
        sources: &[("x", "random.normal(3, 2, size=(5, 3210))")],
        files: &[],
        lines: &[],
        rough: &[
            ("cov(x)", 1e-13),
            ("corrcoef(x)", 1e-13),
            ("average(x, axis=1)", 1e-15),
            ("sem(x, axis=1)", 1e-16),
        ],
    });
}

#[test]
fn quantiles_of_many_elements_equal_numpy() {
    equal(
        &[("x", "random.normal(0, 1, size=(400, 500))"), ("u", "random.random(150000)")],
        &[
            "median(x)",
            "quantile(x, [0, 0.01, 0.999999, 1])",
            "quantile(x * x * x * x * x, 0.99)",
            "quantile(floor(6 * u).astype(int), 0.3)",
            "median(0 * u + 7)",
            "median(where(x < 4, x, np.nan))",
            "quantile(where(u < 0.1, np.inf, where(u < 0.3, -np.inf, u)), [0.1, 0.2, 0.5, 0.95])",
            "median(where(u < 0.4, 0, where(u < 0.6, u * 1e-300, 1)))",
            "quantile(x.T[::3], 0.5)",
            "median(x.astype('f4'))",
            "median(abs(x - median(x)))",
        ],
    );
}

#[test]
fn histograms_equal_numpy() {
    equal(
        &[("x", "random.normal(0, 1, size=(300, 700), chunks=(17, 700))")],
        &[
            "histogram(x)[0]",
            "histogram(x)[1]",
            "histogram(x, bins=50, range=(-2, 1))[0]",
            "histogram(x, bins=[-3, -0.5, 0, 0.25, 9])[0]",
            "histogram(floor(3 * x), bins=13)[0]",
            "histogram((x > 0).astype(int), bins=4)[0]",
        ],
    );
}

#[test]
fn files_of_every_order_equal_numpy() {
    let file = |dtype: &str, shape: &[u64], fortran: bool, chunks: &str| json!({ "dtype": dtype, "shape": shape, "fortran": fortran, "kind": "plain", "seed": 5, "chunks": chunks });
    compare(&Case {
        sources: &[],
        files: &[
            ("a", file(">f4", &[701, 903], true, "100")),
            ("b", file("<i2", &[903, 701], false, "(17, -1)")),
            ("c", file("<f8", &[40, 50, 60], true, "-1")),
        ],
        lines: &[
            "a.sum(axis=0)",
            "a.mean(axis=1)",
            "(a.T + b).sum(axis=0)",
            "(a[::-1] * b.T).max(axis=1)",
            "a[::7, ::-11]",
            "c.std(axis=1)",
            "c.transpose(1, 2, 0)[3:, ::2].sum(axis=(0, 2))",
            "(c - c.mean(axis=(0, 1))).max(axis=(1, 2))",
            "c.cumsum(axis=0)[-1, ::3]",
        ],
        rough: &[],
    });
}

#[test]
fn numacc4_of_nist_is_exact_in_chunks_of_17() {
    compare(&Case {
        sources: &[],
        files: &[("x", json!({ "kind": "numacc4", "seed": 0, "chunks": "17" }))],
        lines: &["x.mean()", "x.std(ddof=1)", "x.var()", "x.sum()", "x[::-1].std(ddof=1)"],
        rough: &[("x.std(ddof=1) - 0.1", 1e-9)],
    });
}

#[test]
fn statistics_of_two_arrays_and_of_stacks_equal_numpy() {
    compare(&Case {
        sources: &[
            ("a", "random.normal(3, 1, size=400)"),
            ("b", "random.random(400)"),
            ("m", "random.normal(0, 1, size=(160, 130), chunks=(60, 50))"),
            ("p", "random.random((50, 2))"),
        ],
        files: &[],
        lines: &[
            "average(p, axis=1, weights=stack([1, 3]))",
            "stack([m, m + 1]).max(axis=0)[:, 7]",
            "median(m, axis=1)",
            "quantile(m, 0.3, axis=0, keepdims=True)",
        ],
        rough: &[
            ("cov(a, b)", 1e-12),
            ("corrcoef(a, b)", 1e-12),
            ("cov(m[:5], ddof=0)", 1e-12),
            ("dot(m, m.T).sum()", 1e-6),
            ("dot(m.T, m)[::50, ::60]", 1e-9),
            ("(m @ m.T).max(axis=0)", 1e-9),
        ],
    });
}

#[test]
fn pieces_put_together_equal_numpy() {
    equal(
        &[
            ("x", "random.normal(0, 1, size=(301, 4003), chunks=(50, 500))"),
            ("y", "random.random((301, 3001))"),
            ("p", "random.random((40001, 3))"),
            ("q", "random.normal(0, 1, size=(33000, 3))"),
        ],
        &[
            "concatenate([x, y], axis=1).cumsum(axis=1)[:, ::100]",
            "concatenate([x, y], axis=1).cumsum(axis=0).max(axis=1)",
            "concatenate([x, x[::-1]]).cumsum(axis=0)[-1, ::50]",
            "stack([x, -x]).cumsum(axis=0)[1].max()",
            "cumprod(stack([y, y + 1], axis=1), axis=1).max()",
            "diff(concatenate([x, y], axis=1), 2, axis=1).max(axis=0)",
            "quantile(concatenate([x, y], axis=1), 0.3, axis=1)",
            "median(concatenate([x, x * 2]), axis=0)",
            "median(stack([x, x * 2], axis=2), axis=2)[::50, ::70]",
            "(concatenate([p, q])**2).sum(axis=1).max()",
            "concatenate([p, q]).sum(axis=1)[::70]",
            "(stack([p, p[::-1]], axis=1).max(axis=2) > 0.9).sum()",
            "stack([y, y + 1]).mean(axis=0).max()",
            "(concatenate([p, q]) - concatenate([p, q]).mean(axis=1, keepdims=True)).std()",
            "concatenate([x, y], axis=1).std(axis=0)[::40]",
            "concatenate([x, y], axis=1).T.argmax(axis=1)[::40]",
        ],
    );
}
