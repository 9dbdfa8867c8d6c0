"""The operations on elements, recomputed by NumPy and by many-digit arithmetic.

Usage: python3 elementwise.py CASES.json

tests/elementwise.rs writes the cases. Each names its check, an operation, the operands and the results;
reals and integers alike travel as 16 hexadecimal digits each. What differs is printed, and the exit status
is 1 if anything did.
"""

import json
import pathlib
import sys

import numpy as np
from mpmath import mp, mpf

mp.prec = 150

MANY_DIGITS = {
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "log2": lambda x: mp.log(x) / mp.ln2,
    "log10": mp.log10,
    "power": mp.power,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
}

NUMPY = {
    "round": np.rint,
    "test_isnan": np.isnan,
    "test_isfinite": np.isfinite,
    "test_isinf": np.isinf,
    "not": np.logical_not,
    "to_bool": lambda x: x != 0,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "to_single": lambda x: x.astype(np.float32),
    "integer_to_real": lambda x: x.astype(np.float64),
    "integer_to_single": lambda x: x.astype(np.float32),
    "real_to_integer": lambda x: x.astype(np.int64),
    "real_to_bool": lambda x: x.astype(bool),
}


def array(text, kind):
    return np.frombuffer(bytes.fromhex(text), dtype=">u8").astype(np.uint64).view({"real": "f8", "integer": "i8"}[kind])


def ulp(value):
    """The distance of doubles around the real `value`, of many digits and not 0."""
    exponent = max(int(mp.floor(mp.log(abs(value), 2))), -1022)
    return mpf(2) ** (min(exponent, 1023) - 52)


def check_error(case):
    """The largest error in units in the last place, over finite operands and results."""
    operands = [array(text, "real").tolist() for text in case["operands"]]
    results = array(case["results"], "real").tolist()
    function = MANY_DIGITS.get(case["operation"]) or getattr(mp, case["operation"])
    worst, where = mpf(0), None
    for *values, result in zip(*operands, results):
        exact = function(*map(mpf, values))
        error = abs(exact - result) / ulp(exact) if exact else mpf(0 if result == 0 else mp.inf)
        if error > worst:
            worst, where = error, values
    print(f"  {case['operation']} of {case['name']}: at most {float(worst):.4f} ulp, at {where}")
    return None if worst <= case["limit"] else f"more than {case['limit']} ulp"


def steps(left, right):
    """How many doubles lie between the elements of two arrays: none between NaNs, many between the zeros."""
    nan = np.isnan(left) & np.isnan(right)
    keys = [np.where(bits < 0, -(bits & 2**63 - 1) - 1, bits) for bits in (left.view(np.int64), right.view(np.int64))]
    far = np.abs(keys[0].astype(float) - keys[1].astype(float)) > 2**52
    return np.where(nan, 0, np.where(far, 2**62, np.abs(np.where(far, 0, keys[0] - keys[1]))))


def check_numpy(case):
    """Whether each result is within so many doubles of NumPy's, or for integers and truth values equal."""
    operands = [array(text, case["kind"]) for text in case["operands"]]
    if case["scalar"]:
        operands[1] = operands[1][0]
    operation = case["operation"]
    function = NUMPY.get(operation) or getattr(np, operation)
    with np.errstate(all="ignore"):
        expected = np.asarray(function(*operands))
    if expected.dtype.kind == "f":
        actual, expected = array(case["results"], "real"), expected.astype(np.float64)
        wrong = steps(actual, expected) > case["limit"]
    else:
        actual, expected = array(case["results"], "integer"), expected.astype(np.int64)
        wrong = actual != expected
    places = np.flatnonzero(wrong)
    if not len(places):
        return None
    where = [np.broadcast_to(operand, wrong.shape)[places[0]] for operand in operands]
    return f"{len(places)} times; {where} gives {actual[places[0]]!r}, not {expected[places[0]]!r}"


def main(path):
    failed = 0
    for case in json.loads(pathlib.Path(path).read_text()):
        difference = {"error": check_error, "numpy": check_numpy}[case["check"]](case)
        failed += difference is not None
        if difference:
            print(f"DIFFERS: {case['operation']} of {case['name']}: {difference}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
