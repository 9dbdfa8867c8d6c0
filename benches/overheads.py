"""What a run costs besides its arithmetic: memory, start and end, each as a ratio or against its limit.

    cargo build --release && python3 benches/overheads.py target/release/squall

Runs local worker processes, which speak to the driver as Slurm's workers do, at two sizes a hundred times
apart, five times each, and prints medians: the resident peak of driver and worker (VmHWM of proc(5)), the time
from a worker's process start to its first lease, and the time from the last answer to the driver's exit.
"""
import json, os, statistics, subprocess, sys, tempfile, time

ROUNDS = 5
SIZES = ["1e8", "1e10"]
LIMITS = {"driver_MiB": 32, "worker_MiB": 32, "first_lease_ms": 100, "exit_ms": 1000}


def peak_mebibytes(process):
    """The largest resident size of a process so far, or None once it is gone."""
    try:
        with open(f"/proc/{process}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) / 1024


def one_run(program, size):
    with tempfile.TemporaryDirectory() as directory:
        expression = f"random.normal(0.0, 0.1, size={size}).mean()"
        flags = ["--cluster", "processes", "--workers", "2", "--cores", "1", "--quiet"]
        started = time.time()
        driver = subprocess.Popen([program, "run", "-e", expression, *flags], cwd=directory, stdout=subprocess.DEVNULL)
        driver_peak = 0
        while driver.poll() is None:
            driver_peak = max(driver_peak, peak_mebibytes(driver.pid) or 0)
            time.sleep(0.002)
        ended = time.time()
        run = os.path.join(directory, ".squall", os.listdir(os.path.join(directory, ".squall"))[0])
        with open(os.path.join(run, "events.jsonl")) as log:
            events = [json.loads(line) for line in log]
    registered = {e["worker"]: e for e in events if e["event"] == "registered"}
    leased = {}
    for e in events:
        if e["event"] == "leased":
            leased.setdefault(e["worker"], e["at"])
    # A lease follows a registration at once; a process starts so long before it registers.
    first = max(leased[w] - e["at"] + e["start_seconds"] for w, e in registered.items() if w in leased)
    last = max(e["at"] for e in events if e["event"] == "answered")
    closed = next(e for e in events if e["event"] == "closed")
    return {
        "driver_MiB": driver_peak,
        "worker_MiB": closed["worker_peak_bytes"] / 2**20,
        "first_lease_ms": first * 1000,
        "exit_ms": (ended - started - last) * 1000,
    }


def main():
    program = os.path.abspath(sys.argv[1])
    medians = {}
    for size in SIZES:
        runs = [one_run(program, size) for _ in range(ROUNDS)]
        medians[size] = {name: statistics.median(run[name] for run in runs) for name in LIMITS}
    print(f"{'median of ' + str(ROUNDS):<18}" + "".join(f"{size:>12}" for size in SIZES) + f"{'ratio':>10}{'limit':>10}")
    for name, limit in LIMITS.items():
        values = [medians[size][name] for size in SIZES]
        cells = "".join(f"{value:>12.1f}" for value in values)
        print(f"{name:<18}{cells}{values[1] / values[0]:>10.2f}{limit:>10}")


if __name__ == "__main__":
    main()
