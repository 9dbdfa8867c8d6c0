"""The mean of normals: squall on one thread against numpy.random.normal(0.0, 0.1, size).mean(), in turn.

Usage: taskset -c 1 python3 benches/numpy_mean.py PROGRAM [COUNT [ISA]]

PROGRAM is `squall` itself, whose whole process is timed on ten times COUNT numbers; or the benchmark `kernel`,
as `cargo bench --bench kernel --no-run` names it, which times the computation alone on COUNT numbers and takes
the form of the kernels. Both contestants run on the core that this script is pinned to, one after the other,
for 15 rounds after one to warm up. A round in which
either took more than 1.3 times its own least so far is measured again, a few times at most. The figure is
the median of the rounds' ratios, with its quartiles.
"""

import os
import statistics
import subprocess
import sys
import time

import numpy

ROUNDS = 15
SPREAD = 1.3
REPEATS = 15


def squall_seconds(program, count, isa):
    """Seconds for `count` numbers."""
    if os.path.basename(program) == "squall":
        expression = f"random.normal(0.0, 0.1, size={10 * count}).mean()"
        start = time.perf_counter()
        subprocess.run([program, "run", "--quiet", "--cores", "1", "-e", expression], check=True, capture_output=True)
        return (time.perf_counter() - start) / 10
    output = subprocess.run([program, "mean", str(count), *isa], check=True, capture_output=True, text=True).stdout
    return float(output.split()[1])


def numpy_seconds(count):
    start = time.perf_counter()
    numpy.random.normal(0.0, 0.1, size=count).mean()
    return time.perf_counter() - start


def rounds(program, count, isa):
    """Pairs of seconds, those of disturbed rounds left out."""
    kept, least, repeats = [], [float("inf")] * 2, 0
    while len(kept) < ROUNDS + 1:
        times = (squall_seconds(program, count, isa), numpy_seconds(count))
        least = [min(pair) for pair in zip(least, times)]
        disturbed = any(time > SPREAD * fastest for time, fastest in zip(times, least))
        if disturbed and repeats < REPEATS:
            repeats += 1
        else:
            kept.append(times)
    return kept[1:], repeats


def main(program, count="80000000", *isa):
    count = int(float(count))
    pairs, repeats = rounds(program, count, isa)
    for name, times in zip(("squall", "numpy"), zip(*pairs)):
        figures = [seconds / count * 1e9 for seconds in times]
        print(f"{name:8}{statistics.median(figures):8.3f} ns per number, least {min(figures):.3f}")
    ratios = [theirs / ours for ours, theirs in pairs]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"ratio   {median:8.2f} (quartiles {low:.2f} to {high:.2f}), {len(pairs)} rounds, {repeats} repeated")


if __name__ == "__main__":
    main(*sys.argv[1:])
