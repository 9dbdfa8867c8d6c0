"""Writes src/kernel/random/tables.rs: the tables of the normal sampler.

Usage: python3 ziggurat.py > src/kernel/random/tables.rs

With g(x) = exp(-x*x/2), the area under g over x >= 0 is cut into 2045 rectangles that lie wholly under
g and have exactly 1/2048 of that area each, and into the 2046 pieces that are left over: the tail (piece
0), the wedges between neighbouring rectangles (pieces 1 to 2044) and the cap (piece 2045). How a sampler
uses them is defined in src/kernel/random/normal.rs.
"""

import math
import sys

from mpmath import erf, erfc, exp, findroot, mp, mpf, nstr, pi, sqrt

mp.dps = 45

LAYERS = 2048
SLOT_BITS = 52
AREA = sqrt(pi / 2) / LAYERS


def g(x):
    return exp(-x * x / 2)


def area_under(a, b):
    """The area under g between a and b."""
    if a > 1:
        return sqrt(pi / 2) * (erfc(a / sqrt(mpf(2))) - erfc(b / sqrt(mpf(2))))
    return sqrt(pi / 2) * (erf(b / sqrt(mpf(2))) - erf(a / sqrt(mpf(2))))


def rounded_down(x):
    """The largest double that is not above x, so that rectangles stay under g."""
    value = float(x)
    return mpf(value if mpf(value) <= x else math.nextafter(value, 0.0))


def next_edge(edge, height):
    """The largest x below `edge` with x * (g(x) - height) = AREA, or None when no such x is left."""
    x = edge - AREA / (edge * edge * g(edge))
    for _ in range(100):
        if x <= 0:
            return None
        slope = -x * g(x) + AREA / (x * x)
        if slope >= 0:
            return None
        step = (g(x) - height - AREA / x) / slope
        x -= step
        if abs(step) < mpf(10) ** -38:
            return x
    return None


def rectangles():
    """Right edges, outermost first, and the heights between them, lowest first."""
    edge = findroot(lambda x: x * g(x) - AREA, (mpf(3), mpf(6)), solver="illinois", tol=mpf(10) ** -70)
    edges, heights = [], [mpf(0)]
    while edge is not None:
        edge = rounded_down(edge)
        if edge <= 0 or heights[-1] + AREA / edge > g(edge):
            break
        edges.append(edge)
        heights.append(heights[-1] + AREA / edge)
        edge = next_edge(edge, heights[-1])
    return edges + [mpf(0)], heights + [mpf(1)]


def piece_areas(edges, heights):
    """The area of the tail, of each wedge, and of the cap."""
    areas = [sqrt(pi / 2) * erfc(edges[0] / sqrt(mpf(2)))]
    for piece in range(1, len(edges)):
        left, right = edges[piece], edges[piece - 1]
        areas.append(area_under(left, right) - (right - left) * heights[piece])
    return areas


def alias_slots(areas):
    """Walker's alias table over LAYERS slots: (kept share of the slot in units of 2^-52, other piece)."""
    total = sum(areas)
    share = [area / total * LAYERS for area in areas] + [mpf(0)] * (LAYERS - len(areas))
    kept, other = [mpf(1)] * LAYERS, list(range(LAYERS))
    small = [slot for slot in range(LAYERS) if share[slot] < 1]
    large = [slot for slot in range(LAYERS) if share[slot] >= 1]
    while small and large:
        slot, giver = small.pop(), large[-1]
        kept[slot], other[slot] = share[slot], giver
        share[giver] -= 1 - share[slot]
        if share[giver] < 1:
            small.append(large.pop())
    return [(int(mp.nint(share * 2**SLOT_BITS)), piece) for share, piece in zip(kept, other)]


def wrapped(values):
    """Values as indented lines of at most 110 columns."""
    line = "   "
    for value in values:
        if len(line) + len(value) + 2 > 110:
            yield line
            line = "   "
        line += f" {value},"
    yield line


def array(documentation, name, kind, values):
    values = list(values)
    lines = [f"/// {documentation}", "#[rustfmt::skip]", f"pub(super) static {name}: [{kind}; {len(values)}] = ["]
    return "\n".join(lines + list(wrapped(values)) + ["];"])


def main():
    edges, heights = rectangles()
    areas = piece_areas(edges, heights)
    count = len(edges) - 1
    gap = abs(sum(areas) / (AREA * LAYERS) - mpf(LAYERS - count) / LAYERS)
    assert count == 2045 and gap < mpf(10) ** -16 and min(areas) > 0, (count, nstr(gap))
    slots = alias_slots(areas)
    print(
        "\n".join(
            [
                "//! The tables of the normal sampler, written by `tests/reference/ziggurat.py`; not to be edited.",
                "//!",
                "//! What they mean is defined in `random/normal.rs`. `tests/numbers.rs` proves that this file is what",
                "//! the generator writes.",
                "",
                "/// Rectangles; as many of the 2048 values of the low eleven bits take the fast path.",
                f"pub(super) const RECTANGLES: u64 = {count};",
                "",
                array("Right edges of the rectangles, outermost first, then 0.", "EDGES", "f64", (repr(float(x)) for x in edges)),
                "",
                array("Bottoms of the rectangles, then the top of the last one, then 1.", "HEIGHTS", "f64", (repr(float(y)) for y in heights)),
                "",
                array("The share of each slot that is its own piece's, in units of 2^-52.", "KEPT", "u64", (str(kept) for kept, _ in slots)),
                "",
                array("The piece that has the rest of each slot.", "OTHER", "u16", (str(other) for _, other in slots)),
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
