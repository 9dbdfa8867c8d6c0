//! What is said about calls: axes, shapes, dtypes, bins, files.

use crate::array::text::tests::{X, refused};

const Y: (&str, &str) = ("y", "load('f8.npy')");

#[test]
fn axes_that_arrays_do_not_have_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x.mean(axis=1)"), @r"
    error: axis 1 is out of bounds for array of dimension 1
    cause: result = x.mean(axis=1)
                                ^
    hint: its only axis is 0, also -1
    ");
    insta::assert_snapshot!(refused(&[Y], "y.sum(axis=(0, 0))"), @r"
    error: duplicate value in 'axis'
    cause: axis 0 is given twice
    cause: result = y.sum(axis=(0, 0))
                               ^^^^^^
    hint: name each axis once
    ");
    insta::assert_snapshot!(refused(&[Y], "y.sum(axis=0.0)"), @r"
    error: `axis` is not a whole number or a tuple of them
    cause: result = y.sum(axis=0.0)
                               ^^^
    ");
    insta::assert_snapshot!(refused(&[Y], "y.cumsum(axis=(0, 1))"), @r"
    error: `axis` is not one axis
    cause: result = y.cumsum(axis=(0, 1))
                                  ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[Y], "y.sum(keepdims=2)"), @r"
    error: `keepdims` is not True or False
    cause: result = y.sum(keepdims=2)
                                   ^
    ");
    insta::assert_snapshot!(refused(&[Y], "y.squeeze(axis=0)"), @r"
    error: axis 0 has 4 elements, not one
    cause: result = y.squeeze(axis=0)
                                   ^
    ");
    insta::assert_snapshot!(refused(&[Y], "np.expand_dims(y, (0, 0))"), @r"
    error: duplicate value in 'axis'
    cause: axis 0 is given twice
    cause: result = np.expand_dims(y, (0, 0))
                                      ^^^^^^
    hint: name each axis once
    ");
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(refused(&[Y], "y.transpose(0)"), @r"
    error: axes don't match array
    cause: result = y.transpose(0)
                    ^^^^^^^^^^^^^^
    hint: the array has 2 axes, and 1 are named: name each axis once
    ");
    insta::assert_snapshot!(refused(&[Y], "y.reshape(3, 5)"), @r"
    error: cannot reshape array of size 20 into shape (3, 5)
    cause: result = y.reshape(3, 5)
                    ^^^^^^^^^^^^^^^
    hint: a reshaped array has as many elements as before
    ");
    insta::assert_snapshot!(refused(&[Y], "y.reshape(20, order='F')"), @r#"
    error: another order than "C"
    cause: result = y.reshape(20, order='F')
                                        ^^^
    hint: for Fortran's order take x.T
    "#);
    insta::assert_snapshot!(refused(&[Y], "y.reshape()"), @r"
    error: `reshape` needs `shape`
    cause: result = y.reshape()
                    ^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[Y, X], "np.concatenate([y, x])"), @r"
    error: all the input arrays must have same number of dimensions, but the array at index 0 has 2 dimension(s) and the array at index 1 has 1 dimension(s)
    cause: result = np.concatenate([y, x])
                    ^^^^^^^^^^^^^^^^^^^^^^
    hint: add axes with None: x[None]
    ");
    insta::assert_snapshot!(refused(&[Y], "np.concatenate(y)"), @r"
    error: `arrays` is an array, not a list or tuple of arrays
    cause: result = np.concatenate(y)
                                   ^
    ");
    insta::assert_snapshot!(refused(&[Y], "np.stack([y, 'y'])"), @r"
    error: `arrays` holds a text, not an array
    cause: result = np.stack([y, 'y'])
                             ^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[Y], "np.broadcast_to(y, 3)"), @r"
    error: operands could not be broadcast together with remapped shapes [original->remapped]: (4, 5) and requested shape (3,)
    cause: result = np.broadcast_to(y, 3)
                    ^^^^^^^^^^^^^^^^^^^^^
    hint: axes are matched from the last one; those of extent 1 repeat, and new ones come first
    ");
}

#[test]
fn dtypes_that_there_are_not_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x.astype('float16')"), @r"
    error: unknown dtype `float16`
    cause: result = x.astype('float16')
                             ^^^^^^^^^
    hint: the dtypes are bool, int64, float32 and float64
    ");
    insta::assert_snapshot!(refused(&[X], "x.astype(np.int32)"), @r"
    error: `da` has no `int32`
    cause: result = x.astype(np.int32)
                                ^^^^^
    hint: the dtypes are bool, int64, float32 and float64
    ");
    insta::assert_snapshot!(refused(&[X], "x.astype(np.complex128)"), @r"
    error: `da` has no `complex128`
    cause: result = x.astype(np.complex128)
                                ^^^^^^^^^^
    hint: the dtypes are bool, int64, float32 and float64
    ");
    insta::assert_snapshot!(refused(&[X], "x.astype(8)"), @r"
    error: `dtype` is not a dtype
    cause: result = x.astype(8)
                             ^
    hint: the dtypes are bool, int64, float32 and float64
    ");
    insta::assert_snapshot!(refused(&[X], "x.astype()"), @r"
    error: `astype` needs `dtype`
    cause: result = x.astype()
                    ^^^^^^^^^^
    hint: write astype(dtype, *, copy=True)
    ");
    insta::assert_snapshot!(refused(&[X], "x.mean(dtype=int)"), @r"
    error: the result has no dtype int64
    cause: result = x.mean(dtype=int)
                                 ^^^
    hint: it is float64: convert it with .astype(...)
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3, dtype=int)"), @r"
    error: a random array of int64
    cause: result = random.normal(size=3, dtype=int)
                                                ^^^
    hint: it is of float64 or float32; convert it with .astype(...)
    ");
    insta::assert_snapshot!(refused(&[X], "int(x)"), @r#"
    error: `x` is an array, not a plain number
    cause: result = int(x)
                        ^
    hint: write x.astype("int64")
    "#);
    insta::assert_snapshot!(refused(&[], "int(np.inf)"), @r"
    error: `x` is not a finite number
    cause: result = int(np.inf)
                        ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "float('one')"), @r"
    error: `x` is a text, not a number
    cause: result = float('one')
                          ^^^^^
    ");
}

#[test]
fn arguments_that_functions_cannot_do_with_are_refused() {
    insta::assert_snapshot!(refused(&[X], "x.sum(out=x)"), @r"
    error: `sum` cannot do with `out`
    cause: result = x.sum(out=x)
                              ^
    hint: leave it out: results are always new
    ");
    insta::assert_snapshot!(refused(&[X], "np.where(x > 0)"), @r"
    error: `where` needs `x`
    cause: result = np.where(x > 0)
                    ^^^^^^^^^^^^^^^
    hint: write where(condition, x, y)
    ");
    insta::assert_snapshot!(refused(&[X], "np.sin(x, out=x)"), @r"
    error: `sin` has no argument `out`
    cause: result = np.sin(x, out=x)
                              ^^^
    hint: it takes x
    ");
    insta::assert_snapshot!(refused(&[X], "x.clip(0, a_min=1)"), @r"
    error: `clip` has no argument `a_min`
    cause: result = x.clip(0, a_min=1)
                              ^^^^^
    hint: it takes min, max, out
    ");
    insta::assert_snapshot!(refused(&[X], "np.clip(x, 0, min=1)"), @r"
    error: both `min` and `a_min`
    cause: result = np.clip(x, 0, min=1)
                                      ^
    hint: they are the same: give one
    ");
    insta::assert_snapshot!(refused(&[X], "x.round(decimals=0.5)"), @r"
    error: `decimals` is not a whole number from -308 to 308
    cause: result = x.round(decimals=0.5)
                                     ^^^
    ");
    insta::assert_snapshot!(refused(&[X], "x.flatten(1, 2)"), @r"
    error: `flatten` has too many arguments
    cause: result = x.flatten(1, 2)
                                 ^
    hint: by position it takes order
    ");
    insta::assert_snapshot!(refused(&[X], "x.T()"), @r"
    error: an array cannot be called
    cause: result = x.T()
                    ^^^
    ");
}

#[test]
fn statistics_of_what_there_is_not_are_refused() {
    insta::assert_snapshot!(refused(&[X], "np.quantile(x, 2)"), @r"
    error: Quantiles must be in the range [0, 1]
    cause: result = np.quantile(x, 2)
                    ^^^^^^^^^^^^^^^^^
    hint: 0.5 is the median, and 99 % is 0.99
    ");
    insta::assert_snapshot!(refused(&[X], "np.quantile(x, [])"), @r"
    error: need at least one array to stack
    cause: result = np.quantile(x, [])
                    ^^^^^^^^^^^^^^^^^^
    hint: the list of arrays is empty
    ");
    insta::assert_snapshot!(refused(&[X], "np.quantile(x, 0.5, method='nearest')"), @r#"
    error: unknown method `nearest`
    cause: result = np.quantile(x, 0.5, method='nearest')
                                               ^^^^^^^^^
    hint: quantiles are computed by the method "linear"
    "#);
    insta::assert_snapshot!(refused(&[X], "np.average(x, weights=[1, 2])"), @r"
    error: `weights` is a list, not an array
    cause: result = np.average(x, weights=[1, 2])
                                          ^^^^^^
    hint: stack([1, 2, 3]) is an array of numbers
    ");
    insta::assert_snapshot!(refused(&[X], "np.histogram(x, bins='auto')[0]"), @r"
    error: `bins` is a text, not a whole number, or the edges of the bins
    cause: result = np.histogram(x, bins='auto')[0]
                                         ^^^^^^
    ");
    insta::assert_snapshot!(refused(&[X], "np.histogram(x, bins=x)[0]"), @r"
    error: `bins` is an array, not a whole number, or the edges of the bins
    cause: result = np.histogram(x, bins=x)[0]
                                         ^
    hint: write the edges as a list, as linspace(low, high, num) or as arange(low, high, step)
    ");
    insta::assert_snapshot!(refused(&[X], "np.histogram(x, range=3)[0]"), @r"
    error: `range` is not a tuple of two plain numbers
    cause: result = np.histogram(x, range=3)[0]
                                          ^
    ");
    insta::assert_snapshot!(refused(&[X, Y], "np.cov(x, y)"), @r"
    error: `y` has other axes than the array before it
    cause: result = np.cov(x, y)
                              ^
    hint: give two arrays of one axis, or two of two axes
    ");
}

#[test]
fn sources_of_what_there_is_not_are_refused() {
    insta::assert_snapshot!(refused(&[], "linspace(0, np.exp(1))"), @r"
    error: `stop` is a computed number, not a plain number
    cause: result = linspace(0, np.exp(1))
                                ^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "arange(0, 1, 0)"), @r"
    error: arange with a step of 0
    cause: result = arange(0, 1, 0)
                    ^^^^^^^^^^^^^^^
    hint: a step is positive or negative
    ");
    insta::assert_snapshot!(refused(&[], "zeros((2, -1))"), @r"
    error: a negative size
    cause: result = zeros((2, -1))
                          ^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "full(3)"), @r#"
    error: `full` needs `fill_value`
    cause: result = full(3)
                    ^^^^^^^
    hint: write full(shape, fill_value, dtype=None, *, chunks="auto")
    "#);
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    insta::assert_snapshot!(refused(&[], "load('missing.npy')"), @r"
    error: cannot read `missing.npy`
    cause: no such file
    cause: result = load('missing.npy')
                         ^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "load(3)"), @r"
    error: `file` is not a text in quotes
    cause: result = load(3)
                         ^
    ");
    insta::assert_snapshot!(refused(&[], "load('f8.npy', chunks=(1, 2, 3))"), @r"
    error: chunks for 3 axes of an array with 2 axes
    cause: result = load('f8.npy', chunks=(1, 2, 3))
                                          ^^^^^^^^^
    hint: the array's shape is (4, 5): give one entry for each axis
    ");
    insta::assert_snapshot!(refused(&[], "load('f8.npy', chunks={2: 1})"), @r"
    error: axis 2 is out of bounds for array of dimension 2
    cause: result = load('f8.npy', chunks={2: 1})
                                          ^^^^^^
    hint: its axes are 0 to 1, also -2 to -1
    ");
    insta::assert_snapshot!(refused(&[], "load('f8.npy', chunks={'a': 1})"), @r"
    error: `chunks` has a key that is not the number of an axis
    cause: result = load('f8.npy', chunks={'a': 1})
                                          ^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "load('f8.npy', chunks='64 MiBs')"), @r#"
    error: invalid chunks "64 MiBs"
    cause: result = load('f8.npy', chunks='64 MiBs')
                                          ^^^^^^^^^
    hint: write "auto" or a size such as "64 MiB"
    "#);
}
