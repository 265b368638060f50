"""The wall time of a sweep, without the app and in it, beside the least that its trials can take on this machine.

    OMP_NUM_THREADS=1 python benchmarks/whole_machine.py [--repetitions 2] [--workload gpt-bytes] [--budgets 1e9,3e9]

The least is (the sum over the trials of their steps by the bare loop's steps a second on one thread) / cores; the bare
loop (benchmarks/steps.py) is measured before and after each sweep, for 1 s a size, on each core at once. The app runs
in a terminal of 120 x 40. Goals: 1.08 of the least, and 1.03 of what it takes without the app. 11 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal import Terminal, app, load

LEAST_GOAL, APP_GOAL = 1.08, 1.03
BARE_SECONDS = 1.0  # a size
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bare_rates(workload_name: str, sizes: list[int]) -> dict[int, float]:
    """Steps a second of the bare loop at each size, in wall time, here."""
    import torch
    from steps import bare_slices

    from flopsfit_tui.train.ready import fill_defaults
    from flopsfit_tui.workloads import resolve

    torch.set_num_threads(1)
    workload = fill_defaults(resolve(workload_name))
    found = {}
    for size in sizes:
        run, began = bare_slices(workload, size), time.perf_counter()
        rates: list[float] = []
        run()
        while not rates or time.perf_counter() - began < BARE_SECONDS:
            before = time.perf_counter(), time.process_time()
            by_processor = run()
            share = (time.process_time() - before[1]) / (time.perf_counter() - before[0])
            rates.append(by_processor * share)
        found[size] = statistics.median(rates)
    return found


def least_seconds(workload: str, steps: list[tuple[int, int]]) -> float:
    """The sum of the trials' seconds in bare loops, as many of which run at once as there are cores, by cores."""
    sizes = sorted({size for size, _ in steps})
    command = [sys.executable, __file__, "--bare", json.dumps(sizes), "--workload", workload]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(CORES)]
    rates = [json.loads(process.communicate()[0]) for process in running]
    mean: dict[int, float] = {size: statistics.mean(rate[str(size)] for rate in rates) for size in sizes}
    return sum(count / mean[size] for size, count in steps) / CORES


def headless_seconds(options: list[str]) -> float:
    """A whole sweep without the app, from the command's start to its end."""
    began = time.perf_counter()
    subprocess.run(app("--no-ui", "run", *options), check=True, capture_output=True)
    return time.perf_counter() - began


def app_seconds(options: list[str]) -> float:
    """The same in the app, which closes itself at the end."""
    began = time.perf_counter()
    with Terminal(app("run", *options, "--exit-when-done"), columns=120, rows=40) as terminal:
        code = terminal.wait()
    assert code == 0, f"the app ended with {code}"
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--workload", default="gpt-bytes")
    parser.add_argument("--budgets", help="FLOPs, with commas; the workload's own by default")
    parser.add_argument("--bare", help="sizes: print the bare loop's steps a second at each, and end")
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps(bare_rates(arguments.workload, json.loads(arguments.bare))))
        return 0
    options = [arguments.workload, *(["--budgets", arguments.budgets] if arguments.budgets else [])]
    planned = subprocess.run(app("plan", *options, "--format", "json"), check=True, capture_output=True, text=True)
    steps = [(trial["size"], trial["steps"]) for trial in json.loads(planned.stdout)["plan"]["trials"]]
    rows: list[tuple[float, float, float]] = []
    for number in range(arguments.repetitions):
        with tempfile.TemporaryDirectory() as out:
            least = [least_seconds(arguments.workload, steps)]
            alone = headless_seconds([*options, "--out", str(Path(out) / "headless")])
            least.append(least_seconds(arguments.workload, steps))
            in_app = app_seconds([*options, "--out", str(Path(out) / "app")])
            least.append(least_seconds(arguments.workload, steps))
        rows.append((statistics.mean(least), alone, in_app))
        print(f"{number + 1}: least {rows[-1][0]:.1f} s, headless {alone:.1f} s, app {in_app:.1f} s", file=sys.stderr)
    by_least = statistics.median(alone / least for least, alone, _ in rows)
    by_headless = statistics.median(in_app / alone for _, alone, in_app in rows)
    print(f"| {arguments.workload}, {len(steps)} trials ({load()}) | goal | median |\n|---|---|---|")
    print(f"| wall time without the app by the least | ≤ {LEAST_GOAL} | {by_least:.2f} |")
    print(f"| wall time in the app by that without it | ≤ {APP_GOAL} | {by_headless:.2f} |")
    return 0 if by_least <= LEAST_GOAL and by_headless <= APP_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
