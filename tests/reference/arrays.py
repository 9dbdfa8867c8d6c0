"""NumPy with squall's definitions: lines of array expressions are evaluated and compared.

Usage: python3 arrays.py, with requests as lines of JSON on standard input and an answer to each on standard
output. `make` writes `.npy` files; `check` evaluates the lines of a case and compares what squall made of them.

Elementwise work, views and selections are NumPy's own. Where squall defines more than NumPy does (sums that are
exact and rounded once, the order of zeros, dtypes of bool), the definition is in here, in integers of Python.
"""

import json
import math
import re
import sys
import traceback
import warnings
from fractions import Fraction

import numpy as np

warnings.simplefilter("ignore")
UNIT = 1200  # Exact sums are in units of 2^-UNIT, sums of squares in those of 2^-2 UNIT.
TRANSCENDENTAL = {
    np.cbrt, np.exp, np.expm1, np.log, np.log1p, np.log2, np.log10, np.sin, np.cos, np.tan, np.arcsin, np.arccos,
    np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh, np.hypot, np.sqrt, np.rint, np.reciprocal,
}
WIDENED = {np.floor_divide, np.remainder, np.power, np.square}
CONVERTED = {"i": np.int64, "u": np.int64, "b": np.bool_}


class Refused(Exception):
    """What squall refuses although NumPy does something."""


# Rounding


def rounded(numerator, denominator, dtype):
    """The float of a dtype that is nearest to a fraction, ties to even."""
    if numerator == 0:
        return 0.0
    digits, least, limit = (24, -149, 128) if dtype == np.float32 else (53, -1074, 1024)
    sign, numerator = (-1.0, -numerator) if numerator < 0 else (1.0, numerator)
    exponent = max(numerator.bit_length() - denominator.bit_length() - digits - 1, least)
    while True:
        scaled = (numerator << -exponent, denominator) if exponent < 0 else (numerator, denominator << exponent)
        quotient, rest = divmod(*scaled)
        if quotient < 1 << digits:
            break
        exponent += 1
    if 2 * rest > scaled[1] or (2 * rest == scaled[1] and quotient % 2):
        quotient += 1
    if quotient.bit_length() + exponent > limit:
        return sign * math.inf
    return sign * math.ldexp(quotient, exponent)


def root(numerator, denominator, dtype):
    """The float nearest to the square root of a fraction."""
    if numerator == 0:
        return 0.0
    shift = max(0, 160 - numerator.bit_length() + denominator.bit_length()) // 2 + 40
    square = (numerator << 2 * shift) // denominator
    value = math.isqrt(square)
    rest = value * value != square or square * denominator != numerator << 2 * shift
    return rounded(2 * value + rest, 1 << (shift + 1), dtype)


def sums(x, squares):
    """Exact sums of each row of a finite real or an integer array, and of their squares, as integers."""
    if x.dtype.kind in "ib":
        total = [sum(map(int, row)) << UNIT for row in x]
        return total, [sum(int(value) ** 2 for value in row) << 2 * UNIT for row in x] if squares else None
    mantissa, exponent = np.frexp(x.astype(np.float64))
    mantissa = (mantissa * 2.0**53).astype(np.int64)
    exponent = exponent.astype(np.int64) - 53
    totals, second = [0] * len(x), [0] * len(x)
    for one in np.unique(exponent):
        part = np.where(exponent == one, mantissa, 0)
        high, low = (part >> 27).sum(axis=1), (part & (2**27 - 1)).sum(axis=1)
        for row in np.flatnonzero(high | low):
            totals[row] += ((int(high[row]) << 27) + int(low[row])) << (int(one) + UNIT)
        if squares:
            part = np.abs(part)
            high, low = part >> 27, part & (2**27 - 1)
            for product, shift in ((high * high, 54), (2 * high * low, 27), (low * low, 0)):
                upper, lower = (product >> 27).sum(axis=1), (product & (2**27 - 1)).sum(axis=1)
                for row in np.flatnonzero(upper | lower):
                    value = (int(upper[row]) << 27) + int(lower[row])
                    second[row] += value << (shift + 2 * (int(one) + UNIT))
    return totals, second if squares else None


# Reductions


def axes_of(x, axis):
    if axis is None:
        return tuple(range(x.ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(np.lib.array_utils.normalize_axis_index(int(one), x.ndim) for one in given)
    if len(set(axes)) != len(axes):
        raise ValueError("an axis occurs twice")
    return axes


def rows(x, axes):
    """The array with one row for each output, and the shape of the outputs."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    shape = tuple(x.shape[axis] for axis in kept)
    count = math.prod(x.shape[axis] for axis in axes)
    moved = np.asarray(x).transpose(kept + sorted(axes)).reshape((math.prod(shape), count))
    return moved, shape


def reduced(x, axis, keepdims, dtype, each, filled=False):
    """An array of what `each` makes of the rows."""
    x = np.asarray(x)
    axes = axes_of(x, axis)
    moved, shape = rows(x, axes)
    if filled and moved.shape[1] == 0:
        raise ValueError("an extremum of nothing")
    values = np.array(each(moved), dtype=dtype).reshape(shape)
    if keepdims:
        values = values.reshape(tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape)))
    return result(values)


def result(values):
    return values[()] if values.ndim == 0 else values.view(Array)


def moments(kind, x, axis=None, dtype=None, keepdims=False, ddof=0, skip=False, **_):
    x = np.asarray(x)
    if dtype is not None:
        x = np.asarray(convert(x, dtype))
    into = np.float32 if x.dtype == np.float32 else np.float64
    whole = kind == "sum" and x.dtype.kind in "ib"

    def each(moved):
        real = moved.dtype.kind == "f"
        finite = np.isfinite(moved) if real else np.ones(moved.shape, bool)
        first, second = sums(np.where(finite, moved, 0), kind in ("var", "std"))
        for row, values in enumerate(moved):
            values = values[~np.isnan(values)] if skip and real else values
            yield one(kind, values, first[row], second and second[row], ddof, into, whole)

    return reduced(x, axis, keepdims, np.int64 if whole else into, lambda moved: list(each(moved)))


def one(kind, values, first, second, ddof, into, whole):
    count = len(values)
    if whole:
        total = first >> UNIT
        if not -(2**63) <= total < 2**63:
            raise Refused("a sum of integers does not fit 64 bits")
        return total
    bad = values[~np.isfinite(values)] if values.dtype.kind == "f" else np.empty(0)
    if kind == "sum" or (kind == "mean" and count):
        if len(bad):
            return bad.sum()
        return rounded(first, (1 << UNIT) * (1 if kind == "sum" else count), into)
    if kind == "mean" or len(bad) or not count:
        return math.nan
    # The variance is (n Q - S S) / (n (n - ddof)).
    above = count * second - first * first
    below = count * (count - ddof) << 2 * UNIT
    if below <= 0:
        return math.nan  # NumPy: sometimes an infinity.
    return rounded(above, below, into) if kind == "var" else root(above, below, into)


def product(x, axis=None, dtype=None, keepdims=False, skip=False, **_):
    x = np.asarray(x)
    if dtype is not None:
        x = np.asarray(convert(x, dtype))
    if x.dtype.kind in "ib":
        return result(np.asarray(np.prod(x, axis=axis, keepdims=keepdims, dtype=np.int64)))

    def each(values):
        values = values[~np.isnan(values)] if skip else values
        sign = -1.0 if np.signbit(values).sum() % 2 else 1.0
        if np.isnan(values).any() or (np.isinf(values).any() and (values == 0).any()):
            return math.nan
        if np.isinf(values).any():
            return sign * math.inf
        exact = math.prod((Fraction(float(value)) for value in values), start=Fraction(1))
        return math.copysign(rounded(exact.numerator, exact.denominator, x.dtype), sign)

    return reduced(x, axis, keepdims, x.dtype, lambda moved: [each(values) for values in moved])


def extremum(least, x, axis=None, keepdims=False, skip=False, **_):
    x = np.asarray(x)

    def each(values):
        if values.dtype.kind != "f":
            return values.min() if least else values.max()
        if np.isnan(values).any():
            values = values[~np.isnan(values)] if skip else values[:0]
        if len(values) == 0:
            return math.nan
        value = values.min() if least else values.max()
        if value == 0:
            negative = np.signbit(values[values == 0])
            return -0.0 if (negative.any() if least else negative.all()) else 0.0
        return value

    return reduced(x, axis, keepdims, x.dtype, lambda moved: [each(values) for values in moved], filled=True)


def place(function, x, axis=None, keepdims=False, **_):
    if isinstance(axis, tuple) and len(axis) not in (1, np.ndim(x)):
        raise TypeError("over one axis, or all")
    each = lambda moved: [function(values) for values in moved]  # noqa: E731
    return reduced(x, axis, keepdims, np.int64, each, filled=True)


def truths(function, dtype, x, axis=None, keepdims=False, **_):
    return reduced(x, axis, keepdims, dtype, lambda moved: [function(values) for values in moved])


def spread(x, axis=None, keepdims=False, **_):
    return extremum(False, x, axis, keepdims) - extremum(True, x, axis, keepdims)


def standard_error(x, axis=None, ddof=1, keepdims=False):
    x = np.asarray(x)
    count = math.prod(x.shape[axis] for axis in axes_of(x, axis))
    return moments("std", x, axis, None, keepdims, ddof) / math.sqrt(count)


def average(x, axis=None, weights=None, keepdims=False):
    x = np.asarray(x).view(Array)
    if weights is None:
        return moments("mean", x, axis, None, keepdims)
    weights = np.asarray(weights)
    try:
        np.average(x.view(np.ndarray), axis, np.ones(weights.shape))  # Where this raises, so do we.
    except ZeroDivisionError:
        pass
    real = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    weights = weights.astype(np.result_type(real, weights.dtype))
    if weights.shape != x.shape:
        given = axis if isinstance(axis, tuple) else (axis,)
        axes = [np.lib.array_utils.normalize_axis_index(int(one), x.ndim) for one in given]
        extents = tuple(extent if one in axes else 1 for one, extent in enumerate(x.shape))
        weights = weights.transpose(np.argsort(axes)).reshape(extents)
    weights = weights.view(Array)
    total = moments("sum", weights, axis, None, keepdims)
    return moments("sum", x * weights, axis, None, keepdims) / total


def centred(m, y, rowvar):
    """Variables less their means as rows, and the means."""
    parts = [np.asarray(one, np.float64) for one in ([m] if y is None else [m, y])]
    if any(one.ndim > 2 for one in parts):
        raise ValueError("more than two axes")
    lines = np.concatenate([one if one.ndim == 2 and rowvar else np.atleast_2d(one.T) for one in parts])
    means = np.asarray(moments("mean", lines, 1, keepdims=True))
    return lines - means, means


def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    """As NumPy's, but with exact sums."""
    values, means = centred(m, y, rowvar)
    ddof = (0 if bias else 1) if ddof is None else ddof
    products = np.asarray(moments("sum", values[:, None] * values[None], 2))
    own = products / np.float64(max(values.shape[1] - ddof, 0))
    theirs = np.atleast_2d(np.cov(np.asarray(m, np.float64), None if y is None else np.asarray(y, np.float64),
                                  rowvar, bias, ddof))
    deviations = np.sqrt(np.diagonal(own))
    room = 1e-9 * np.outer(deviations, deviations) + 1e-25 * np.outer(means, means)
    judged = np.isfinite(theirs) & (room > 1e-250)
    assert (np.abs(own - theirs) <= room)[judged].all(), "far from NumPy's covariance"
    return result(np.asarray(own if own.size != 1 else own.ravel()[0]))


def corrcoef(x, y=None, rowvar=True):
    matrix = cov(x, y, rowvar)
    if matrix.ndim == 0:
        return matrix / matrix
    values, means = centred(x, y, rowvar)
    deviations = np.sqrt(np.asarray(moments("sum", values * values, 1)) / np.float64(max(values.shape[1] - 1, 0)))
    own = clip(np.asarray(matrix) / deviations[:, None] / deviations[None], -1.0, 1.0)
    theirs = np.corrcoef(np.asarray(x, np.float64), None if y is None else np.asarray(y, np.float64), rowvar)
    sure = (deviations > 1e-6 * np.abs(means[:, 0])) & (deviations > 1e-100)
    judged = np.isfinite(theirs) & sure[:, None] & sure[None]
    assert (np.abs(own - theirs) <= 1e-7)[judged].all(), "far from NumPy's coefficients"
    return result(own)


def dot(left, right):
    if any(isinstance(one, (bool, int, float)) for one in (left, right)):
        return left * right
    left, right = np.asarray(left), np.asarray(right)
    np.dot(left, right)  # Where this raises, so do we.
    if left.ndim == 0 or right.ndim == 0:
        return result(np.asarray(left * right))
    products = left[..., :, None] * (right if right.ndim == 2 else right[:, None])
    if products.dtype.kind == "b":
        values = np.asarray(products.any(axis=-2))
    elif products.dtype.kind == "i":
        values = np.asarray(products.sum(axis=-2))
        moments("sum", products, -2)  # Where a sum does not fit, squall refuses.
    else:
        values = np.asarray(moments("sum", products, -2))
    values = values if right.ndim == 2 else values[..., 0]
    return result(np.asarray(values))


def cumulate(function, x, axis=None, dtype=None, **_):
    x = np.asarray(x)
    if dtype is not None:
        x = np.asarray(convert(x, dtype))
    if x.ndim == 0:
        return result(function(x, axis=axis))
    return result(np.asarray(function(x, axis=axis, dtype=np.int64 if x.dtype.kind in "ib" else x.dtype)))


def histogram(x, bins=10, range=None, density=False):
    x = np.asarray(x).astype(np.float64)
    edges = np.asarray(bins) if np.ndim(bins) else bins
    counts, edges = np.histogram(x, edges, range, density=density)
    return np.asarray(counts).view(Array), np.asarray(edges, np.float64).view(Array)


def quantile(x, q, axis=None, keepdims=False, **_):
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    values = [np.asarray(reduced(x, axis, keepdims, x.dtype, quantiles(one))) for one in np.ravel(q)]
    return result(np.stack(values) if np.ndim(q) else values[0])


def quantiles(q):
    return lambda moved: [one_quantile(np.sort(values), q) for values in moved]


def one_quantile(x, q):
    if x.size == 0:
        return math.nan
    place, rest = divmod((x.size - 1) * q, 1)
    lower, upper = x[int(place)], x[min(int(place) + 1, x.size - 1)]
    if not np.isnan(x[-1]) and (lower == upper or rest == 0):
        return lower  # NumPy: NaN where it is infinite.
    return np.quantile(x.astype(np.float64), q)  # NumPy: of float32 with a `q` of float32.


def clip(x, a_min=None, a_max=None, min=None, max=None, **_):
    x = np.asarray(x).view(Array)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is None and high is None:
        raise ValueError("one of the limits has to be given")
    out = x if low is None else np.maximum(x, low)
    return out if high is None else np.minimum(out, high)


def difference(x, n=1, axis=-1):
    return result(np.asarray(np.diff(np.asarray(x), n=n, axis=axis)))


def convert(x, dtype, **_):
    """`astype` to one of four dtypes."""
    dtype = np.dtype(dtype)
    dtype = np.dtype(np.float32) if dtype == np.float16 else dtype
    dtype = np.dtype(CONVERTED.get(dtype.kind, dtype))
    x = np.asarray(x)
    if x.dtype.kind == "f" and dtype.kind == "i":
        inside = (x >= -(2.0**63)) & (x < 2.0**63)
        return result(np.where(inside, np.where(inside, x, 0).astype(np.int64), np.int64(-(2**63))))
    return result(x.astype(dtype))


def rounding(x, decimals=0, **_):
    x = np.asarray(x)
    return result(np.asarray(np.round(x.astype(np.float64) if x.dtype.kind == "b" else x, decimals)))


class Array(np.ndarray):
    """NumPy's array, but for the definitions above."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        inputs = [np.asarray(one) if isinstance(one, np.ndarray) else one for one in inputs]
        arrays = [one for one in inputs if isinstance(one, (np.ndarray, np.generic))]
        weak = [one for one in inputs if not isinstance(one, (np.ndarray, np.generic))]
        boolean = all(one.dtype.kind == "b" for one in arrays) and all(isinstance(one, bool) for one in weak)
        whole = all(one.dtype.kind in "bi" for one in arrays) and not any(isinstance(one, float) for one in weak)
        if (ufunc in TRANSCENDENTAL and whole) or (ufunc in WIDENED and boolean):
            dtype = np.float64 if ufunc in TRANSCENDENTAL else np.int64
            inputs = [np.asarray(one, dtype) if isinstance(one, (np.ndarray, np.generic)) else one for one in inputs]
        if ufunc is np.sign and boolean:
            raise TypeError("the sign of a truth value")
        out = np.asarray(getattr(ufunc, method)(*inputs, **keywords))
        if out.dtype == np.float32 and (ufunc in TRANSCENDENTAL or ufunc in (np.power, np.floor_divide)):
            # NumPy's own functions of single precision are off by up to 4 units of the last place.
            inputs = [np.asarray(one, np.float32).astype(np.float64) for one in inputs]
            out = np.asarray(getattr(ufunc, method)(*inputs)).astype(np.float32)
        if ufunc in (np.minimum, np.maximum) and out.dtype.kind == "f":
            negative = [np.signbit(np.asarray(one, out.dtype)) for one in inputs]
            sign = (negative[0] | negative[1]) if ufunc is np.minimum else (negative[0] & negative[1])
            out = np.where(out == 0, np.where(sign, -0.0, 0.0).astype(out.dtype), out)
        return result(out)

    sum = lambda self, *a, **k: moments("sum", self, *a, **k)
    mean = lambda self, *a, **k: moments("mean", self, *a, **k)
    var = lambda self, *a, **k: moments("var", self, *a, **k)
    std = lambda self, *a, **k: moments("std", self, *a, **k)
    prod = lambda self, *a, **k: product(self, *a, **k)
    min = lambda self, *a, **k: extremum(True, self, *a, **k)
    max = lambda self, *a, **k: extremum(False, self, *a, **k)
    argmin = lambda self, *a, **k: place(np.argmin, self, *a, **k)
    argmax = lambda self, *a, **k: place(np.argmax, self, *a, **k)
    any = lambda self, *a, **k: truths(np.any, bool, self, *a, **k)
    all = lambda self, *a, **k: truths(np.all, bool, self, *a, **k)
    cumsum = lambda self, *a, **k: cumulate(np.cumsum, self, *a, **k)
    cumprod = lambda self, *a, **k: cumulate(np.cumprod, self, *a, **k)
    sem = lambda self, *a, **k: standard_error(self, *a, **k)
    dot = lambda self, other: dot(self, other)
    clip = lambda self, *a, **k: clip(self, *a, **k)
    astype = lambda self, *a, **k: convert(self, *a, **k)
    round = lambda self, *a, **k: rounding(self, *a, **k)


def plain(function):
    """NumPy's own function of arrays, with an array of ours as the result."""

    def called(*arguments, chunks=None, **keywords):
        return result(np.asarray(function(*arguments, **keywords)))

    return called


def elementwise(function):
    """A function of NumPy that sees numbers as arrays, so that the definitions above hold for them."""

    def called(*arguments):
        seen = [np.asarray(one).view(Array) if isinstance(one, np.generic) else one for one in arguments]
        return function(*seen)

    return called


def named(function, *first, **always):
    return lambda *a, **k: function(*first, *a, **always, **k)


class Names:
    """What stands behind `np.` and `da.`."""

    pi, e, inf, nan, newaxis = np.pi, np.e, np.inf, np.nan, None
    float32, float64, int64, bool_ = np.float32, np.float64, np.int64, np.bool_


def namespace():
    names = {name: getattr(Names, name) for name in vars(Names) if not name.startswith("_")}
    for name in """add subtract multiply divide true_divide floor_divide remainder power negative equal not_equal less
        less_equal greater greater_equal bitwise_and bitwise_or bitwise_xor invert logical_and logical_or logical_xor
        logical_not absolute abs sign square sqrt cbrt reciprocal hypot exp expm1 log log1p log2 log10 sin cos tan
        arcsin arccos arctan arctan2 sinh cosh tanh floor ceil trunc rint minimum maximum isnan isfinite
        isinf""".split():
        names[name] = elementwise(getattr(np, name))
    for name in """zeros ones full arange linspace transpose reshape ravel squeeze expand_dims broadcast_to concatenate
        stack where zeros_like ones_like full_like""".split():
        names[name] = plain(getattr(np, name))
    for kind in ("sum", "mean", "var", "std"):
        names[kind], names["nan" + kind] = named(moments, kind), named(moments, kind, skip=True)
    names |= {"prod": product, "nanprod": named(product, skip=True), "ptp": spread, "average": average, "dot": dot,
        "cov": cov, "corrcoef": corrcoef}
    names |= {"min": named(extremum, True), "max": named(extremum, False)}
    names |= {"nanmin": named(extremum, True, skip=True), "nanmax": named(extremum, False, skip=True)}
    names |= {"argmin": named(place, np.argmin), "argmax": named(place, np.argmax)}
    names |= {"any": named(truths, np.any, bool), "all": named(truths, np.all, bool)}
    names |= {"count_nonzero": named(truths, np.count_nonzero, np.int64), "sem": standard_error, "diff": difference}
    names |= {"cumsum": named(cumulate, np.cumsum), "cumprod": named(cumulate, np.cumprod), "clip": clip}
    names |= {"histogram": histogram, "quantile": quantile, "median": lambda x, **k: quantile(x, 0.5, **k)}
    names |= {"percentile": lambda x, q, **k: quantile(x, np.true_divide(q, 100), **k), "astype": convert, "round": rounding}
    names |= {"true": True, "false": False}
    for name, value in names.items():
        setattr(Names, name, staticmethod(value) if callable(value) and not isinstance(value, type) else value)
    return names | {"np": Names, "da": Names}


# Requests


def load(path):
    """A file as squall sees it: in one of four dtypes."""
    x = np.load(path)
    dtype = CONVERTED.get(x.dtype.kind, np.float64 if x.dtype.itemsize == 8 else np.float32)
    return np.array(x, dtype=dtype).view(Array)


def fill(rng, shape, dtype, kind):
    size = math.prod(shape)
    if dtype.kind == "b":
        return rng.random(size) < {"plain": 0.5, "special": 0.1, "wide": 0.97}[kind]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = max(limits.min, -20), min(limits.max, 20)
        values = rng.integers(low, high, size, endpoint=True)
        if kind == "wide":
            top = min(limits.max, 2**63 - 1)
            wide = rng.integers(limits.min, top, size, endpoint=True, dtype=np.int64)
            values = np.where(rng.random(size) < 0.3, wide, values)
        return values
    if kind == "plain":
        values = rng.normal(rng.choice([0.0, 10.0]), 2.0, size)
    elif kind == "special":
        values = np.round(rng.normal(0, 2, size))
        special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-300, 5e-324, 1e300, 0.5, 2.5, -3.5]
        values = np.where(rng.random(size) < 0.3, rng.choice(special, size), values)
    else:
        values = rng.normal(0, 1, size) * 10.0 ** rng.integers(-12, 12, size)
    return values


def make(request):
    for one in request["files"]:
        rng = np.random.default_rng(one["seed"])
        if one["kind"] == "numacc4":
            values = np.array([10000000.2] + [10000000.1, 10000000.3] * 500)
        else:
            dtype, shape = np.dtype(one["dtype"]), tuple(one["shape"])
            values = np.asarray(fill(rng, shape, dtype, one["kind"])).astype(dtype).reshape(shape)
            values = np.asfortranarray(values) if one["fortran"] and shape else values
        np.save(one["path"], values)
    return {}


def words(x):
    """Elements as hexadecimal words of 64 bits."""
    x = np.ascontiguousarray(x)
    if x.dtype.kind == "f":
        return x.astype(np.float64).view(np.uint64)
    return x.astype(np.int64).view(np.uint64)


def steps_apart(left, right):
    """How many floats of their dtype lie between two."""

    def order(x):
        single = x.dtype == np.float32
        bits = np.ascontiguousarray(x).view(np.int32 if single else np.int64).astype(np.int64)
        top = np.int64(-(2**31)) if single else np.int64(-(2**63))
        return np.where(bits < 0, top - bits, bits)

    with np.errstate(all="ignore"):
        return np.abs(order(left).astype(np.longdouble) - order(right).astype(np.longdouble))


def differs(expected, found, tolerance):
    """What is different, or nothing."""
    if tuple(found["shape"]) != expected.shape:
        return f"shape {tuple(found['shape'])}, expected {expected.shape}"
    if found["dtype"] != expected.dtype.name:
        return f"dtype {found['dtype']}, expected {expected.dtype.name}"
    data = np.array([int(word, 16) for word in found["data"].split()], dtype=np.uint64)
    if expected.dtype.kind == "f":
        values = data.view(np.float64)
        own = expected.astype(np.float64).ravel()
        same = (words(own) == data) | (np.isnan(own) & np.isnan(values))
        canonical = data[np.isnan(values)] == 0x7FF8000000000000
        if not canonical.all():
            return "a NaN that is not the canonical one"
        if tolerance and not same.all():
            close = steps_apart(expected.ravel(), values.astype(expected.dtype)) <= tolerance["ulps"]
            close |= np.abs(values - own) <= tolerance["absolute"]
            same |= close & ~np.isnan(own) & ~np.isnan(values)
    else:
        same = words(expected).ravel() == data
        values, own = data.view(np.int64), expected.ravel()
    if same.all():
        return None
    at = int(np.flatnonzero(~same)[0])
    return f"element {at} of {same.size} ({(~same).sum()} differ): {values[at]!r}, expected {own[at]!r}"


class Inherited(Exception):
    """Of something that cannot be computed as a whole, and may be in the part that is needed."""


def evaluated(lines, names):
    """The value or the failure of each line."""
    values = {}
    for name, text in lines:
        try:
            with np.errstate(all="ignore"):
                computed = {name: value for name, value in values.items() if not isinstance(value, Exception)}
                value = eval(text, names | computed)  # noqa: S307
                library = isinstance(value, (np.generic, np.ndarray))
                values[name] = np.asarray(value).view(Array) if library else value
        except NameError as error:
            values[name] = Inherited() if isinstance(values.get(error.name), (Refused, Inherited)) else error
        except Exception as error:  # noqa: BLE001
            # Edges by themselves are computed without counting, which is what is refused.
            edges = "histogram(" in text and text.endswith("[1]") and isinstance(error, ValueError)
            values[name] = Inherited() if edges else error
    return values


def tidy(value):
    value = np.asarray(value)
    kinds = {"f": np.float32 if value.dtype == np.float32 else np.float64, "i": np.int64, "u": np.int64, "b": bool}
    return value.astype(kinds[value.dtype.kind])


def check(request, names):
    """Compares the results of squall, name by name, with the values of the lines; returns complaints."""
    files = {name: load(path) for name, path in request["files"].items()}
    values = evaluated(request["lines"], names | files)
    complaints, excused, texts = [], [], dict(request["lines"])
    for found in request["found"]:
        name = found["name"]
        value = files[name] if name in files else values[name]
        failed = isinstance(value, Exception)
        refused = found.get("refused")
        if refused is not None:
            reason, text = refused.splitlines()[0].removeprefix("error: "), texts.get(name, "")
            fits = (re.fullmatch(a, reason) and re.search(b, text) for a, b in request["allowed"])
            if failed:
                pass
            elif any(fits):
                excused.append(reason)
            else:
                complaints.append(f"{name}: refused: {refused!r}; expected {repr(value)[:90]}")
        elif isinstance(value, Inherited):
            pass
        elif failed:
            trace = "".join(traceback.format_exception(value)[-3:])
            complaints.append(f"{name}: computed, but NumPy: {trace}")
        elif "file" in found:
            saved, value = np.load(found["file"], mmap_mode="r"), tidy(value)
            found |= {"shape": saved.shape, "dtype": saved.dtype.name}
            found["data"] = " ".join(format(word, "x") for word in words(saved).ravel())
            complaints += [f"{name} in its file: {it}" for it in [differs(value, found, found["tolerance"])] if it]
        else:
            complaint = differs(tidy(value), found, found["tolerance"])
            complaints += [f"{name}: {complaint}"] if complaint else []
    return {"complaints": complaints, "excused": excused}


def main():
    names = namespace()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = make(request) if request["do"] == "make" else check(request, names)
        except Exception:  # noqa: BLE001
            answer = {"complaints": [traceback.format_exc()]}
        print(json.dumps(answer), flush=True)


main()
