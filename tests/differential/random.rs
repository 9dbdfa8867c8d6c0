//! Random expressions over small files of every dtype.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use squall::array::{Expr, Shape, Target};

use crate::dice::Dice;
use crate::engine::{Engine, parsed};
use crate::generate::{Generator, Term};
use crate::inputs::{Input, inputs};
use crate::python::{Python, found};

/// Cases unless more are asked for.
const CASES: u64 = 250;
/// Complaints that are shown.
const SHOWN: usize = 12;

/// What squall refuses although NumPy does it, as patterns of the reason and of the line; `docs/arrays.md` says each.
const REFUSED: [(&str, &str); 3] = [
    (r"dot of arrays of shapes \(.*\) and \(.*\)", r"^dot\("),
    // NumPy lets some functions name the axis of what has none.
    (r"axis (0|-1) is out of bounds for array of dimension 0", r"^cumprod\(|^diff\(|\.\w+\(|^nan\w+\("),
    // Such a line may come from the ones that it names.
    (r"reshaping to \(.*\) would move elements", ""),
];
/// At most one line in so many is refused for such a reason.
const SHARE: usize = 50;

#[test]
fn random_expressions_equal_numpy() {
    let Some(mut python) = Python::start() else { return };
    let engine = Engine::new();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds: Vec<u64> = match number("SQUALL_TEST_SEED") {
        Some(seed) => vec![seed],
        None => {
            let mut dice = Dice::new(rand::random());
            (0..number("SQUALL_TEST_CASES").unwrap_or(CASES)).map(|_| dice.below(1 << 40)).collect()
        }
    };
    let (mut complaints, mut lines) = (Vec::new(), 0);
    for &seed in &seeds {
        let tried = catch_unwind(AssertUnwindSafe(|| case(seed, &engine, &mut python)));
        let (told, tried) = tried.unwrap_or_else(|_| (vec!["it panicked".into()], 0));
        lines += tried;
        if !told.is_empty() {
            complaints.push(format!("SQUALL_TEST_SEED={seed}\n{}", told.join("\n")));
        }
    }
    let shown = complaints.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(complaints.is_empty(), "{} cases differ\n\n{shown}", complaints.len());
    let excused = &python.excused;
    let few = seeds.len() < CASES as usize || excused.len() * SHARE <= lines;
    assert!(
        few,
        "{} of {lines} lines are refused, as they may be, but that is too many: {excused:#?}",
        excused.len()
    );
}

/// The complaints about one case, and its number of lines.
fn case(seed: u64, engine: &Engine, python: &mut Python) -> (Vec<String>, usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut dice = Dice::new(seed);
    let inputs = inputs(&mut dice, directory.path().to_str().expect("UTF-8"));
    let asked = python.ask(&json!({ "do": "make", "files": files(&inputs, seed) }));
    if !asked.is_empty() {
        return (asked, 0);
    }
    let mut generator = Generator::new(&mut dice, &inputs);
    (0..9).for_each(|_| generator.step());
    let (lines, refused, terms) = (generator.lines, generator.refused, generator.terms);
    let tried = lines.len() + refused.len() - inputs.len();
    let wanted: Vec<&Term> =
        terms.iter().rev().filter(|term| term.rough || dice.below(3) > 0).take(6).collect();
    let mut all: Vec<Value> =
        computed(&lines, &wanted, &format!("{}", directory.path().display()), engine, &mut dice);
    all.extend(refused.iter().map(|(name, _, reason)| json!({ "name": name, "refused": reason })));
    let mut texts: Vec<(String, String)> =
        lines.iter().filter(|line| !line.1.starts_with("load(")).cloned().collect();
    texts.extend(refused.iter().map(|(name, text, _)| (name.clone(), text.clone())));
    let paths: serde_json::Map<String, Value> =
        inputs.iter().map(|input| (input.name.clone(), input.path.clone().into())).collect();
    let request = json!({ "do": "check", "files": paths, "lines": texts, "found": all, "allowed": REFUSED });
    let complaints = python.ask(&request);
    if complaints.is_empty() {
        return (complaints, tried);
    }
    let files = inputs
        .iter()
        .map(|input| format!("  {} = {} {:?} {}", input.name, input.dtype, input.shape, input.kind));
    let lines = lines.iter().map(|(name, text)| format!("  {name} = {text}"));
    let refused = refused.iter().map(|(name, text, reason)| format!("  {name} = {text} # {reason}"));
    (files.chain(lines).chain(refused).chain(complaints).collect(), tried)
}

fn files(inputs: &[Input], seed: u64) -> Vec<Value> {
    let file = |(number, input): (usize, &Input)| {
        json!({
            "path": input.path, "dtype": input.dtype, "shape": input.shape, "fortran": input.fortran,
            "kind": input.kind, "seed": seed.wrapping_add(number as u64) >> 1,
        })
    };
    inputs.iter().enumerate().map(file).collect()
}

/// What squall makes of the results, all together, or one by one where some are refused.
fn computed(
    lines: &[(String, String)],
    wanted: &[&Term],
    directory: &str,
    engine: &Engine,
    dice: &mut Dice,
) -> Vec<Value> {
    let results: Vec<(String, String)> =
        wanted.iter().map(|term| (format!("r_{}", term.name), term.name.clone())).collect();
    let parsed = parsed(lines, &results).expect("every line was accepted");
    let exprs: Vec<(String, Expr)> =
        parsed.results.into_iter().zip(wanted).map(|((_, expr), term)| (term.name.clone(), expr)).collect();
    let tolerance = |term: &Term| if term.rough { json!({ "ulps": 2, "absolute": 0 }) } else { Value::Null };
    let mut run = |exprs: &[(String, Expr)], number: usize| -> squall::Result<Vec<Value>> {
        let mut saves = Vec::new();
        for (name, expr) in exprs.iter().filter(|(_, expr)| !expr.is_number()) {
            if dice.once_in(3) {
                let path = format!("{directory}/{name}_{number}.npy");
                let shape = Shape::new(expr.shape().extents().to_vec()).expect("it is one");
                saves.push((name, Target::new(&path, expr.dtype(), &shape, "run")?, expr.clone()));
            }
        }
        let targets: Vec<(Target, Expr)> =
            saves.iter().map(|(_, target, expr)| (target.clone(), expr.clone())).collect();
        let values = engine.compute(exprs, &targets, 1, dice)?;
        let of = |name: &str| tolerance(wanted.iter().find(|term| term.name == name).expect("it is wanted"));
        let mut all: Vec<Value> = values.iter().map(|(name, value)| found(name, value, of(name))).collect();
        let files = saves.iter().map(|(name, target, _)| (name, &target.path));
        all.extend(files.map(|(name, path)| json!({ "name": name, "file": path, "tolerance": of(name) })));
        Ok(all)
    };
    if let Ok(all) = run(&exprs, 0) {
        return all;
    }
    let mut all = Vec::new();
    for (number, one) in exprs.iter().enumerate() {
        match run(std::slice::from_ref(one), 1 + number) {
            Ok(values) => all.extend(values),
            Err(error) => all.push(json!({ "name": one.0, "refused": error.to_string() })),
        }
    }
    all
}
