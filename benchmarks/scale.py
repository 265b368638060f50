"""Very large plans: how long 10,000 trials take to plan, and how many simulated trials a second are swept.

    OMP_NUM_THREADS=1 python -m benchmarks --only scale

Trials are simulated without a pause, so that what is timed is planning, recording and folding, not training. In seconds
of the processor; by the clock the disk comes to them, on which every trial is kept before the next is seen.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from row import Repetition, Row, processor_seconds

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.workloads import mock, simulated


def workload() -> Workload:
    """The simulated one, without the pause that lets a user watch."""
    return replace(simulated.workload(), simulate=mock.simulate)


def plan_of(trials: int) -> Plan:
    """So many trials: 20 budgets, 10 sizes, the rest seeds."""
    budgets = tuple(float(f"{c:.3g}") for c in np.geomspace(6e18, 3e21, 20))
    return make_plan(Request(workload(), budgets=budgets, points=10, seeds=max(1, trials // 200)))


def _planning() -> Repetition:
    return lambda: processor_seconds(lambda: plan_of(10_000))


def sweep(plan: Plan, most: int) -> tuple[float, float, int]:
    """Seconds of the first and of the last tenth of `most` trials, and the bytes by which memory grew between them."""
    directory = Path(tempfile.mkdtemp())
    store, state, executor = SqliteStore(directory), SweepState(), InThread()
    marks, memory, ended = [time.perf_counter()], 0, 0
    events = run_sweep(plan, workload(), executor, store)
    try:
        for event in events:
            state.apply(event)
            if isinstance(event, TrialEnded):
                ended += 1
                if ended % (most // 10) == 0:
                    marks.append(time.perf_counter())
                    if ended == most // 10:
                        memory = psutil.Process().memory_info().rss
                if ended == most:
                    break
        grown = psutil.Process().memory_info().rss - memory
    finally:
        events.close()  # type: ignore[attr-defined]
        store.close()
        executor.close()
        shutil.rmtree(directory)
    return marks[1] - marks[0], marks[-1] - marks[-2], grown


def _trials_a_second() -> Repetition:
    plan = plan_of(10_000)

    return lambda: len(plan.trials) / processor_seconds(lambda: sweep(plan, len(plan.trials)))


def rows() -> Iterator[Row]:
    """Planning and sweeping."""
    yield Row("a plan of 10,000 trials, of the processor", 5.0, False, "s", _planning)
    yield Row("simulated trials a second of the processor, of a plan of 10,000", 1000.0, True, "/s", _trials_a_second)
