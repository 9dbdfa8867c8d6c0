//! What expressions mean. Every message they can earn is in the files below.

mod messages;
mod syntax;

use crate::array::{Definitions, Distribution, Expr, Operation, Random, parse};
use crate::error::Result;

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn parsed(arrays: &[(&str, &str)], result: &str) -> Result<Expr> {
    let definitions = Definitions { arrays: lines(arrays), results: lines(&[("result", result)]) };
    parse(&definitions).map(|mut results| results.remove(0).1)
}

fn refused(arrays: &[(&str, &str)], result: &str) -> String {
    parsed(arrays, result).unwrap_err().to_string()
}

const X: (&str, &str) = ("x", "random.normal(size=10)");

#[test]
fn nesting_is_bounded_and_chains_of_lines_are_not_recursive() {
    let nested = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refused(&[], &nested).contains("more than 200 levels"));
    assert!(refused(&[], &"-".repeat(100_000)).contains("more than 200 levels"));
    assert!(refused(&[], &vec!["1"; 100_000].join("+")).contains("more than 200 levels"));
    assert!(refused(&[], &format!("1{}", "**2".repeat(100_000))).contains("more than 200 levels"));
    assert!(refused(&[], &format!("x{}", ".y()".repeat(100_000))).contains("more than 200 levels"));
    assert_eq!(number(&format!("{}1{}", "(".repeat(190), ")".repeat(190))), 1.0);

    let chain = |first: &str| {
        let mut arrays = vec![("a0".to_owned(), first.to_owned())];
        arrays.extend((1..5000).map(|line| (format!("a{line}"), format!("a{} + 1", line - 1))));
        arrays.reverse();
        let results = vec![("r".to_owned(), "a4999 * 1".to_owned())];
        parse(&Definitions { arrays, results })
    };
    assert!(matches!(chain("0").unwrap()[0].1.operation(), Operation::Number(4999.0)));
    let error = chain("random.random(size=3)").unwrap_err().to_string();
    assert!(error.contains("more than 1000 operations"), "{error}");
}

/// The number that a constant expression comes to.
fn number(text: &str) -> f64 {
    match parsed(&[], text).unwrap().operation() {
        Operation::Number(value) => *value,
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn numbers_are_those_of_python() {
    for (text, value) in [
        ("2 + 3 * 4 ** 2 / 8 - 1", 7.0),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("7 - 2 - 1", 4.0),
        ("-7 // 2", -4.0),
        ("7 // -2", -4.0),
        ("-8 // 2", -4.0),
        ("1 / 3", 1.0 / 3.0),
        ("1_000 + 0x_ff + .5 + 5. + 1e-3", 1260.501),
        ("9007199254740993 - 9007199254740992", 1.0),
        ("2 ** 100 - (2 ** 100 - 1)", 1.0),
        ("170141183460469231731687303715884105727 + 1", 170141183460469231731687303715884105728.0),
        ("0.1 ** 2", 0.1 * 0.1),
        ("(1 + # a comment\n 2)", 3.0),
        ("1 / 0", f64::INFINITY),
        ("00", 0.0),
        ("da.sum(random.random(size=0))", 0.0),
    ] {
        assert_eq!(number(text), value, "{text}");
    }
    assert!(number("random.normal(size=(3, 0)).std()").is_nan());
}

/// The random array that is the operand of a reduction.
fn random(arrays: &[(&str, &str)], result: &str) -> (Random, Expr) {
    let expr = parsed(arrays, result).unwrap();
    let Operation::Reduce(_, array) = expr.operation() else { panic!("{result} is no reduction") };
    let Operation::Random(random) = array.operation() else { panic!("{result} is not of a random array") };
    (random.clone(), array.clone())
}

#[test]
fn arguments_are_those_of_numpy_and_dask() {
    let normal = |loc, scale| Distribution::Normal { loc, scale };
    for (text, distribution, shape, chunks) in [
        ("random.normal(10, 0.1, 8, 4)", normal(10.0, 0.1), "(8,)", vec![4]),
        ("da.random.normal(size=8e8, chunks=8e8/4)", normal(0.0, 1.0), "(800000000,)", vec![200_000_000]),
        ("np.random.standard_normal((3, 4))", normal(0.0, 1.0), "(3, 4)", vec![3, 4]),
        (
            "numpy.random.uniform(high=2, size=[5], chunks=(-1,))",
            Distribution::Uniform { low: 0.0, high: 2.0 },
            "(5,)",
            vec![5],
        ),
        ("dask.array.random.random((4, 6), chunks=(2, None))", Distribution::Random, "(4, 6)", vec![2, 6]),
        ("da.random.default_rng().random((4, 6), chunks=5)", Distribution::Random, "(4, 6)", vec![4, 5]),
        (
            "random.random(size=(2**13, 2**13), chunks='auto')",
            Distribution::Random,
            "(8192, 8192)",
            vec![2048, 8192],
        ),
    ] {
        let (random, array) = random(&[], &format!("{text}.mean(axis=None, keepdims=False)"));
        assert_eq!((random.distribution, random.seed), (distribution, None), "{text}");
        assert_eq!(
            (array.shape().to_string().as_str(), array.chunks()),
            (shape, chunks.as_slice()),
            "{text}"
        );
    }
}

#[test]
fn seeds_have_128_bits() {
    for (text, seed) in [
        ("0", 0),
        ("0x2a", 42),
        ("340282366920938463463374607431768211455", u128::MAX),
        ("0xffffffff_ffffffff_ffffffff_ffffffff", u128::MAX),
        ("seed=7", 7),
    ] {
        let rng = format!("da.random.default_rng({text})");
        assert_eq!(random(&[("rng", &rng)], "rng.random(size=3).sum()").0.seed, Some(seed));
    }
}

#[test]
fn stream_is_the_name_of_the_line_and_the_number_of_the_call_in_it() {
    let pair = ("pair", "random.random(size=3) - random.random(size=3)");
    let expr = parsed(&[pair], "pair.sum() + random.random(size=3).sum()").unwrap();
    assert_eq!(streams(&expr), ["pair", "pair/1", "result"]);
    let given = ("pair", "random.random(size=3, stream='a') - random.random(size=3)");
    assert_eq!(streams(&parsed(&[given], "pair.sum()").unwrap()), ["a", "pair/1"]);
    let by_generator = [("rng", "random.default_rng(1)"), ("x", "rng.random(size=3)")];
    assert_eq!(streams(&parsed(&by_generator, "x.sum()").unwrap()), ["x"]);
}

fn streams(expr: &Expr) -> Vec<String> {
    match expr.operation() {
        Operation::Number(_) => Vec::new(),
        Operation::Random(random) => vec![random.stream.clone().unwrap()],
        Operation::Negate(operand) | Operation::Reduce(_, operand) => streams(operand),
        Operation::Binary(_, left, right) => [streams(left), streams(right)].concat(),
    }
}

#[test]
fn results_may_use_results() {
    let definitions = Definitions {
        arrays: lines(&[X]),
        results: lines(&[("error-of-mean", "spread / 3"), ("spread", "x.std()")]),
    };
    let names: Vec<String> = parse(&definitions).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["error-of-mean", "spread"]);
}
