//! What is said about names, arguments, sizes, operands and results, with the caret under the place.

use crate::array::text::hints::ELSEWHERE;
use crate::array::text::table;
use crate::array::text::tests::files::Fake;
use crate::array::text::tests::lines;
use crate::array::text::tests::{X, refused};
use crate::array::text::{Definitions, parse};

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
    insta::assert_snapshot!(refused(&[("rng", "random.default_rng(7)")], "rng.unifrom(0, 1, size=3).sum()"), @r"
    error: a random generator has no `unifrom`
    cause: result = rng.unifrom(0, 1, size=3).sum()
                        ^^^^^^^
    hint: did you mean `uniform`?
    ");
}

#[test]
fn names_that_resemble_none_are_answered_with_what_is_known() {
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, colour=3).mean()"), @r"
    error: `normal` has no argument `colour`
    cause: result = random.normal(0, 1, size=10, colour=3).mean()
                                                 ^^^^^^
    hint: it takes loc, scale, size, chunks, stream, dtype, out
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
    hint: leave out .visualize(): `squall graph` draws the graph
    ");
}

#[test]
fn sizes_out_of_range_are_refused() {
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
}

#[test]
fn chunks_out_of_range_are_refused() {
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
    error: chunks for 1 axis of an array with 2 axes
    cause: result = random.normal(0, 1, size=(10, 10), chunks=(5,)).mean()
                                                              ^^^^
    hint: the array's shape is (10, 10): give one entry for each axis
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=10, chunks=\"big\").mean()"), @r#"
    error: invalid chunks "big"
    cause: result = random.normal(0, 1, size=10, chunks="big").mean()
                                                        ^^^^^
    hint: write "auto" or a size such as "64 MiB"
    "#);
    insta::assert_snapshot!(refused(&[], "random.normal(0, 1, size=0).min()"), @r"
    error: zero-size array to reduction operation minimum which has no identity
    cause: result = random.normal(0, 1, size=0).min()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: the array's shape is (0,)
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
}

#[test]
fn seeds_and_streams_out_of_range_are_refused() {
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
    hint: write mean(a, axis=None, dtype=None, out=None, keepdims=False, *, split_every=None)
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
    error: operands could not be broadcast together with shapes (10,) (11,)
    cause: result = (x + y).mean()
                       ^
    hint: axes are matched from the last one: two extents are equal, or one of them is 1
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
}

#[test]
fn results_that_are_no_numbers_are_refused() {
    insta::assert_snapshot!(refused(&[X], "(x.mean(), x.std())"), @r"
    error: result `result` is a tuple, not an array or a number
    cause: result = (x.mean(), x.std())
                    ^^^^^^^^^^^^^^^^^^^
    hint: take one part of it, the first with [0], or give each part a line of its own
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean"), @r"
    error: result `result` is a function that is not called, not an array or a number
    cause: result = x.mean
                    ^^^^^^
    hint: call it: write () after it
    ");
    insta::assert_snapshot!(refused(&[X], "random.default_rng(1)"), @r"
    error: result `result` is a random generator, not an array or a number
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
fn names_of_numpy_that_are_not_here_are_answered_with_what_takes_their_place() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, hint) in ELSEWHERE.iter().flat_map(|(names, hint)| names.iter().map(move |name| (*name, hint)))
    {
        assert!(seen.insert(name), "`{name}` is there twice");
        let here = table::functions().chain(table::methods()).any(|known| known == name);
        assert!(!here, "`{name}` is here, and not elsewhere");
        for text in [format!("{name}(x)"), format!("np.{name}(x)"), format!("x.{name}()")] {
            let results = lines(&[("r", &text)]);
            let definitions = Definitions { arrays: lines(&[X]), results, saves: Vec::new() };
            let error = parse(&definitions, &Fake).unwrap_err().to_string();
            let hint = format!("\nhint: {}", hint.replace("{}", name));
            assert!(error.ends_with(&hint), "{text}\n{error}");
        }
    }
}
