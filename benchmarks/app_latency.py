"""How long a key takes to be seen while every core trains: a real sweep of gpt-bytes in the app, in a pty of 160 x 50.

    OMP_NUM_THREADS=1 python benchmarks/app_latency.py [--keys 240] [--workers CORES] [--budgets 1.5e10,3e10,6e10]

Waits until as many trials run as there are workers, then presses keys at random moments: panels, the cursor, zoom, pan
and axes of a plot. Each is timed until the output that shows its effect has come back from the pty: for the cursor the
bytes that redraw it, for a panel its tab or title, and once more until its plot is there; for the other keys of a plot
until its next drawing is. Prints the quantiles for each kind of key; exits with 1 where a 95th percentile misses its
bound.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from terminal import Terminal, app, load

KEY_MS, PLOT_MS = 60.0, 200.0  # the 95th percentiles: of effects on tables and panels, and of plots
AWAKE = 0.05, 0.8  # seconds between two keys: at any moment of the redraws, which come every half second
CAPTIONS = {  # of a plot, or what stands there before there is anything to draw
    "3": "loss by params N|first finished trial",
    "4": "training loss by FLOPs",
    "5": "optimum by budget|growth appears",
    "6": "loss above the law|residuals appear",
}
TITLES = {"3": "IsoFLOP", "4": "Loss", "5": "Scaling", "6": "Residuals"}
VIEWS = {"]": "[", "[": "]", "pan": "nap", "nap": "pan", "a": "a"}  # keys of a plot that another undoes
BYTES = {"pan": "\x1b[1;2C", "nap": "\x1b[1;2D"}
EFFECT_BYTES = 40  # of a cursor that has moved; a mere redraw of the clock is told apart by being asked for beforehand


def effect(terminal: Terminal, key: str) -> float:
    """Press a key of a table; seconds until its effect came back."""
    drain(terminal)
    at = terminal.press(key)
    return terminal.until(lambda text: len(text) > EFFECT_BYTES, 5.0) - at


def panel(terminal: Terminal, key: str) -> tuple[float, float]:
    """Press a panel's key; seconds until its title came back, and until its plot did."""
    drain(terminal)
    named: list[float] = []
    at = terminal.press(key)

    def drawn(text: str) -> bool:
        if not named and TITLES[key] in text:
            named.append(time.monotonic() - at)
        return re.search(CAPTIONS[key], text) is not None

    shown = terminal.until(drawn, 5.0) - at
    return (named or [shown])[0], shown


def view(terminal: Terminal, key: str, plot: str) -> float:
    """Press a key of a plot; seconds until it is drawn anew."""
    drain(terminal)
    at = terminal.press(BYTES.get(key, key))
    return terminal.until(CAPTIONS[plot], 5.0) - at


def drain(terminal: Terminal) -> None:
    """Read what has come; what comes after this was drawn later."""
    while terminal.read(0.0):
        pass
    terminal.forget()


def press_keys(terminal: Terminal, count: int) -> dict[str, list[float]]:
    """Seconds by kind: plots that are not in sight, of which two are, changes of the view, moves of the cursor."""
    taken: dict[str, list[float]] = {"cursor": [], "panel": [], "panel's plot": [], "zoom, pan, axes": []}
    plot, moves, undo = "3", {"right": "left", "down": "up"}, ""
    for _ in range(count):
        end = time.monotonic() + random.uniform(*AWAKE)
        while (left := end - time.monotonic()) > 0:
            terminal.read(left)
            terminal.forget()
        kind = random.choice(["panel", "view", "cursor"])
        if kind == "panel" or (kind == "view" and plot == "4"):  # whose curves are drawn anew by themselves
            plot = random.choice("56" if plot in "34" else "34")
            named, shown = panel(terminal, plot)
            taken["panel"].append(named)
            taken["panel's plot"].append(shown)
            undo = ""
        elif kind == "view":
            key = undo or random.choice(list(VIEWS))
            undo = "" if undo else VIEWS[key]
            taken["zoom, pan, axes"].append(view(terminal, key, plot))
        else:
            key = random.choice(list(moves))
            moves[moves.pop(key)] = key
            taken["cursor"].append(effect(terminal, key))
    return taken


def main() -> int:
    """Print everything; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=240)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--budgets", default="1.5e10,3e10,6e10")
    given = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as directory:
        command = ["run", "gpt-bytes", "--workers", str(given.workers), "--budgets", given.budgets]
        with Terminal(app(*command, "--seeds", "4", "--out", str(Path(directory) / "sweep"))) as terminal:
            terminal.until(r"tokens/s", 120)
            terminal.press("3")
            terminal.until(r"loss by params N", 240)  # from the first finished trial on
            terminal.quiet(0.05, 2)
            taken = press_keys(terminal, given.keys)
            busy, megabytes = load(), terminal.megabytes()
    for kind, found in taken.items():
        print(f"{kind:15} {len(found):4} keys: {quantiles(found)}")
    keys = taken["cursor"] + taken["panel"]
    plots = taken["panel's plot"] + taken["zoom, pan, axes"]
    print(f"tables, panels  {len(keys):4} keys: {quantiles(keys)}   (bound of the p95: {KEY_MS:.0f} ms)")
    print(f"plots           {len(plots):4} keys: {quantiles(plots)}   (bound of the p95: {PLOT_MS:.0f} ms)")
    print(f"{given.workers} workers, {megabytes:.0f} MB   ({busy})")
    return int(1000 * np.quantile(keys, 0.95) > KEY_MS or 1000 * np.quantile(plots, 0.95) > PLOT_MS)


def quantiles(seconds: list[float]) -> str:
    """The middle, the 95th percentile and the largest, in milliseconds."""
    middle, high, most = 1000 * np.quantile(seconds, [0.5, 0.95, 1.0])
    return f"p50 {middle:5.1f} ms, p95 {high:5.1f} ms, max {most:5.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
