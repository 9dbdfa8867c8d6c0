"""An independent reading of squall's numeric definitions, version 1, in NumPy and exact integers.

Usage: python3 reference.py CASES.json

Recomputes every case that tests/numbers.rs wrote and compares bit for bit; the first difference of each
case is printed, and the exit status is 1 if there was one. Doubles travel as 16 hexadecimal digits each.

The definitions are those in the documentation of src/kernel/random.rs and the files below it, and of
src/kernel/accumulate.rs. Nothing is shared with the Rust code but the tables of the normal sampler, which
ziggurat.py writes.
"""

import hashlib
import json
import math
import pathlib
import re
import struct
import sys
from fractions import Fraction

import numpy as np

MASK = (1 << 64) - 1
BLOCK = 1024
LANES = 8


def tables():
    """EDGES, HEIGHTS, KEPT, OTHER of the committed file."""
    source = pathlib.Path(__file__).parents[2] / "src/kernel/random/tables.rs"
    found = re.findall(r"static (\w+): \[(\w+); \d+\] = \[(.*?)\];", source.read_text(), re.DOTALL)
    convert = {"f64": float, "u64": int, "u16": int}
    return {name: [convert[kind](word) for word in body.split(",") if word.strip()] for name, kind, body in found}


TABLES = tables()
EDGES, HEIGHTS, KEPT, OTHER = (TABLES[name] for name in ("EDGES", "HEIGHTS", "KEPT", "OTHER"))
RECTANGLES = len(EDGES) - 1


# Words.


def key(seed, stream):
    text = b"squall random 1\0" + seed.to_bytes(16, "little") + stream.encode()
    return struct.unpack("<4Q", hashlib.sha256(text).digest())


def philox(counter, words):
    """Philox4x64-10 in plain integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = words
    for _ in range(10):
        low, high = c0 * 0xD2E7470EE14C6C93, c2 * 0xCA5A826395121157
        c0, c1, c2, c3 = (high >> 64) ^ c1 ^ k0, high & MASK, (low >> 64) ^ c3 ^ k1, low & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c0, c1, c2, c3


def numpy_philox(counter, words):
    """The same four words from NumPy, which steps its counter before it uses it."""
    before = (sum(word << (64 * place) for place, word in enumerate(counter)) - 1) % (1 << 256)
    split = [(before >> (64 * place)) & MASK for place in range(4)]
    generator = np.random.Philox(key=np.array(words, dtype=np.uint64), counter=np.array(split, dtype=np.uint64))
    return tuple(int(word) for word in generator.random_raw(4))


def words_at(k, a, b):
    return philox((a, b, k[2], k[3]), k[:2])


def mix(word):
    word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ word >> 27) * 0x94D049BB133111EB) & MASK
    return word ^ word >> 31


def lane_states(k, block):
    start, step, _, _ = words_at(k, block, 0)
    step |= 1
    return [[mix((start + (LANES * j + lane + 1) * step) & MASK) for lane in range(LANES)] for j in range(4)]


def rotated(words, distance):
    return words << np.uint64(distance) | words >> np.uint64(64 - distance)


def element_words(k, first, count):
    """The words of elements first .. first + count."""
    blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
    states = np.array([lane_states(k, block) for block in blocks], dtype=np.uint64)
    a, b, c, d = (states[:, j, :].copy() for j in range(4))
    outputs = []
    for _ in range(BLOCK // LANES):
        outputs.append(rotated(a + d, 23) + a)
        shifted = b << np.uint64(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = rotated(d, 45)
    words = np.stack(outputs, axis=1).reshape(-1)
    skip = first % BLOCK
    return words[skip : skip + count]


def further_words(k, index):
    """t(index, 0), t(index, 1), .."""
    number = 1
    while True:
        yield from words_at(k, index, number)
        number += 1


# exp and log, operation by operation.


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits(word):
    return struct.unpack("<d", struct.pack("<Q", word & MASK))[0]


LN_2_HIGH = 0.6931471803691238
LN_2_LOW = 1.9082149292705877e-10
ROUNDER = 1.5 * 2.0**52
LOG_COEFFICIENTS = [
    0.13086767009948175,
    0.13268759668560612,
    0.15386240205813478,
    0.18181795630884753,
    0.2222222239180047,
    0.2857142857080323,
    0.4000000000000088,
    0.6666666666666666,
]


def horner(coefficients, x):
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


def exp(x):
    bounded = max(min(x, 710.0), -746.0)
    power = (bounded * 1.4426950408889634 + ROUNDER) - ROUNDER
    high, low = bounded - power * LN_2_HIGH, power * LN_2_LOW
    rest = high - low
    correction = (high - rest) - low
    series = horner([1.0 / math.factorial(k) for k in range(13, 1, -1)], rest)
    mantissa = 1.0 + (rest + (rest * rest * series + (correction + correction * rest)))
    half = int(power) >> 1
    return mantissa * 2.0**half * from_bits((int(power) - half + 1023) << 52)


def log(x):
    adjust = 0.0
    if x < 2.0**-1022:
        x, adjust = x * 2.0**54, -54.0
    mantissa, power = math.frexp(x)
    if mantissa < math.sqrt(0.5):
        mantissa, power = 2.0 * mantissa, power - 1
    power = power + adjust
    f = mantissa - 1.0
    s = f / (2.0 + f)
    square = s * s
    series = square * horner(LOG_COEFFICIENTS, square)
    half = 0.5 * f * f
    return power * LN_2_HIGH - ((half - (s * (half + series) + power * LN_2_LOW)) - f)


# Distributions.


def open_unit(word):
    return ((word >> 12) + 0.5) * 2.0**-52


def slow_normal(words):
    choice = next(words)
    slot, sign, rest = choice >> 53, choice >> 52 & 1, choice & ((1 << 52) - 1)
    piece = slot if rest < KEPT[slot] else OTHER[slot]
    magnitude = tail(words) if piece == 0 else wedge(words, piece)
    return -magnitude if sign else magnitude


def tail(words):
    while True:
        a = -log(open_unit(next(words))) / EDGES[0]
        b = -log(open_unit(next(words)))
        if b + b > a * a:
            return EDGES[0] + a


def wedge(words, piece):
    left, right, bottom, top = EDGES[piece], EDGES[piece - 1], HEIGHTS[piece], HEIGHTS[piece + 1]
    while True:
        s, v = open_unit(next(words)), open_unit(next(words))
        if left >= 1.0 and s + v > 1.0:
            s, v = 1.0 - s, 1.0 - v
        x = left + (right - left) * s
        if bottom + (top - bottom) * v < exp(-0.5 * x * x):
            return x


def standard_normals(k, first, words):
    layers = words & np.uint64(2047)
    edges = np.array(EDGES[:RECTANGLES] + [0.0] * (2048 - RECTANGLES))
    normals = words.view(np.int64).astype(np.float64) * edges[layers.astype(np.int64)] * 2.0**-63
    for place in np.flatnonzero(layers >= RECTANGLES):
        normals[place] = slow_normal(further_words(k, first + int(place)))
    return normals


def elements(case):
    k = key(int(case["seed"]), case["stream"])
    first = int(case["first"])
    words = element_words(k, first, len(case["bits"]) // 16)
    unit = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    with np.errstate(all="ignore"):
        match case["distribution"], [from_bits(int(word, 16)) for word in case["parameters"]]:
            case "random", []:
                return unit
            case "uniform", [low, high]:
                return low + (high - low) * unit
            case "normal", [loc, scale]:
                return loc + scale * standard_normals(k, first, words)


# Exact reductions.


def nearest(value):
    """The double nearest to a fraction: Python's division of integers is rounded correctly, once."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def nearest_single(value):
    """The single nearest to a fraction, as a double: whole multiples of its last bit, ties to even."""
    if value == 0:
        return 0.0
    size = abs(value)
    exponent = max(size.numerator.bit_length() - size.denominator.bit_length() - 25, -151)
    while size >= Fraction(2) ** (exponent + 24):
        exponent += 1
    exponent = max(exponent, -149)
    size = round(size / Fraction(2) ** exponent) * Fraction(2) ** exponent
    size = math.inf if size >= 2**128 else float(size)
    return size if value > 0 else -size


def nearest_root(value, rounded=nearest):
    """The root of a fraction: 4,000 binary places, and a further one if they are not all; rounded."""
    scaled = value * (1 << 8000)
    root = math.isqrt(scaled.numerator // scaled.denominator)
    return rounded(Fraction(2 * root + (root * root != scaled), 1 << 4001))


def exact_sum(values, power):
    """The sum of the values to a power, as a fraction; integers in units of the smallest double."""
    numerators = (value.as_integer_ratio() for value in values)
    total = sum((n * (1 << 1074) // d) ** power for n, d in numerators)
    return Fraction(total, 1 << (1074 * power))


def product(values, rounded):
    """The product, whose sign is that of all factors; NaN if zeros and infinities meet."""
    negative = sum(math.copysign(1.0, value) < 0 for value in values) % 2
    if any(math.isnan(value) for value in values):
        return math.nan
    if any(math.isinf(value) for value in values):
        result = math.nan if 0.0 in values else math.inf
    elif 0.0 in values:
        result = 0.0
    else:
        numerator, exponent = 1, 0
        for value in values:
            above, below = abs(value).as_integer_ratio()
            zeros = (above & -above).bit_length() - 1
            numerator, exponent = numerator * (above >> zeros), exponent + zeros - (below.bit_length() - 1)
        # 200 bits, and a further one if they are not all.
        surplus = max(numerator.bit_length() - 200, 0)
        kept = numerator >> surplus | (numerator & ((1 << surplus) - 1) != 0)
        result = rounded(kept * Fraction(2) ** max(min(exponent + surplus, 5000), -5000))
    return -result if negative and not math.isnan(result) else result


def reductions(values):
    return rounded_reductions(values, "", nearest) | rounded_reductions(values, "single ", nearest_single) | extrema(values)


def rounded_reductions(values, width, rounded):
    nan, count = math.nan, len(values)
    names = ("variance 0", "variance 1", "deviation 0", "deviation 1")
    result = dict.fromkeys(names, nan)
    special = {repr(value) for value in values if not math.isfinite(value)}
    if special:
        total = {"{'inf'}": math.inf, "{'-inf'}": -math.inf}.get(repr(special), nan)
        result |= {"sum": total, "mean": total}
    else:
        total, squares = exact_sum(values, 1), exact_sum(values, 2)
        result |= {"sum": rounded(total), "mean": rounded(total / count) if count else nan}
        for ddof in (0, 1):
            if count > ddof:
                variance = (count * squares - total * total) / (count * (count - ddof))
                result |= {f"variance {ddof}": rounded(variance), f"deviation {ddof}": nearest_root(variance, rounded)}
    result["product"] = product(values, rounded)
    return {width + name: value for name, value in result.items()}


def places(values):
    """The places of the least and the greatest, as NumPy finds them: of NaN first, then of the first of equals."""
    return [int(np.argmin(values)), int(np.argmax(values))] if len(values) else [None, None]


def extrema(values):
    if any(math.isnan(value) for value in values):
        return {"minimum": math.nan, "maximum": math.nan}
    ordered = sorted(values, key=lambda value: (value, math.copysign(1.0, value)))
    return {"minimum": ordered[0], "maximum": ordered[-1]} if ordered else {}


# Comparison.


def doubles(text):
    return np.frombuffer(bytes.fromhex(text), dtype=">u8").astype(np.uint64)


def first_difference(actual, expected):
    """The first place where two arrays of bits differ, or None. NaNs must be the canonical one."""
    places = np.flatnonzero(actual != expected)
    return f"at {places[0]}: {actual[places[0]]:016x}, not {expected[places[0]]:016x}" if len(places) else None


def check_elements(case):
    return first_difference(doubles(case["bits"]), elements(case).view(np.uint64))


def check_reductions(case):
    expected = reductions(doubles(case["data"]).view(np.float64).tolist())
    actual = {name: int(word, 16) for name, word in case["results"].items()}
    if actual.keys() != expected.keys():
        return f"{sorted(actual)}, not {sorted(expected)}"
    for name, value in expected.items():
        if actual[name] != bits(value):
            return f"{name}: {actual[name]:016x}, not {bits(value):016x} ({value!r})"
    expected = places(doubles(case["data"]).view(np.float64))
    return None if case["places"] == expected else f"places {case['places']}, not {expected}"


def check_integers(case):
    values = [int(word) for word in case["data"]]
    total, squares, count = sum(values), sum(value * value for value in values), len(values)
    variance = [Fraction(count * squares - total * total, count * (count - d)) if count > d else None for d in (0, 1)]
    wrapped = math.prod(values) & MASK
    expected = {
        "sum": str(total),
        "fits": -(1 << 63) <= total < 1 << 63,
        "mean": f"{bits(nearest(Fraction(total, count)) if count else math.nan):016x}",
        "variance": "".join(f"{bits(math.nan if v is None else nearest(v)):016x}" for v in variance),
        "deviation": f"{bits(math.nan if variance[1] is None else nearest_root(variance[1])):016x}",
        "product": str(wrapped - (wrapped >> 63 << 64)),
        "count": sum(value != 0 for value in values),
        "minimum": str(min(values)) if values else None,
        "maximum": str(max(values)) if values else None,
        "places": places(np.array(values, dtype=np.int64)),
    }
    actual = case["results"]
    wrong = [name for name in expected if actual[name] != expected[name]]
    return f"{wrong[0]}: {actual[wrong[0]]}, not {expected[wrong[0]]}" if wrong else None


def check_rows(case):
    values = doubles(case["data"]).view(np.float64).reshape(-1, case["row"]).tolist()
    for number, row in enumerate(values):
        result = reductions_of_row(row)
        for name in ("sums", "means"):
            actual = int(case[name][16 * number : 16 * number + 16], 16)
            if actual != bits(result[name]):
                return f"{name} of {row}: {actual:016x}, not {bits(result[name]):016x}"
    return None


def reductions_of_row(row):
    if all(math.isfinite(value) for value in row):
        total = exact_sum(row, 1)
        return {"sums": nearest(total), "means": nearest(total / len(row))}
    total = math.nan if any(math.isnan(value) for value in row) else sum(v for v in row if math.isinf(v))
    return dict.fromkeys(("sums", "means"), math.nan if math.isnan(total) else total)


def check_histogram(case):
    values = doubles(case["data"]).view(np.float64)
    with np.errstate(all="ignore"):
        if "edges" in case["bins"]:
            counts, _ = np.histogram(values, doubles(case["bins"]["edges"]).view(np.float64))
        else:
            ends = doubles(case["bins"]["range"]).view(np.float64)
            counts, _ = np.histogram(values, case["bins"]["bins"], tuple(ends.tolist()))
    return None if counts.tolist() == case["counts"] else f"{case['counts']}, not {counts.tolist()}"


def check_edges(case):
    low, high = doubles(case["range"]).view(np.float64).tolist()
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    return first_difference(doubles(case["edges"]), np.linspace(low, high, case["bins"] + 1).view(np.uint64))


def check_elementary(case):
    function = {"exp": exp, "log": log}[case["function"]]
    expected = [bits(function(x)) for x in doubles(case["arguments"]).view(np.float64).tolist()]
    return first_difference(doubles(case["values"]), np.array(expected, dtype=np.uint64))


def check_error(case):
    """The largest error in units in the last place, against many-digit arithmetic."""
    from mpmath import mp, mpf

    mp.prec = 150
    function = {"exp": mp.exp, "log": mp.log}[case["function"]]
    worst, where = mpf(0), 0.0
    pairs = zip(doubles(case["arguments"]).view(np.float64).tolist(), doubles(case["values"]).view(np.float64).tolist())
    for x, value in pairs:
        exact = function(mpf(x))
        error = abs(exact - value) / math.ulp(float(exact))
        if error > worst:
            worst, where = error, x
    print(f"  largest error of {case['function']}: {float(worst):.4f} ulp at {where!r}")
    return None if worst <= case["limit"] else f"more than {case['limit']} ulp"


CHECKS = {
    "elements": check_elements,
    "reductions": check_reductions,
    "integers": check_integers,
    "rows": check_rows,
    "histogram": check_histogram,
    "edges": check_edges,
    "elementary": check_elementary,
    "error": check_error,
}


def main(path):
    assert all(philox((a, 1, 2, 3), (4, 5)) == numpy_philox((a, 1, 2, 3), (4, 5)) for a in (0, 1, MASK))
    cases = json.loads(pathlib.Path(path).read_text())
    failed = 0
    for case in cases:
        difference = CHECKS[case["check"]](case)
        failed += difference is not None
        print(f"{'ok' if difference is None else 'DIFFERS'}: {case['name']}", difference or "")
    print(f"{len(cases)} cases, {failed} differ")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
