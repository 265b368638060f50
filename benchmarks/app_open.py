"""How fast a large finished sweep opens in the app, how long its longest frame is, and how much memory it takes.

    OMP_NUM_THREADS=1 python benchmarks/app_open.py [--trials 1000|2400] [--rows 1000] [--dir DIR] [--repeat 5]

Writes a sweep of 1,000 trials (20 budgets x 10 sizes x 5 seeds) or 2,400 (40 x 20 x 3) with 1,000 progresses each,
once, then opens it as the user does, in a pty of 160 x 50: from the start of the process until losses stand in the
table and the dots on the plot. Then it scrolls, filters and switches plots, while a task in the app's event loop wakes
every 5 ms: the longest time that it could not is the longest frame. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from large_sweep import make_plan, write_sweep
from terminal import Terminal, app, load

SECONDS, FRAME_MS, MEGABYTES = 1.5, 100.0, 400.0  # the bounds
SHAPES = {1000: (20, 10, 5), 2400: (40, 20, 3)}  # trials: budgets, sizes, seeds
DRAWN = (r"[✓★] \d\.\d{3}", r"loss by params N|log x +●")  # a loss in the table, the plot's caption or its legend


def open_once(directory: Path) -> tuple[float, float, float]:
    """Seconds from the start to everything drawn, those of the processor until then, the most memory a second later, in
    MB."""
    with Terminal(app("open", str(directory))) as terminal:
        drawn = terminal.until(lambda text: all(re.search(pattern, text) for pattern in DRAWN))
        seconds = drawn - terminal.started
        spent = terminal.processor_seconds()
        settle(terminal, 1.5)
        return seconds, spent, terminal.megabytes("VmHWM")


def settle(terminal: Terminal, seconds: float) -> None:
    """Go on for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(end - time.monotonic())
    terminal.forget()


PHASES: dict[str, list[str]] = {
    "opening": [],
    "scrolling the points": ["down"] * 30 + ["right"] * 25 + ["pagedown"] * 5 + ["left"] * 25,
    "scrolling the trials": ["2"] + ["down"] * 60 + ["pagedown"] * 20 + ["end", "home"] + ["pagedown"] * 20,
    "filtering": ["2", "/", *"budget>1e20", "enter", "/", "escape"],
    "switching plots": ["4", "5", "6", "3", "l", "l", "4", "3", "6", "5", "4", "3"],
    "one panel alone": ["z", "1", "2", "3", "4", "5", "6", "z"],
    "a trial and back": ["2", "enter", "escape", "down", "enter", "escape"],
    "the optimum and back": ["o", "escape"],
}


def frames(directory: Path, columns: int, rows: int) -> tuple[dict[str, list[tuple[float, float]]], float]:
    """For each phase the longest stalls of the event loop in ms, with the loop thread's own CPU ms; the peak in MB."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        command = [sys.executable, __file__, "--stalls-to", file.name, "--dir", str(directory)]
        spans: dict[str, tuple[float, float]] = {}
        with Terminal(command, columns, rows) as terminal:
            begun = terminal.started
            terminal.until(DRAWN[0])
            settle(terminal, 2.0)
            for phase, keys in PHASES.items():
                for key in keys:
                    terminal.press(key)
                    settle(terminal, 0.05 if key in ("down", "left", "right") else 0.25)
                settle(terminal, 0.6)
                spans[phase] = begun, time.monotonic()
                begun = time.monotonic()
            settle(terminal, 0.3)  # what closing takes is no frame
            peak = terminal.megabytes("VmHWM")
        stalls = [tuple(stall) for stall in json.load(file)]
    return {
        phase: sorted(((ms, cpu) for at, ms, cpu in stalls if start <= at < end), reverse=True)[:3]
        for phase, (start, end) in spans.items()
    }, peak


def watch_frames(directory: Path, to: Path) -> None:
    """The app itself, with a task that notes when it could not run in time: (when, ms, CPU ms of the UI thread)."""
    from flopsfit_tui.core.options import Options
    from flopsfit_tui.core.trial import Request
    from flopsfit_tui.tui import launch
    from flopsfit_tui.tui.app import FlopsfitApp

    stalls: list[tuple[float, float, float]] = []

    class Watched(FlopsfitApp):
        def on_mount(self) -> None:
            super().on_mount()
            self.watching = asyncio.ensure_future(self.note_stalls())

        async def note_stalls(self) -> None:
            while True:
                before, spent = time.monotonic(), time.thread_time()
                await asyncio.sleep(0.005)
                late = 1000 * (time.monotonic() - before) - 5
                if late > 5:
                    stalls.append((before, late, 1000 * (time.thread_time() - spent)))

    launch.run(Watched(Options(Request("large"), out=directory), reading=directory))
    to.write_text(json.dumps(stalls))


def main() -> int:
    """Print everything; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, choices=SHAPES, default=1000)
    parser.add_argument("--rows", type=int, default=1000, help="progresses of each trial")
    parser.add_argument("--dir", type=Path, help="where the sweep is written, and found again")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--stalls-to", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stalls_to:
        watch_frames(given.dir, given.stalls_to)
        return 0
    directory = given.dir or Path(tempfile.gettempdir()) / f"flopsfit-large-{given.trials}x{given.rows}"
    write_sweep(directory, make_plan(*SHAPES[given.trials], steps=given.rows), given.rows)
    open_once(directory)  # files into the cache
    opened = [(*open_once(directory), load()) for _ in range(given.repeat)]
    for seconds, spent, peak, busy in opened:
        print(f"open: {seconds:.2f} s to losses and dots, {spent:.2f} of the processor, {peak:.0f} MB at most ({busy})")
    worst = 0.0
    for columns, rows in ((160, 50), (200, 60)):
        found, peak = frames(directory, columns, rows)
        print(f"{columns} x {rows}: {peak:.0f} MB at its most   ({load()})")
        for phase, longest in found.items():
            print(f"  {phase:24}" + "  ".join(f"{ms:5.0f} ms ({cpu:.0f} its own)" for ms, cpu in longest))
            if phase != "opening":  # whose bound is its seconds
                worst = max([worst, *(ms for ms, _ in longest)])
    middle, most = statistics.median(one[0] for one in opened), max([peak, *(one[2] for one in opened)])
    print(f"open {middle:.2f} s (bound {SECONDS}), longest frame {worst:.0f} ms ({FRAME_MS:.0f}), ", end="")
    print(f"{most:.0f} MB ({MEGABYTES:.0f})")
    return int(middle > SECONDS or worst > FRAME_MS or most > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
