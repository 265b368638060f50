"""How much memory an hour of events at 200 a second leaves behind in the app: 720,000, folded as fast as it can.

    OMP_NUM_THREADS=1 python benchmarks/app_memory.py [--events 720000] [--trials 1000] [--trace]

The events of a large sweep, in batches as the sweeping thread sends them, through the app's own message queue into its
session, while its screen redraws as it does in use and somebody switches panels. Memory is the process's own (VmRSS),
after a tenth of the events and at the end, both after a collection. With --trace: which lines hold what is new, by
tracemalloc, which takes some minutes. Exits with 1 where the bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from large_sweep import make_plan, trial_events
from terminal import load

from flopsfit_tui.core.events import Event, SweepEnded, SweepStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.tui.app import FlopsfitApp, SessionUpdate
from flopsfit_tui.tui.session.messages import Events

MEGABYTES = 20.0  # the bound
BATCH = 20  # events a message: a tenth of a second's worth
PANELS = ("1", "4", "2", "5", "down", "6", "3")


def resident() -> float:
    """The process's memory in MB of 1e6 bytes."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / 1e6


def events_of(plan: Plan, count: int) -> Iterator[Event]:
    """A whole sweep of about `count` events, two trials at a time."""
    rows = count // len(plan.trials) - 2
    for pair in zip(plan.trials[::2], plan.trials[1::2], strict=True):
        for both in zip(*(trial_events(trial, rows) for trial in pair), strict=True):
            yield from both


async def stream(count: int, trials: int, trace: bool) -> float:
    """Feed the app; the growth in MB from a tenth of the events to all."""
    plan = make_plan(20, trials // 100, 5, steps=20_000)
    app = FlopsfitApp(Options(Request("large"), out=Path("nowhere")), reading=Path("nowhere"))
    app.session.open = lambda: None  # type: ignore[method-assign]  # nothing is read: what it would tell is told here
    async with app.run_test(size=(160, 50)) as pilot:
        app.post_message(SessionUpdate(app.session, Events([SweepStarted(plan, {}, 2, {})])))
        events, told, early = events_of(plan, count), 0, 0.0
        before: tracemalloc.Snapshot | None = None
        while batch := tuple(islice(events, BATCH)):
            app.post_message(SessionUpdate(app.session, Events(batch)))
            told += len(batch)
            if told % (BATCH * 25) == 0:  # five seconds of the sweep: let the app fold, and look at it
                await pilot.pause()
                app.screen.redraw()  # type: ignore[attr-defined]
            if told % (BATCH * 250) == 0:
                await pilot.press(PANELS[told // (BATCH * 250) % len(PANELS)])
            if told >= count // 10 and not early:
                early = resident()
                print(f"{told:9,} events: {early:.1f} MB", flush=True)
                before = begin_trace() if trace else None
            elif told % (count // 10) < BATCH and early:
                print(f"{told:9,} events: {resident():.1f} MB", flush=True)
        app.post_message(SessionUpdate(app.session, Events([SweepEnded("done")])))
        while app.app_state.stage != "ended":
            await asyncio.sleep(0.05)
        await pilot.pause()
        late = resident()
        state = app.app_state.state
        print(f"{told:9,} events: {late:.1f} MB, {state.count('finished')} trials finished")
        if before is not None:
            for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:15]:
                print("  ", line)
    return late - early


def begin_trace() -> tracemalloc.Snapshot:
    """Follow every allocation from here on."""
    tracemalloc.start()
    return tracemalloc.take_snapshot()


def main() -> int:
    """Print everything; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=720_000)
    parser.add_argument("--trials", type=int, default=1000, choices=[500, 1000, 2000])
    parser.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    grown = asyncio.run(stream(given.events, given.trials, given.trace))
    print(f"grown by {grown:.1f} MB (bound {MEGABYTES:.0f})   ({load()})")
    return int(grown > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
