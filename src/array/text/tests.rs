//! What expressions mean. Every message they can earn is in the files below.

mod calls;
mod documentation;
mod files;
mod meaning;
mod messages;
mod python;
mod refusals;
mod resize;
mod syntax;

use crate::array::dtype::Scalar;
use crate::array::random::{Distribution, Random};
use crate::array::text::{Definitions, Parsed, parse};
use crate::array::{Expr, Operation};
use crate::error::Result;
use files::Fake;

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn parsed(arrays: &[(&str, &str)], result: &str) -> Result<Expr> {
    let definitions =
        Definitions { arrays: lines(arrays), results: lines(&[("result", result)]), saves: Vec::new() };
    parse(&definitions, &Fake).map(|mut parsed| parsed.results.remove(0).1)
}

fn refused(arrays: &[(&str, &str)], result: &str) -> String {
    parsed(arrays, result).unwrap_err().to_string()
}

const X: (&str, &str) = ("x", "random.normal(size=10)");

#[test]
fn nesting_is_bounded_and_chains_of_lines_are_not_recursive() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for text in [
        nested("(", ")"),
        nested("[", "]"),
        nested("{1:", "}"),
        nested("x[", "]"),
        nested("x[1:", "]"),
        nested("sin(", ")"),
        "-".repeat(100_000),
        vec!["1"; 100_000].join("+"),
        format!("1{}", "**2".repeat(100_000)),
        format!("x{}", ".y()".repeat(100_000)),
        format!("x{}", "[0]".repeat(100_000)),
    ] {
        assert!(refused(&[], &text).contains("more than 200 levels"), "{}", &text[..20]);
    }
    assert_eq!(number(&format!("{}1{}", "(".repeat(190), ")".repeat(190))), Scalar::Int(1));

    let chain = |first: &str| {
        let mut arrays = vec![("a0".to_owned(), first.to_owned())];
        arrays.extend((1..5000).map(|line| (format!("a{line}"), format!("a{} + 1", line - 1))));
        arrays.reverse();
        let results = vec![("r".to_owned(), "a4999 * 1".to_owned())];
        parse(&Definitions { arrays, results, saves: Vec::new() }, &Fake)
    };
    let results = chain("0").unwrap().results;
    assert!(matches!(results[0].1.operation(), Operation::Scalar(Scalar::Int(4999))));
    let error = chain("random.random(size=3)").unwrap_err().to_string();
    assert!(error.contains("more than 1000 operations"), "{error}");
}

#[test]
fn shared_numbers_are_not_computed_once_for_each_way_to_them() {
    let doubled: Vec<(String, String)> =
        (1..200).map(|line| (format!("a{line}"), format!("a{0} + a{0}", line - 1))).collect();
    let mut arrays = vec![("a0".to_owned(), "np.sqrt(2)".to_owned())];
    arrays.extend(doubled);
    let results = lines(&[("r", "random.normal(0, a199, size=3).sum()")]);
    let error = parse(&Definitions { arrays, results, saves: Vec::new() }, &Fake).unwrap_err().to_string();
    assert!(error.contains("`scale` is a computed number, not a plain number"), "{error}");
}

/// The number that a constant expression comes to.
fn number(text: &str) -> Scalar {
    match parsed(&[], text).unwrap().operation() {
        Operation::Scalar(value) | Operation::Full(value) => *value,
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn numbers_are_those_of_python() {
    for (text, value) in [
        ("2 + 3 * 4 ** 2 / 8 - 1", Scalar::Float(7.0)),
        ("-2 ** 2", Scalar::Int(-4)),
        ("2 ** 3 ** 2", Scalar::Int(512)),
        ("2 ** -1", Scalar::Float(0.5)),
        ("10 ** -3", Scalar::Float(1e-3)),
        ("2.25 ** 0.5", Scalar::Float(1.5)),
        ("7 - 2 - 1", Scalar::Int(4)),
        ("-7 // 2", Scalar::Int(-4)),
        ("7 // -2", Scalar::Int(-4)),
        ("-8 // 2", Scalar::Int(-4)),
        ("-7 % 3", Scalar::Int(2)),
        ("7 % -3", Scalar::Int(-2)),
        ("-7.5 // 2", Scalar::Float(-4.0)),
        ("-7.5 % 2", Scalar::Float(0.5)),
        ("1e300 % -1e-300 // 1", Scalar::Float(-1.0)),
        ("1 / 3", Scalar::Float(1.0 / 3.0)),
        ("1_000 + 0x_ff + .5 + 5. + 1e-3", Scalar::Float(1260.501)),
        ("9007199254740993 - 9007199254740992", Scalar::Int(1)),
        ("2 ** 100 - (2 ** 100 - 1)", Scalar::Int(1)),
        ("2 ** 64", Scalar::Float(18_446_744_073_709_551_616.0)),
        ("170141183460469231731687303715884105727 + 1", Scalar::Float(2_f64.powi(127))),
        ("0.1 ** 2", Scalar::Float(0.1 * 0.1)),
        ("(1 + # a comment\n 2)", Scalar::Int(3)),
        ("00", Scalar::Int(0)),
        ("~5 & 0xf | 1 << 6 ^ 2", Scalar::Int(!5 & 0xf | 1 << 6 ^ 2)),
        ("True + True", Scalar::Int(2)),
        ("True & (1 < 2)", Scalar::Bool(true)),
        ("1 <= 1.0", Scalar::Bool(true)),
        ("np.nan != np.nan", Scalar::Bool(true)),
        ("np.pi", Scalar::Float(std::f64::consts::PI)),
        ("-np.inf", Scalar::Float(f64::NEG_INFINITY)),
        ("int(8e8 / 3)", Scalar::Int(266_666_666)),
        ("float(3)", Scalar::Float(3.0)),
        ("float('inf')", Scalar::Float(f64::INFINITY)),
        ("int(np.ceil(2.5))", Scalar::Int(3)),
        ("bool(2)", Scalar::Bool(true)),
        ("da.sum(random.random(size=0))", Scalar::Float(0.0)),
    ] {
        assert_eq!(number(text), value, "{text}");
    }
    let Scalar::Float(nan) = number("random.normal(size=(3, 0)).std()") else { panic!("a float") };
    assert!(nan.is_nan());
}

/// The random array that is the operand of a reduction.
fn random(arrays: &[(&str, &str)], result: &str) -> (Random, Expr) {
    let expr = parsed(arrays, result).unwrap();
    let Operation::Reduce(_, _, array) = expr.operation() else { panic!("{result} is no reduction") };
    let Operation::Random(random) = array.operation() else { panic!("{result} is not of a random array") };
    (random.clone(), array.clone())
}

#[test]
fn random_arguments_are_those_of_numpy_and_dask() {
    let normal = |loc, scale| Distribution::Normal { loc, scale };
    for (text, distribution, shape, chunks) in [
        ("random.normal(10, 0.1, 8, 4)", normal(10.0, 0.1), "(8,)", vec![4]),
        ("da.random.normal(size=8e8, chunks=8e8/4)", normal(0.0, 1.0), "(800000000,)", vec![200_000_000]),
        ("np.random.standard_normal((3, 4))", normal(0.0, 1.0), "(3, 4)", vec![3, 4]),
        ("random.normal(0, np.sqrt(0.25), size=np.ceil(7.5))", normal(0.0, 0.5), "(8,)", vec![8]),
        (
            "numpy.random.uniform(high=2, size=[5], chunks=(-1,))",
            Distribution::Uniform { low: 0.0, high: 2.0 },
            "(5,)",
            vec![5],
        ),
        ("dask.array.random.random((4, 6), chunks=(2, None))", Distribution::Random, "(4, 6)", vec![2, 6]),
        ("da.random.default_rng().random((4, 6), chunks=5)", Distribution::Random, "(4, 6)", vec![4, 5]),
        ("random.random((4, 6), chunks={0: 3})", Distribution::Random, "(4, 6)", vec![3, 6]),
        ("random.random((4, 6), chunks=((1, 3), (2, 2, 2)))", Distribution::Random, "(4, 6)", vec![3, 2]),
        ("random.random((4, 6), chunks='96 B')", Distribution::Random, "(4, 6)", vec![2, 6]),
        (
            "random.random(size=(2**13, 2**13), chunks='auto')",
            Distribution::Random,
            "(8192, 8192)",
            vec![2048, 8192],
        ),
    ] {
        let (random, array) = random(&[], &format!("{text}.mean(axis=None, keepdims=False)"));
        assert_eq!((random.distribution, random.seed), (distribution, None), "{text}");
        let largest: Vec<u64> = array.chunks().iter().map(|axis| axis.largest()).collect();
        assert_eq!((array.shape().to_string().as_str(), largest), (shape, chunks), "{text}");
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
    let nested = "where(random.random(3) > 0.5, [random.random(3)][0], random.random(size=3))";
    assert_eq!(streams(&parsed(&[("n", nested)], "n").unwrap()), ["n", "n/1", "n/2"]);
}

fn streams(expr: &Expr) -> Vec<String> {
    match expr.operation() {
        Operation::Random(random) => vec![random.stream.clone().unwrap()],
        _ => expr.operands().into_iter().flat_map(streams).collect(),
    }
}

#[test]
fn results_may_use_results_and_be_arrays() {
    let definitions = Definitions {
        arrays: lines(&[X]),
        results: lines(&[("error-of-mean", "spread / 3"), ("spread", "x.std()"), ("head", "x[:3]")]),
        saves: Vec::new(),
    };
    let results = parse(&definitions, &Fake).unwrap().results;
    let shapes: Vec<(&str, String)> =
        results.iter().map(|(name, expr)| (name.as_str(), expr.shape().to_string())).collect();
    let shape = |shape: &str| shape.to_owned();
    assert_eq!(shapes, [("error-of-mean", shape("()")), ("spread", shape("()")), ("head", shape("(3,)"))]);
}

#[test]
fn lines_may_have_the_names_of_functions() {
    let definitions = Definitions {
        arrays: lines(&[X]),
        results: lines(&[("sum", "sum(x)"), ("mean", "sum / x.size"), ("sqrt", "sqrt(mean(x) + mean)")]),
        saves: Vec::new(),
    };
    assert_eq!(parse(&definitions, &Fake).unwrap().results.len(), 3);
}

fn saved(arrays: &[(&str, &str)], saves: &[(&str, &str)]) -> Result<Parsed> {
    let definitions =
        Definitions { arrays: lines(arrays), results: lines(&[("mean", "x.mean()")]), saves: lines(saves) };
    parse(&definitions, &Fake)
}

#[test]
fn arrays_and_results_are_saved_by_name() {
    let saves = saved(&[X], &[("x", "out/x.npy"), ("mean", "mean.npy")]).unwrap().saves;
    let shapes: Vec<(&str, String)> =
        saves.iter().map(|(path, expr)| (path.as_str(), expr.shape().to_string())).collect();
    assert_eq!(shapes, [("out/x.npy", "(10,)".to_owned()), ("mean.npy", "()".to_owned())]);
}

#[test]
fn lists_of_whole_numbers_mean_the_same_however_they_are_written() {
    let plain = "random.random(size=12, chunks=((3, 4, 5),))";
    let chunks = |text: &str| parsed(&[("c", "[3, 4, 5]")], text).unwrap().chunks().to_vec();
    assert_eq!(chunks(plain)[0].first(), [3, 4, 5]);
    for same in ["((3, 4, +5),)", "(3, 4, 5)", "[3, 4, 5,]", "(3, 4, 10 // 2)", "{0: (3,4,5)}", "(c,)", "c"] {
        let text = format!("random.random(size=12, chunks={same})");
        assert_eq!(chunks(&text), chunks(plain), "{text}");
    }
    let numbers = [
        ("(3, 4, 5)[1]", 4),
        ("(1, 9223372036854775806)[1]", i64::MAX - 1),
        ("[3, 4, 5][-1]", 5),
        ("(3, 4, 5,)[::-1][0]", 5),
        ("[3, # of\n 4][1]", 4),
    ];
    for (text, value) in numbers {
        assert!(
            matches!(parsed(&[], text).unwrap().operation(), Operation::Scalar(Scalar::Int(found)) if *found == value)
        );
    }
}
