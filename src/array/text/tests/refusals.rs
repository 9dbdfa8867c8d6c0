//! What is said about the language of arrays: signs, subscripts, names, results, saves.

use crate::array::text::tests::{X, refused, saved};

const Y: (&str, &str) = ("y", "load('f8.npy')");
const I: (&str, &str) = ("i", "load('i8.npy')");

#[test]
fn what_asks_for_the_truth_of_an_array_is_refused() {
    insta::assert_snapshot!(refused(&[X], "(0 < x < 1).sum()"), @r"
    error: a chained comparison asks for the truth of a whole array
    cause: result = (0 < x < 1).sum()
                           ^
    hint: compare twice and join by &, for example (0 < x) & (x < 1)
    ");
    insta::assert_snapshot!(refused(&[X], "x > 0 and x < 1"), @r"
    error: `and` asks for the truth of a whole array
    cause: result = x > 0 and x < 1
                          ^^^
    hint: for each element write &: (x > 0) & (x < 1)
    ");
    insta::assert_snapshot!(refused(&[X], "(x < 0 or x > 1).sum()"), @r"
    error: `or` asks for the truth of a whole array
    cause: result = (x < 0 or x > 1).sum()
                           ^^
    hint: for each element write |: (x < 0) | (x > 1)
    ");
    insta::assert_snapshot!(refused(&[X], "not x"), @r"
    error: `not` asks for the truth of a whole array
    cause: result = not x
                    ^^^
    hint: for each element write ~: ~(x > 0)
    ");
    insta::assert_snapshot!(refused(&[X], "x if x > 0 else 0"), @r"
    error: unexpected `if`
    cause: result = x if x > 0 else 0
                      ^^
    hint: for each element write where(condition, this, that)
    ");
    insta::assert_snapshot!(refused(&[X], "[y for y in x]"), @r"
    error: unexpected `for`
    cause: result = [y for y in x]
                       ^^^
    hint: arrays are computed as a whole: leave out the loop
    ");
}

#[test]
fn brackets_out_of_place_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x[]"), @r"
    error: unexpected `]`
    cause: result = x[]
                      ^
    ");
    insta::assert_snapshot!(refused(&[X], "x[1:2:3:4]"), @r"
    error: unexpected `:`
    cause: result = x[1:2:3:4]
                           ^
    hint: `]` is missing here
    ");
    insta::assert_snapshot!(refused(&[X], "x[1"), @r"
    error: the expression ends too early
    cause: result = x[1
                       ^
    hint: `]` is missing here
    ");
    insta::assert_snapshot!(refused(&[X], "x[(1:2)]"), @r"
    error: unexpected `:`
    cause: result = x[(1:2)]
                        ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "{1, 2}"), @r"
    error: unexpected `,`
    cause: result = {1, 2}
                      ^
    hint: `:` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "{1: 2"), @r"
    error: the expression ends too early
    cause: result = {1: 2
                         ^
    hint: `}` is missing here
    ");
    insta::assert_snapshot!(refused(&[X], "sum(*x)"), @r"
    error: unexpected `*`
    cause: result = sum(*x)
                        ^
    ");
    insta::assert_snapshot!(refused(&[X], "x = 3; x"), @r"
    error: unexpected character `;`
    cause: result = x = 3; x
                         ^
    ");
}

#[test]
fn subscripts_that_arrays_do_not_take_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x[10]"), @r"
    error: index 10 is out of bounds for axis 0 with size 10
    cause: result = x[10]
                      ^^
    hint: its places are 0 to 9, also -10 to -1
    ");
    insta::assert_snapshot!(refused(&[X], "x[0, 1]"), @r"
    error: too many indices for array: array is 1-dimensional, but 2 were indexed
    cause: result = x[0, 1]
                      ^^^^
    hint: the array's shape is (10,)
    ");
    insta::assert_snapshot!(refused(&[X], "x[1.0]"), @r"
    error: an index is not a whole number
    cause: result = x[1.0]
                      ^^^
    hint: // divides whole numbers, and int(...) makes them of floats
    ");
    insta::assert_snapshot!(refused(&[X], "x[:x.size / 2]"), @r"
    error: the bound of a slice is not a whole number
    cause: result = x[:x.size / 2]
                       ^^^^^^^^^^
    hint: // divides whole numbers, and int(...) makes them of floats
    ");
    insta::assert_snapshot!(refused(&[X], "x[x.argmax()]"), @r"
    error: an index is a computed number, not a whole number
    cause: result = x[x.argmax()]
                      ^^^^^^^^^^
    hint: shapes are fixed before anything is computed
    ");
    insta::assert_snapshot!(refused(&[X], "x[x > 0].sum()"), @r"
    error: an array cannot be an index
    cause: result = x[x > 0].sum()
                      ^^^^^
    hint: reduce what remains: where(x > 0, x, 0).sum(), or nanmean(where(x > 0, x, nan))
    ");
    insta::assert_snapshot!(refused(&[X], "x[[1, 2]]"), @r"
    error: a list cannot be an index
    cause: result = x[[1, 2]]
                      ^^^^^^
    hint: take slices with steps, and join them with concatenate
    ");
    insta::assert_snapshot!(refused(&[X], "x['a']"), @r"
    error: an index is a text, not a whole number
    cause: result = x['a']
                      ^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x[::0]"), @r"
    error: slice step cannot be zero
    cause: result = x[::0]
                      ^^^
    hint: a step is 1 or more, or negative
    ");
    insta::assert_snapshot!(refused(&[X], "x[..., ...]"), @r"
    error: an index can only have a single ellipsis ('...')
    cause: result = x[..., ...]
                      ^^^^^^^^
    hint: write `:` for each axis that stays whole
    ");
}

#[test]
fn subscripts_of_what_is_no_array_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x.shape[1]"), @r"
    error: a tuple of 1 items has no such one
    cause: result = x.shape[1]
                            ^
    ");
    insta::assert_snapshot!(refused(&[X], "x.shape[::0]"), @r"
    error: a slice with a step of 0
    cause: result = x.shape[::0]
                            ^^^
    ");
    insta::assert_snapshot!(refused(&[], "3[0]"), @r"
    error: a number has no elements to index
    cause: result = 3[0]
                    ^
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean[0]"), @r"
    error: a function that is not called has no elements to index
    cause: result = x.mean[0]
                    ^^^^^^
    ");
}

#[test]
fn operators_on_what_they_do_not_take_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x & 1"), @r"
    error: ufunc 'bitwise_and' not supported for the input types
    cause: the elements are float64
    cause: result = x & 1
                      ^
    hint: `&`, `|` and `^` take int64 and bool
    ");
    insta::assert_snapshot!(refused(&[X], "~x"), @r"
    error: ufunc 'invert' not supported for the input types
    cause: the elements are float64
    cause: result = ~x
                     ^
    hint: `~` takes int64 and bool
    ");
    insta::assert_snapshot!(refused(&[], "-(np.arange(3) > 1)"), @r"
    error: the numpy boolean negative, the `-` operator, is not supported
    cause: result = -(np.arange(3) > 1)
                     ^^^^^^^^^^^^^^^^^^
    hint: use the `~` operator
    ");
    insta::assert_snapshot!(refused(&[I], "i + 2**70"), @r"
    error: a whole number that does not fit the array's int64
    cause: result = i + 2**70
                        ^^^^^
    hint: write it as a float, such as 1e20
    ");
    insta::assert_snapshot!(refused(&[I], "np.minimum(i, 2**70)"), @r"
    error: a whole number that does not fit the array's int64
    cause: result = np.minimum(i, 2**70)
                                  ^^^^^
    hint: write it as a float, such as 1e20
    ");
}

#[test]
fn arithmetic_that_has_no_value_is_refused() {
    insta::assert_snapshot!(refused(&[I], "i << 2"), @r"
    error: `<<` of these operands
    cause: result = i << 2
                      ^^
    hint: shifts take two whole numbers; of arrays multiply, or divide by //
    ");
    insta::assert_snapshot!(refused(&[I], "i ** -1"), @r"
    error: Integers to negative integer powers are not allowed
    cause: result = i ** -1
                      ^^
    hint: write the exponent as a float, such as -1.0
    ");
    insta::assert_snapshot!(refused(&[], "1 / 0"), @r"
    error: division by zero
    cause: result = 1 / 0
                      ^
    hint: of numbers Python refuses it; an array divides by 0 to inf or nan
    ");
    insta::assert_snapshot!(refused(&[], "1 % 0"), @r"
    error: division by zero
    cause: result = 1 % 0
                      ^
    hint: of numbers Python refuses it; an array divides by 0 to inf or nan
    ");
    insta::assert_snapshot!(refused(&[X], "x + (1, 2)"), @r"
    error: arithmetic with a tuple
    cause: result = x + (1, 2)
                        ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x @ Y"), @r"
    error: unknown name `Y`
    cause: result = x @ Y
                        ^
    hint: names are defined in [arrays] and [results]
    ");
    insta::assert_snapshot!(refused(&[X, Y], "x @ y"), @r"
    error: shapes (10,) and (4, 5) not aligned: 10 (dim 0) != 4 (dim 0)
    cause: result = x @ y
                      ^
    hint: the last axis of the first has the extent of the first axis of the second
    ");
}

#[test]
fn names_that_are_elsewhere_are_answered_with_where() {
    insta::assert_snapshot!(refused(&[X], "sin + 1"), @r"
    error: unknown name `sin`
    cause: result = sin + 1
                    ^^^
    hint: `sin` is a function: write sin(x)
    ");
    insta::assert_snapshot!(refused(&[X], "x * pi"), @r"
    error: unknown name `pi`
    cause: result = x * pi
                        ^^
    hint: write `np.pi`
    ");
    insta::assert_snapshot!(refused(&[X], "sni(x)"), @r"
    error: unknown name `sni`
    cause: result = sni(x)
                    ^^^
    hint: did you mean `sin`?
    ");
    insta::assert_snapshot!(refused(&[X], "np.sni(x)"), @r"
    error: `da` has no `sni`
    cause: result = np.sni(x)
                       ^^^
    hint: did you mean `sin`?
    ");
    insta::assert_snapshot!(refused(&[X], "x.median()"), @r"
    error: an array has no `median`
    cause: result = x.median()
                      ^^^^^^
    hint: `median` is a function: write median(x)
    ");
}

#[test]
fn names_that_are_nowhere_are_answered_with_what_to_write() {
    insta::assert_snapshot!(refused(&[X], "x.frobnicate()"), @r"
    error: an array has no `frobnicate`
    cause: result = x.frobnicate()
                      ^^^^^^^^^^
    hint: docs/arrays.md lists all that are known
    ");
    insta::assert_snapshot!(refused(&[X], "np.frobnicate(x)"), @r"
    error: `da` has no `frobnicate`
    cause: result = np.frobnicate(x)
                       ^^^^^^^^^^
    hint: docs/arrays.md lists all that are known
    ");
    insta::assert_snapshot!(refused(&[X], "x.rechunk(5)"), @r"
    error: an array has no `rechunk`
    cause: result = x.rechunk(5)
                      ^^^^^^^
    hint: leave out .rechunk(): no result depends on chunks, and a source takes chunks=...
    ");
    insta::assert_snapshot!(refused(&[], "np.array([1, 2])"), @r#"
    error: `da` has no `array`
    cause: result = np.array([1, 2])
                       ^^^^^
    hint: arrays come from files: load("x.npy"); of a few numbers write stack([1, 2])
    "#);
    insta::assert_snapshot!(refused(&[], "da.from_zarr('x.zarr')"), @r#"
    error: `da` has no `from_zarr`
    cause: result = da.from_zarr('x.zarr')
                       ^^^^^^^^^
    hint: arrays come from files: load("x.npy"), or load("dir/") for a stack of them
    "#);
    insta::assert_snapshot!(refused(&[], "random.default_rng(1).default_rng(2)"), @r"
    error: a random generator has no `default_rng`
    cause: result = random.default_rng(1).default_rng(2)
                                          ^^^^^^^^^^^
    hint: known are normal, standard_normal, uniform, random
    ");
    insta::assert_snapshot!(refused(&[], "random(size=3)"), @r"
    error: a prefix of names cannot be called
    cause: result = random(size=3)
                    ^^^^^^
    hint: write `random.random(size=...)`
    ");
    insta::assert_snapshot!(refused(&[("and", "1")], "1"), @r"
    error: `and` cannot be a name
    cause: `and` means something of its own in every expression
    hint: rename the line
    ");
}

#[test]
fn results_that_are_neither_arrays_nor_numbers_are_refused() {
    insta::assert_snapshot!(refused(&[X], "np.histogram(x)"), @r"
    error: result `result` is a tuple, not an array or a number
    cause: result = np.histogram(x)
                    ^^^^^^^^^^^^^^^
    hint: take one part of it, the first with [0], or give each part a line of its own
    ");
    insta::assert_snapshot!(refused(&[X], "x.dtype"), @r"
    error: result `result` is a dtype, not an array or a number
    cause: result = x.dtype
                    ^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "np.sin"), @r"
    error: result `result` is a function that is not called, not an array or a number
    cause: result = np.sin
                    ^^^^^^
    hint: call it: write () after it
    ");
    insta::assert_snapshot!(refused(&[X], "..."), @r"
    error: result `result` is `...`, not an array or a number
    cause: result = ...
                    ^^^
    ");
    insta::assert_snapshot!(refused(&[X], "None"), @r"
    error: result `result` is None, not an array or a number
    cause: result = None
                    ^^^^
    ");
}

#[test]
fn saves_of_nothing_are_refused() {
    let refused = |saves: &[(&str, &str)]| {
        saved(&[("x", "random.normal(size=10)"), ("h", "np.histogram(x)")], saves).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(&[("maen", "mean.npy")]), @r"
    error: [save] names `maen`, which is no array or result
    hint: did you mean `mean`?
    ");
    insta::assert_snapshot!(refused(&[("spread", "spread.npy")]), @r"
    error: [save] names `spread`, which is no array or result
    hint: names are defined in [arrays] and [results]
    ");
    insta::assert_snapshot!(refused(&[("h", "h.npy")]), @r"
    error: `h`, which [save] names, is a tuple, not an array or a number
    cause: h = np.histogram(x)
               ^^^^^^^^^^^^^^^
    hint: take one part of it, the first with [0], or give each part a line of its own
    ");
    insta::assert_snapshot!(refused(&[("x", "")]), @r#"
    error: [save] gives `x` no path
    hint: write the name of a file: x = "x.npy"
    "#);
    insta::assert_snapshot!(refused(&[("x", "a.npy"), ("mean", "a.npy")]), @r"
    error: two lines of [save] write to `a.npy`
    hint: give each a file of its own
    ");
}
