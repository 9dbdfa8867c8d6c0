//! Results that have to be the same to the bit, because they are the exact ones of the same elements.

use squall::Value;
use squall::array::{Expr, Target};

use crate::dice::Dice;
use crate::engine::{Engine, parsed};

type Lines<'a> = &'a [(&'a str, &'a str)];

fn lines(arrays: Lines<'_>, results: &[&str]) -> Vec<(String, Expr)> {
    let arrays: Vec<(String, String)> =
        arrays.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let numbered = results.iter().enumerate();
    let results: Vec<(String, String)> =
        numbered.map(|(number, text)| (format!("r{number}"), (*text).to_owned())).collect();
    parsed(&arrays, &results).expect("every line is accepted").results
}

fn computed(engine: &Engine, exprs: &[(String, Expr)], dice: &mut Dice) -> Vec<Value> {
    let values = engine.compute(exprs, &[], 3, dice).expect("all are computed");
    values.into_iter().map(|(_, value)| value).collect()
}

fn saved(engine: &Engine, name: &str, directory: &tempfile::TempDir, expr: &Expr) -> String {
    let path = directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let target = Target::new(&path, expr.dtype(), expr.shape(), "run").expect("a new file");
    engine.compute(&[], &[(target, expr.clone())], 3, &mut Dice::new(1)).expect("it is saved");
    path
}

#[test]
fn reductions_of_a_saved_array_are_those_of_the_array() {
    let (engine, directory, mut dice) =
        (Engine::new(), tempfile::tempdir().unwrap(), Dice::new(rand::random()));
    let x = ("x", "random.normal(3, 0.1, size=(1001, 701), chunks=(100, 701))");
    let texts =
        ["x.mean()", "x.std(ddof=1)", "x.var(axis=0)", "x.max(axis=1)", "median(x)", "x[::3, ::-7].sum()"];
    let single = ("x", "random.normal(3, 0.1, size=(1001, 701), dtype='f4')");
    for (name, array) in [("double.npy", x), ("single.npy", single)] {
        let path = saved(&engine, name, &directory, &lines(&[array], &["x"])[0].1);
        let loaded = format!("load('{path}', chunks=17)");
        let from_file = computed(&engine, &lines(&[("x", &loaded)], &texts), &mut dice);
        assert_eq!(from_file, computed(&engine, &lines(&[array], &texts), &mut dice));
    }
}

#[test]
fn an_array_that_is_saved_and_reduced_at_once_is_the_one_that_is_reduced() {
    let (engine, directory, mut dice) =
        (Engine::new(), tempfile::tempdir().unwrap(), Dice::new(rand::random()));
    let x = ("x", "random.normal(3, 0.1, size=(300, 701), chunks=(100, 701))");
    let exprs = lines(&[x], &["(x.T - x.mean(axis=1)).std()", "x.T - x.mean(axis=1)"]);
    let path = directory.path().join("y.npy").to_str().unwrap().to_owned();
    let target = Target::new(&path, exprs[1].1.dtype(), exprs[1].1.shape(), "run").unwrap();
    let values = engine.compute(&exprs[..1], &[(target, exprs[1].1.clone())], 3, &mut dice).unwrap();
    let loaded = format!("load('{path}')");
    assert_eq!(computed(&engine, &lines(&[("y", &loaded)], &["y.std()"]), &mut dice), [values[0].1.clone()]);
}

#[test]
fn order_of_elements_changes_no_bit_of_a_reduction() {
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let x = ("x", "random.normal(0, 1, size=(999, 777), chunks=(10, 100))");
    for reduction in ["sum", "mean", "std", "max", "prod"] {
        let turned = [
            "x",
            "x[::-1]",
            "x.T",
            "x[:, ::-1].T",
            "x.reshape(777, 999)",
            "x.ravel()[::-1]",
            "x.reshape(-1, 3, 7)",
        ];
        let texts: Vec<String> = turned.iter().map(|array| format!("{array}.{reduction}()")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let values = computed(&engine, &lines(&[x], &texts), &mut dice);
        assert!(values.iter().all(|value| *value == values[0]), "{reduction}: {values:?}");
    }
}

#[test]
fn chunks_change_no_bit() {
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let texts =
        ["x.mean()", "x.std(axis=0)", "x.cumsum(axis=1)[:, -1]", "(x[1:] * x[:-1]).sum()", "median(x)"];
    let mut all = Vec::new();
    for chunks in ["-1", "17", "(1, 500)", "'64 KiB'", "((299, 1), -1)", "{0: 7}"] {
        let x = format!("random.normal(0, 1, size=(300, 500), chunks={chunks})");
        all.push(computed(&engine, &lines(&[("x", &x)], &texts), &mut dice));
    }
    assert!(all.iter().all(|values| *values == all[0]));
}

#[test]
fn workers_of_different_kernels_give_one_result() {
    // The engine gives each lease to a worker with the portable kernels or with the fastest ones, at random.
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let x = ("x", "random.normal(1, 3, size=(2000, 300), chunks=(20, 300))");
    let texts = [
        "x.std()",
        "exp(x).mean()",
        "sin(x).sum(axis=0)",
        "log(abs(x)).var()",
        "x.prod(axis=1).max()",
        "quantile(x, 0.3)",
    ];
    let exprs = lines(&[x], &texts);
    let first = computed(&engine, &exprs, &mut dice);
    (0..3).for_each(|_| assert_eq!(computed(&engine, &exprs, &mut dice), first));
}

#[test]
fn rounded_sums_meet_their_identities() {
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let x = ("x", "random.random((50, 4000), chunks=(7, 1000))");
    let equal = [
        ("x.sum()", "stack([x, 0 * x]).sum()"),
        ("x.sum()", "concatenate([x[:, 2000:], x[:, :2000]], axis=1).sum()"),
        ("(x < 0.5).mean()", "(x < 0.5).sum() / x.size"),
        ("(2 * x).std()", "2 * x.std()"),
        ("x.sum(axis=0)[::7]", "x[:, ::7].sum(axis=0)"),
        ("x.mean(axis=1)", "x.T.mean(axis=0)"),
        ("x.var()", "x.std()**2 * 0 + x.var()"),
        ("dot(x[0], x[1])", "(x[0] * x[1]).sum()"),
    ];
    for (left, right) in equal {
        let values = computed(&engine, &lines(&[x], &[left, right]), &mut dice);
        assert_eq!(values[0], values[1], "{left} and {right}");
    }
}

#[test]
fn stack_of_files_is_their_concatenation() {
    let (engine, directory, mut dice) =
        (Engine::new(), tempfile::tempdir().unwrap(), Dice::new(rand::random()));
    let x = ("x", "random.normal(0, 1, size=(100, 70))");
    std::fs::create_dir(directory.path().join("parts")).unwrap();
    for (number, rows) in ["x[:13]", "x[13:64]", "x[64:]"].into_iter().enumerate() {
        let name = format!("parts/{number}.npy");
        saved(&engine, &name, &directory, &lines(&[x], &[rows])[0].1);
    }
    let stack = format!("load('{}', chunks=(9, 70))", directory.path().join("parts").display());
    let texts = ["x.std()", "x[5:80:4, ::-2].sum(axis=0)", "x.T.cumsum(axis=1).max(axis=1)", "x[::9]"];
    let from_files = computed(&engine, &lines(&[("x", &stack)], &texts), &mut dice);
    assert_eq!(from_files, computed(&engine, &lines(&[x], &texts), &mut dice));
}

#[test]
fn millions_of_rows_put_together_are_those_of_the_parts() {
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let arrays = [("p", "random.random((2_000_003, 3))"), ("q", "random.normal(0, 1, size=(2_000_003, 3))")];
    let equal = [
        ("concatenate([p, q]).sum(axis=1).max()", "maximum(p.sum(axis=1).max(), q.sum(axis=1).max())"),
        ("concatenate([p, q]).std(axis=1).sum()", "concatenate([p.std(axis=1), q.std(axis=1)]).sum()"),
        ("stack([p, q]).sum(axis=0).max()", "(p + q).max()"),
        ("stack([p, q], axis=2).cumsum(axis=2)[:, :, 1].std()", "(p + q).std()"),
        ("concatenate([p, q], axis=1).cumsum(axis=1)[:, 2].sum()", "p.cumsum(axis=1)[:, 2].sum()"),
        ("median(concatenate([p, q[:, :0]], axis=1), axis=1).max()", "median(p, axis=1).max()"),
    ];
    for (left, right) in equal {
        let values = computed(&engine, &lines(&arrays, &[left, right]), &mut dice);
        assert_eq!(values[0], values[1], "{left} and {right}");
    }
}

#[test]
fn results_are_the_same_whatever_else_is_computed_and_in_which_order() {
    let (engine, mut dice) = (Engine::new(), Dice::new(rand::random()));
    let arrays = [
        ("x", "random.normal(0, 1, size=(300, 4))"),
        ("y", "random.random((200, 4))"),
        ("both", "concatenate([x, y])"),
        ("twice", "stack([x, x[::-1]])"),
    ];
    let texts: Vec<String> = ["sum", "mean", "std", "max", "argmax", "prod", "any", "ptp"]
        .iter()
        .flat_map(|function| {
            ["x", "y", "both", "twice", "x[:200]"]
                .map(|array| [format!("{function}({array})"), format!("{function}({array}, axis=0)")])
        })
        .flatten()
        .collect();
    let alone: Vec<Value> =
        texts.iter().map(|text| computed(&engine, &lines(&arrays, &[text]), &mut dice).remove(0)).collect();
    for _ in 0..4 {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        dice.shuffle(&mut order);
        let shuffled: Vec<&str> = order.iter().map(|&number| texts[number].as_str()).collect();
        let together = computed(&engine, &lines(&arrays, &shuffled), &mut dice);
        for (value, &number) in together.iter().zip(&order) {
            assert_eq!(value, &alone[number], "{}", texts[number]);
        }
    }
}
