"""Arrays of several axes, files and elementary functions: squall against what bounds it, in turn.

Usage: taskset -c 1 python3 benches/arrays.py SQUALL [--reads PROGRAM] [--file FILE] [--rounds N] [--only CASE] ..

SQUALL is the program itself, of which whole runs are timed, less the time of a run that computes one number.
PROGRAM is the benchmark `reads`, as `cargo bench --bench reads --no-run` names it, for the cases with files;
FILE, a .npy file of 4 GB, is written if it is not there, and belongs on a disk whose pages may all be cached.
Runs have as many threads as cores that this script is pinned to: one, but for the cases with files, which
can be run on two as well.

In each case contestants take turns, for a number of rounds (15) after one to warm up. A round in which one took
more than 1.3 times its own least so far is measured again, a few times at most. The figure is the median of
the rounds' ratios, with its quartiles; the limit is held if the median holds it. The cases are columns, every, file,
rows, trigonometry and trigonometry_of_file. What planning takes is measured by the benchmark `plan`.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import numpy

SPREAD = 1.3
REPEATS = 15
CORES = len(os.sched_getaffinity(0))
FILE_ELEMENTS = 500_000_000


class Bench:
    def __init__(self, arguments):
        self.squall, self.reads, self.file = arguments.squall, arguments.reads, arguments.file
        self.rounds = arguments.rounds
        self.directory = tempfile.TemporaryDirectory()
        self.startup = statistics.median(self.whole_run("random.random(1).sum()") for _ in range(9))

    def whole_run(self, expression):
        command = [self.squall, "run", "--quiet", "--cores", str(CORES), "--seed", "1", "-e", expression]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory.name)
        return time.perf_counter() - start

    def run(self, expression, count):
        """A contestant: nanoseconds for each of `count` elements."""
        return lambda: (self.whole_run(expression) - self.startup) / count * 1e9

    def compare(self, case, ours, others, limit, text):
        """Our time for the others' is at most the limit."""
        kept, least, repeats = [], [float("inf")] * 2, 0
        while len(kept) < self.rounds + 1:
            times = (ours(), others())
            least = [min(pair) for pair in zip(least, times)]
            if repeats < REPEATS and any(time > SPREAD * fastest for time, fastest in zip(times, least)):
                repeats += 1
            else:
                kept.append(times)
        ratios = [own / other for own, other in kept[1:]]
        low, median, high = statistics.quantiles(ratios, n=4)
        figures = [statistics.median(column) for column in zip(*kept[1:])]
        verdict = "" if limit is None else "held" if median <= limit else "MISSED"
        bound = "" if limit is None else f"{limit:.3f}"
        print(
            f"{case:22}{figures[0]:9.3f}{figures[1]:9.3f}{median:9.3f}  {low:.3f} to {high:.3f}{bound:>8}"
            f"  {verdict:7}{repeats:3} repeated  {text}",
            flush=True,
        )

    def the_file(self):
        if not os.path.exists(self.file):
            array = numpy.lib.format.open_memmap(self.file, "w+", float, (FILE_ELEMENTS,))
            generator = numpy.random.default_rng(1)
            for first in range(0, FILE_ELEMENTS, 10_000_000):
                array[first : first + 10_000_000] = generator.normal(10, 0.1, 10_000_000)
            array.flush()
        return os.path.abspath(self.file)


def columns(bench):
    side = 20_000
    one = bench.run(f"random.normal(10, 0.1, size={side**2}).mean()", side**2)
    array = f"random.normal(10, 0.1, size=({side}, {side}), chunks=(1000, 1000))"
    text = f"{array}.mean(axis=0) against the one-dimensional mean, ns per element"
    bench.compare("columns", bench.run(f"{array}.mean(axis=0)", side**2), one, None, text)


def every(bench):
    side = 20_000
    one = bench.run(f"random.normal(10, 0.1, size={side**2}).mean()", side**2)
    array = f"random.normal(10, 0.1, size=({side}, {side}), chunks=(1000, 1000))"
    text = f"{array}.mean(axis=0)[::100] against the one-dimensional mean, ns per element of the array"
    bench.compare("every", bench.run(f"{array}.mean(axis=0)[::100]", side**2), one, 1.5, text)


def file(bench):
    path = bench.the_file()
    count = (os.path.getsize(path) - 128) // 8

    def reading():
        # At the priority of squall's threads.
        command = ["nice", "-n", "5", bench.reads, path, str(CORES)]
        output = subprocess.run(command, check=True, capture_output=True).stdout
        return float(output) / count * 1e9

    text = f"load(..).mean() of {count} doubles in the page cache against reading them, {CORES} threads, ns"
    bench.compare(f"file, {CORES} threads", bench.run(f"load('{path}').mean()", count), reading, 1 / 0.7, text)


def rows(bench):
    count = 100_000_000
    text = f"random.random(({count}, 2)), rows within the circle, against the mean of {2 * count}, ns per number"
    circle = bench.run(f"((random.random(({count}, 2))**2).sum(axis=1) < 1).mean()", 2 * count)
    bench.compare("rows", circle, bench.run(f"random.random({2 * count}).mean()", 2 * count), 4.0, text)


def sine_and_cosine(elements):
    data = numpy.random.default_rng(1).normal(0, 1, elements)

    def seconds():
        start = time.perf_counter()
        (numpy.sin(data) ** 2 + numpy.cos(data) ** 2).sum()
        return (time.perf_counter() - start) / elements * 1e9

    return seconds


def trigonometry(bench):
    count = 200_000_000
    lines = "(sin(x)**2 + cos(x)**2).sum()".replace("x", f"random.normal(size={count}, stream='x')")
    text = f"(sin(x)**2 + cos(x)**2).sum(), {count} normals generated on the way, against NumPy, ns"
    bench.compare("trigonometry", bench.run(lines, count), sine_and_cosine(20_000_000), 1 / 4, text)


def trigonometry_of_file(bench):
    path = bench.the_file()
    count = (os.path.getsize(path) - 128) // 8
    lines = "(sin(x)**2 + cos(x)**2).sum()".replace("x", f"load('{path}')")
    text = f"(sin(x)**2 + cos(x)**2).sum(), {count} doubles in the page cache, against NumPy, ns"
    bench.compare("trigonometry_of_file", bench.run(lines, count), sine_and_cosine(20_000_000), None, text)


CASES = [columns, every, file, rows, trigonometry, trigonometry_of_file]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("squall", type=os.path.abspath)
    parser.add_argument("--reads", type=os.path.abspath)
    parser.add_argument("--file", default="arrays.npy")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", action="append", choices=[case.__name__ for case in CASES])
    arguments = parser.parse_args()
    bench = Bench(arguments)
    load = os.getloadavg()[0]
    print(f"{CORES} cores, {arguments.rounds} rounds, load {load:.2f}, {bench.startup * 1e3:.1f} ms to start")
    print(f"{'case':22}{'squall':>9}{'other':>9}{'ratio':>9}  {'quartiles':14}{'limit':>8}")
    for case in CASES:
        if not arguments.only or case.__name__ in arguments.only:
            case(bench)


if __name__ == "__main__":
    main()
