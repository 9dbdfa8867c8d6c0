//! Every message that an expression can earn, with its caret; and what expressions mean.

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
fn mistyped_names_are_answered_with_the_nearest() {
    insta::assert_snapshot!(refused(&[], "random.nromal(0, 1, size=10).mean()"), @r"
    error: `random` has no `nromal`
    cause: result = random.nromal(0, 1, size=10).mean()
                           ^^^^^^
    hint: did you mean `normal`?
    ");
    insta::assert_snapshot!(refused(&[], "da.random.nromal(0, 1, size=10).mean()"), @r"
    error: `random` has no `nromal`
    cause: result = da.random.nromal(0, 1, size=10).mean()
                              ^^^^^^
    hint: did you mean `normal`?
    ");
    insta::assert_snapshot!(refused(&[("temperature", "random.normal(size=10)")], "temprature.mean()"), @r"
    error: unknown name `temprature`
    cause: result = temprature.mean()
                    ^^^^^^^^^^
    hint: did you mean `temperature`?
    ");
    insta::assert_snapshot!(refused(&[X], "x.maen()"), @r"
    error: an array has no `maen`
    cause: result = x.maen()
                      ^^^^
    hint: did you mean `mean`?
    ");
    insta::assert_snapshot!(refused(&[X], "x.median()"), @r"
    error: an array has no `median`
    cause: result = x.median()
                      ^^^^^^
    hint: known are sum, mean, min, max, std, var
    ");
    insta::assert_snapshot!(refused(&[X], "da.sume(x)"), @r"
    error: `da` has no `sume`
    cause: result = da.sume(x)
                       ^^^^
    hint: did you mean `sum`?
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, sise=10).mean()"), @r"
    error: `normal` has no argument `sise`
    cause: result = random.normal(0, 1, sise=10).mean()
                                        ^^^^
    hint: did you mean `size`?
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, colour=3).mean()"), @r"
    error: `normal` has no argument `colour`
    cause: result = random.normal(0, 1, size=10, colour=3).mean()
                                                 ^^^^^^
    hint: it takes loc, scale, size, chunks, stream, dtype, out
    ");
    insta::assert_snapshot!(refused(&[("rng", "random.default_rng(7)")], "rng.unifrom(0, 1, size=3).sum()"), @r"
    error: a random generator has no `unifrom`
    cause: result = rng.unifrom(0, 1, size=3).sum()
                        ^^^^^^^
    hint: did you mean `uniform`?
    ");
    insta::assert_snapshot!(refused(&[X], "y.mean()"), @r"
    error: unknown name `y`
    cause: result = y.mean()
                    ^
    hint: names are defined in [arrays] and [results]
    ");
    insta::assert_snapshot!(refused(&[], "normal(0, 1, size=3).sum()"), @r"
    error: unknown name `normal`
    cause: result = normal(0, 1, size=3).sum()
                    ^^^^^^
    hint: write `random.normal`
    ");
    insta::assert_snapshot!(refused(&[X], "mean(x)"), @r"
    error: unknown name `mean`
    cause: result = mean(x)
                    ^^^^
    hint: write `x.mean()` or `da.mean(x)`
    ");
    insta::assert_snapshot!(refused(&[], "dask.random.normal(size=3).sum()"), @r"
    error: `dask` has no `random`
    cause: result = dask.random.normal(size=3).sum()
                         ^^^^^^
    hint: known are array
    ");
}

#[test]
fn what_dask_scripts_add_is_answered_with_what_to_leave_out() {
    insta::assert_snapshot!(refused(&[X], "x.mean().compute()"), @r"
    error: a computed number has no `compute`
    cause: result = x.mean().compute()
                             ^^^^^^^
    hint: leave out .compute(): every result is computed
    ");
    insta::assert_snapshot!(refused(&[X], "x.visualize()"), @r"
    error: an array has no `visualize`
    cause: result = x.visualize()
                      ^^^^^^^^^
    hint: leave out .visualize(): every result is computed
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean(axis=0)"), @r"
    error: `axis` is not supported yet
    cause: result = x.mean(axis=0)
                                ^
    hint: leave it out: a reduction goes over all axes as yet
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean(0)"), @r"
    error: `axis` is not supported yet
    cause: result = x.mean(0)
                           ^
    hint: leave it out: a reduction goes over all axes as yet
    ");
    insta::assert_snapshot!(refused(&[X], "da.std(x, keepdims=True)"), @r"
    error: `keepdims` is not supported yet
    cause: result = da.std(x, keepdims=True)
                                       ^^^^
    hint: leave it out: a reduction goes over all axes as yet
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=10, dtype=\"f4\").sum()"), @r#"
    error: `dtype` is not supported yet
    cause: result = random.normal(size=10, dtype="f4").sum()
                                                 ^^^^
    hint: leave it out: arrays are f64, and results are new
    "#);
    insta::assert_snapshot!(refused(&[X], "x.mean()[::100]"), @r"
    error: indexing is not supported yet
    cause: result = x.mean()[::100]
                            ^
    ");
    insta::assert_snapshot!(refused(&[X], "(x > 0).sum()"), @r"
    error: `>` is not supported yet
    cause: result = (x > 0).sum()
                       ^
    ");
    insta::assert_snapshot!(refused(&[X], "(x ** 3).sum()"), @r"
    error: this power is not supported yet
    cause: result = (x ** 3).sum()
                       ^^
    hint: x ** 2 is, and whole numbers to a whole power that is not negative
    ");
    insta::assert_snapshot!(refused(&[X], "(x // 2).sum()"), @r"
    error: `//` of these operands is not supported yet
    cause: result = (x // 2).sum()
                       ^^
    hint: it takes two whole numbers, the second one not 0
    ");
    insta::assert_snapshot!(refused(&[X], "(x % 2).sum()"), @r"
    error: `%` is not supported yet
    cause: result = (x % 2).sum()
                       ^
    ");
}

#[test]
fn sizes_and_chunks_out_of_range_are_refused() {
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1).mean()"), @r"
    error: a random array without a size
    cause: result = random.normal(0, 1).mean()
                    ^^^^^^^^^^^^^^^^^^^
    hint: add size=, for example size=8e8
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=-5).mean()"), @r"
    error: a negative size
    cause: result = random.normal(0, 1, size=-5).mean()
                                             ^^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=2.5).mean()"), @r"
    error: `size` is not a whole number
    cause: result = random.normal(0, 1, size=2.5).mean()
                                             ^^^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=1e300).mean()"), @r"
    error: a size of more than 2^63 elements
    cause: result = random.normal(0, 1, size=1e300).mean()
                                             ^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=(4294967296, 4294967296)).mean()"), @r"
    error: an array of shape (4294967296, 4294967296) has too many elements
    cause: result = random.normal(0, 1, size=(4294967296, 4294967296)).mean()
                                             ^^^^^^^^^^^^^^^^^^^^^^^^
    hint: an array has at most 2^63 elements
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=(3, \"4\")).mean()"), @r#"
    error: `size` is a text, not a whole number
    cause: result = random.normal(0, 1, size=(3, "4")).mean()
                                             ^^^^^^^^
    "#);
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=()).mean()"), @r"
    error: a random array without an axis
    cause: result = random.normal(0, 1, size=()).mean()
                                             ^^
    hint: for one element write size=1
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=9223372036854775809).mean()"), @r"
    error: an array of shape (9223372036854775809,) has too many elements
    cause: result = random.normal(0, 1, size=9223372036854775809).mean()
                                             ^^^^^^^^^^^^^^^^^^^
    hint: an array has at most 2^63 elements
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, chunks=0).mean()"), @r"
    error: chunks of 0 elements
    cause: result = random.normal(0, 1, size=10, chunks=0).mean()
                                                        ^
    hint: a chunk has at least one element; -1 is the whole axis
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, chunks=-2).mean()"), @r"
    error: chunks of -2 elements
    cause: result = random.normal(0, 1, size=10, chunks=-2).mean()
                                                        ^^
    hint: a chunk has at least one element; -1 is the whole axis
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=(10, 10), chunks=(5,)).mean()"), @r"
    error: chunks for 1 axes of an array with 2
    cause: result = random.normal(0, 1, size=(10, 10), chunks=(5,)).mean()
                                                              ^^^^
    hint: the array's shape is (10, 10): give one chunk extent for each axis
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, chunks=\"big\").mean()"), @r#"
    error: `chunks` is a text, not a whole number, a tuple with one for each axis, -1 or "auto"
    cause: result = random.normal(0, 1, size=10, chunks="big").mean()
                                                        ^^^^^
    "#);
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=0).min()"), @r"
    error: `min` of an empty array
    cause: result = random.normal(0, 1, size=0).min()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn parameters_out_of_range_are_refused() {
    insta::assert_snapshot!(refused(&[], "random.normal(0, -0.1, size=10).mean()"), @r"
    error: `normal` with parameters 0.0 and -0.1
    cause: result = random.normal(0, -0.1, size=10).mean()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: the parameters are finite, and scale is not negative
    ");
    insta::assert_snapshot!(refused(&[], "random.uniform(2, 1, size=10).mean()"), @r"
    error: `uniform` with parameters 2.0 and 1.0
    cause: result = random.uniform(2, 1, size=10).mean()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: the parameters are finite, and low is at most high
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(1e999, 1, size=10).mean()"), @r"
    error: `normal` with parameters inf and 1.0
    cause: result = random.normal(1e999, 1, size=10).mean()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: the parameters are finite, and scale is not negative
    ");
    insta::assert_snapshot!(refused(&[X], "random.normal(x.mean(), 1, size=10).mean()"), @r"
    error: `loc` is a computed number, not a plain number
    cause: result = random.normal(x.mean(), 1, size=10).mean()
                                  ^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x.std(ddof=-1)"), @r"
    error: `ddof` is not a whole number that is not negative
    cause: result = x.std(ddof=-1)
                               ^^
    ");
    insta::assert_snapshot!(refused(&[X], "x.std(ddof=0.5)"), @r"
    error: `ddof` is not a whole number that is not negative
    cause: result = x.std(ddof=0.5)
                               ^^^
    ");
    insta::assert_snapshot!(refused(&[], "random.default_rng(-1).normal(size=3).sum()"), @r"
    error: `seed` is not a seed
    cause: result = random.default_rng(-1).normal(size=3).sum()
                                       ^^
    hint: a seed is a whole number from 0 to 2^128-1, also written 0x..
    ");
    insta::assert_snapshot!(refused(&[], "random.default_rng(340282366920938463463374607431768211456).normal(size=3).sum()"), @r"
    error: `340282366920938463463374607431768211456` is too large
    cause: result = random.default_rng(340282366920938463463374607431768211456).normal(size=3).sum()
                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: whole numbers go up to 2^128-1
    ");
    insta::assert_snapshot!(refused(&[], "random.default_rng(1.5).normal(size=3).sum()"), @r"
    error: `seed` is not a seed
    cause: result = random.default_rng(1.5).normal(size=3).sum()
                                       ^^^
    hint: a seed is a whole number from 0 to 2^128-1, also written 0x..
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3, stream=7).sum()"), @r"
    error: `stream` is not a text in quotes
    cause: result = random.normal(size=3, stream=7).sum()
                                                 ^
    ");
}

#[test]
fn arguments_follow_the_rules_of_python() {
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, 10, 5, 3).mean()"), @r"
    error: `normal` has too many arguments
    cause: result = random.normal(0, 1, 10, 5, 3).mean()
                                               ^
    hint: by position it takes loc, scale, size, chunks
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, loc=1, size=10).mean()"), @r"
    error: `loc` is given twice
    cause: result = random.normal(0, loc=1, size=10).mean()
                                     ^^^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=10, size=11).mean()"), @r"
    error: `size` is given twice
    cause: result = random.normal(size=10, size=11).mean()
                                           ^^^^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(loc=0, 1).mean()"), @r"
    error: an argument without keyword after one with a keyword
    cause: result = random.normal(loc=0, 1).mean()
                                         ^
    ");
    insta::assert_snapshot!(refused(&[], "da.mean()"), @r"
    error: `mean` needs an array
    cause: result = da.mean()
                    ^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "da.mean(\"x\")"), @r#"
    error: `a` is a text, not an array
    cause: result = da.mean("x")
                            ^^^
    "#);
    insta::assert_snapshot!(refused(&[X], "da.mean(da)"), @r"
    error: `a` is a prefix of names, not an array
    cause: result = da.mean(da)
                            ^^
    ");
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(refused(&[X, ("y", "random.random(size=11)")], "(x + y).mean()"), @r"
    error: shapes (10,) and (11,) differ
    cause: result = (x + y).mean()
                       ^
    hint: arithmetic takes arrays of equal shape, or an array and a number, as yet
    ");
    insta::assert_snapshot!(refused(&[X], "(x + \"1\").mean()"), @r#"
    error: arithmetic with a text
    cause: result = (x + "1").mean()
                         ^^^
    "#);
    insta::assert_snapshot!(refused(&[X], "x.mean + 1"), @r"
    error: arithmetic with a function that is not called
    cause: result = x.mean + 1
                    ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "-da"), @r"
    error: arithmetic with a prefix of names
    cause: result = -da
                     ^^
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean().sum()"), @r"
    error: `sum` of a number
    cause: result = x.mean().sum()
                    ^^^^^^^^^^^^^^
    hint: reductions take an array; leave it out
    ");
    insta::assert_snapshot!(refused(&[X], "da.sum(3)"), @r"
    error: `sum` of a number
    cause: result = da.sum(3)
                    ^^^^^^^^^
    hint: reductions take an array; leave it out
    ");
    insta::assert_snapshot!(refused(&[X], "x"), @r"
    error: result `result` is an array of shape (10,)
    cause: result = x
                    ^
    hint: a result is a number as yet: reduce the array, for example with .mean()
    ");
    insta::assert_snapshot!(refused(&[X], "(x.mean(), x.std())"), @r"
    error: result `result` is not a number
    cause: result = (x.mean(), x.std())
                    ^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean"), @r"
    error: result `result` is not a number
    cause: result = x.mean
                    ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "random.default_rng(1)"), @r"
    error: result `result` is not a number
    cause: result = random.default_rng(1)
                    ^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x(3)"), @r"
    error: an array cannot be called
    cause: result = x(3)
                    ^
    ");
    insta::assert_snapshot!(refused(&[X], "3(x)"), @r"
    error: a number cannot be called
    cause: result = 3(x)
                    ^
    ");
    insta::assert_snapshot!(refused(&[X], "da.mean(x)(1)"), @r"
    error: a computed number cannot be called
    cause: result = da.mean(x)(1)
                    ^^^^^^^^^^
    ");
}

#[test]
fn text_that_is_no_expression_is_refused() {
    insta::assert_snapshot!(refused(&[], ""), @"error: `result` has no expression");
    insta::assert_snapshot!(refused(&[], "   "), @"error: `result` has no expression");
    insta::assert_snapshot!(refused(&[], "1 +"), @r"
    error: the expression ends too early
    cause: result = 1 +
                       ^
    ");
    insta::assert_snapshot!(refused(&[], "(1 + 2"), @r"
    error: the expression ends too early
    cause: result = (1 + 2
                          ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "1 2"), @r"
    error: unexpected `2`
    cause: result = 1 2
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3"), @r"
    error: the expression ends too early
    cause: result = random.normal(size=3
                                        ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3 chunks=2)"), @r"
    error: unexpected `chunks`
    cause: result = random.normal(size=3 chunks=2)
                                         ^^^^^^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "1 ? 2"), @r"
    error: unexpected character `?`
    cause: result = 1 ? 2
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "\"abc"), @r#"
    error: a text without its closing quote
    cause: result = "abc
                    ^^^^
    "#);
    insta::assert_snapshot!(refused(&[], "\"a\\nb\""), @r#"
    error: a backslash in a text
    cause: result = "a\nb"
                      ^
    "#);
    insta::assert_snapshot!(refused(&[], "1__0"), @r"
    error: invalid number `1__0`
    cause: result = 1__0
                    ^^^^
    ");
    insta::assert_snapshot!(refused(&[], "007"), @r"
    error: invalid number `007`
    cause: result = 007
                    ^^^
    hint: leave out the leading zeros
    ");
    insta::assert_snapshot!(refused(&[], "0x"), @r"
    error: invalid number `0x`
    cause: result = 0x
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "3j"), @r"
    error: invalid number `3j`
    cause: result = 3j
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "1.2.3"), @r"
    error: invalid number `1.2.3`
    cause: result = 1.2.3
                    ^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "1e"), @r"
    error: invalid number `1e`
    cause: result = 1e
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "x.3"), @r"
    error: unexpected `.3`
    cause: result = x.3
                     ^^
    ");
    insta::assert_snapshot!(refused(&[], "a = 3"), @r"
    error: unexpected `=`
    cause: result = a = 3
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "f(a.b=3)"), @r"
    error: unexpected `=`
    cause: result = f(a.b=3)
                         ^
    ");
    insta::assert_snapshot!(refused(&[], ")"), @r"
    error: unexpected `)`
    cause: result = )
                    ^
    ");
    insta::assert_snapshot!(refused(&[], "2 ** 1000"), @r"
    error: this power is not supported yet
    cause: result = 2 ** 1000
                      ^^
    hint: x ** 2 is, and whole numbers to a whole power that is not negative
    ");
    insta::assert_snapshot!(refused(&[], "1 // 0"), @r"
    error: `//` of these operands is not supported yet
    cause: result = 1 // 0
                      ^^
    hint: it takes two whole numbers, the second one not 0
    ");
}

#[test]
fn lines_that_clash_are_refused() {
    insta::assert_snapshot!(refused(&[("a", "b + 1"), ("b", "c + 1"), ("c", "a + 1")], "a"), @r"
    error: `a` is defined by itself
    cause: c = a + 1
               ^
    cause: `a` needs `b` needs `c` needs `a`
    ");
    insta::assert_snapshot!(refused(&[("a", "a")], "1"), @r"
    error: `a` is defined by itself
    cause: a = a
               ^
    cause: `a` needs `a`
    ");
    insta::assert_snapshot!(refused(&[("result", "1")], "1"), @r"
    error: `result` is defined twice
    hint: arrays and results share their names: rename one of the lines
    ");
    insta::assert_snapshot!(refused(&[("np", "1")], "1"), @r"
    error: `np` cannot be a name
    cause: `np` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("random", "1")], "1"), @r"
    error: `random` cannot be a name
    cause: `random` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("2x", "1")], "1"), @r"
    error: `2x` cannot be a name
    hint: a name is made of letters, digits and `_`, and does not begin with a digit
    ");
    insta::assert_snapshot!(refused(&[("a b", "1")], "1"), @r"
    error: `a b` cannot be a name
    hint: a name is made of letters, digits and `_`, and does not begin with a digit
    ");
    insta::assert_snapshot!(refused(&[("None", "1")], "1"), @r"
    error: `None` cannot be a name
    cause: `None` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("unused", "random.normal(size=-1)")], "1"), @r"
    error: a negative size
    cause: unused = random.normal(size=-1)
                                       ^^
    ");
}

#[test]
fn the_caret_stands_under_the_place_in_every_text() {
    insta::assert_snapshot!(refused(&[], "1 +\n  random.nromal(size=3).sum() +\n  2"), @r"
    error: `random` has no `nromal`
    cause: result =   random.nromal(size=3).sum() +
                             ^^^^^^
    hint: did you mean `normal`?
    ");
    insta::assert_snapshot!(refused(&[], "'äöü' + oops"), @r"
    error: unknown name `oops`
    cause: result = 'äöü' + oops
                            ^^^^
    hint: names are defined in [arrays] and [results]
    ");
    insta::assert_snapshot!(refused(&[], "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + oops + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1"), @r#"
    error: unknown name `oops`
    cause: result = ...+ 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + oops + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 +...
                                                                                             ^^^^
    hint: names are defined in [arrays] and [results]
    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━ Snapshot Summary ━━━━━━━━━━━━━━━━━━━━━━━━━━━━
    Snapshot: plan_is_described_in_words
    Source: src/plan/tests.rs:135
    ──────────────────────────────────────────────────────────────────────────
    Expression: plan.describe()
    ──────────────────────────────────────────────────────────────────────────
    -old snapshot
    +new results
    ────────────┬─────────────────────────────────────────────────────────────
              1 │+seed 42
              2 │+result spread = max((normal[(20000, 20000), stream "x"] - mean(normal[(20000, 20000), stream "x"])))
              3 │+result error = (std(normal[(20000, 20000), stream "x"], ddof=1) / 20000.0)
              4 │+stage 0: 401 tasks, 400000000 random numbers
              5 │+  shape (20000, 20000): 1 random arrays, 400 chunks, 401 tasks of 999424 elements
              6 │+  mean of normal[(20000, 20000), stream "x"]
              7 │+  std of normal[(20000, 20000), stream "x"]
              8 │+stage 1: 401 tasks, 400000000 random numbers
              9 │+  shape (20000, 20000): 1 random arrays, 400 chunks, 401 tasks of 999424 elements
             10 │+  max of (normal[(20000, 20000), stream "x"] - mean(normal[(20000, 20000), stream "x"]))
    ────────────┴─────────────────────────────────────────────────────────────
    To update snapshots run `cargo insta review`
    Stopped on the first failure. Run `cargo insta test` to run all snapshots.


        execute::tests::results_of_several_shapes_are_computed_in_one_stage
        plan::tests::plan_is_described_in_words
    "#);
}

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
