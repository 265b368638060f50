"""How long a key takes to be seen in another terminal: a detached sweep of gpt-bytes on every core, watched by three.

    OMP_NUM_THREADS=1 python benchmarks/control_latency.py [--keys 90] [--terminals 3] [--workers CORES]

Each terminal is `flopsfit-tui watch DIR` in a pty of 80 x 24. Pause, resume, and one worker more or less are pressed in
a terminal drawn at random, at random moments; each is timed from the key until the output that shows its effect has
come back from every other terminal: `paused` or the running clock in the title for the first two, the notice that names
the terminal for workers. Prints the quantiles over the other terminals; exits with 1 where the 95th percentile misses
its bound.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from terminal import Terminal, app, load

from flopsfit_tui.store.directory import sweeping_process

BOUND_MS = 300.0
AWAKE = 0.3, 1.5  # seconds between two keys
PATIENCE = 20.0  # seconds until an effect counts as lost
START_SECONDS = 180.0
EFFECTS = {"pause": r"paused", "resume": r"following", "+": r": \d+ worker", "-": r": \d+ worker"}


def pump(terminals: list[Terminal], seconds: float) -> None:
    """Take in what all of them write, so that none waits for its reader."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for terminal in terminals:
            terminal.read(min(left, 0.002))


def press(terminals: list[Terminal], actor: Terminal, kind: str) -> list[float]:
    """Press a key in one terminal; seconds until each of the others showed what came of it."""
    for terminal in terminals:
        while terminal.read(0.0):
            pass
        terminal.forget()
    at = actor.press("p" if kind in ("pause", "resume") else kind)
    taken, missing = [], [terminal for terminal in terminals if terminal is not actor]
    while missing:
        if time.monotonic() - at > PATIENCE:
            raise TimeoutError(f"{kind} was not seen; the last that came: {missing[0].text[-1500:]!r}")
        for terminal in terminals:
            if terminal.read(0.001) and terminal in missing and re.search(EFFECTS[kind], terminal.text):
                taken.append(time.monotonic() - at)
                missing.remove(terminal)
    return taken


def measure(terminals: list[Terminal], keys: int) -> dict[str, list[float]]:
    """Seconds by kind of key."""
    found: dict[str, list[float]] = {kind: [] for kind in EFFECTS}
    paused, more = False, True
    for _ in range(keys):
        pump(terminals, random.uniform(*AWAKE))
        kind = random.choice(["whole", "workers"])
        if kind == "whole":
            kind, paused = ("resume" if paused else "pause"), not paused
        else:
            kind, more = ("+" if more else "-"), not more
        found[kind] += press(terminals, random.choice(terminals), kind)
    return found


def main() -> int:
    """Print everything; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=90)
    parser.add_argument("--terminals", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name) / "sweep"
        options = ["--budgets", "1e12,2e12", "--workers", str(given.workers), "--out", str(directory)]
        subprocess.run(app("run", "gpt-bytes", "--detach", *options), check=True, stdout=subprocess.DEVNULL)
        try:
            terminals = [
                stack.enter_context(Terminal(app("watch", str(directory)), 80, 24)) for _ in range(given.terminals)
            ]
            end = time.monotonic() + START_SECONDS
            while not all("following" in terminal.text and "Pause" in terminal.text for terminal in terminals):
                pump(terminals, 0.1)
                if time.monotonic() > end:
                    raise TimeoutError("the terminals did not connect")
            found, busy = measure(terminals, given.keys), load()
        finally:
            if (process := sweeping_process(directory)) is not None:
                os.kill(process, 15)
            while sweeping_process(directory) is not None:
                time.sleep(0.1)
    for kind, seconds in found.items():
        if seconds:
            print(f"{kind:8} {len(seconds):4} effects: {quantiles(seconds)}")
    everything = [seconds for each in found.values() for seconds in each]
    print(f"all      {len(everything):4} effects: {quantiles(everything)}   (bound of the p95: {BOUND_MS:.0f} ms)")
    print(f"{given.terminals} terminals, {given.workers} workers   ({busy})")
    return int(1000 * np.quantile(everything, 0.95) > BOUND_MS)


def quantiles(seconds: list[float]) -> str:
    """The middle, the 95th percentile and the largest, in milliseconds."""
    middle, high, most = 1000 * np.quantile(seconds, [0.5, 0.95, 1.0])
    return f"p50 {middle:5.1f} ms, p95 {high:5.1f} ms, max {most:5.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
