"""Everything that needs no GPU, in one table: what, goal, median, lowest and highest of interleaved repetitions.

    OMP_NUM_THREADS=1 python -m benchmarks [--only steps,fit,start_up,scale,live] [--repetitions 5] [--scripts]

A ratio is of two sides timed one after the other in each repetition, so that other load on the machine moves it little;
steps are timed in seconds of the processor. `--scripts` also runs those scripts of this folder that end in a few
minutes each, and tells which met their bounds.
Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the scripts import one another by name

import fit_speed  # noqa: E402
import live  # noqa: E402
import scale  # noqa: E402
import start_up  # noqa: E402
import steps  # noqa: E402
from row import Result, Row, markdown  # noqa: E402
from terminal import load  # noqa: E402

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "steps": steps.rows,
    "fit": fit_speed.rows,
    "start_up": start_up.rows,
    "scale": scale.rows,
    "live": live.rows,
}
SCRIPTS = ("identity", "plots", "app_open", "app_latency", "app_memory")


def machine() -> str:
    """Processor, cores, load and versions."""
    import torch

    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
        if Path("/proc/cpuinfo").exists()
        else iter([platform.processor()]),
        platform.machine(),
    )
    return f"{model}, {load()}, Python {platform.python_version()}, torch {torch.__version__}"


def run_scripts() -> bool:
    """Each script's own words, and whether all met their bounds."""
    good = True
    for name in SCRIPTS:
        print(f"\n## benchmarks/{name}.py", flush=True)
        good &= subprocess.run([sys.executable, str(HERE / f"{name}.py")]).returncode == 0
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--scripts", action="store_true")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    results: list[Result] = []
    for part in parts:
        for row in PARTS[part]():
            results.append(row.measure(arguments.repetitions))
            print(" | ".join(filter(None, results[-1].cells())), file=sys.stderr, flush=True)
    print("\n".join(markdown(results, machine())))
    good = run_scripts() if arguments.scripts else True
    return 0 if good and all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
