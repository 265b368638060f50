"""What one waits for in the app: the refit of a large sweep after a trial, and large sweeps being opened.

    OMP_NUM_THREADS=1 python -m benchmarks --only live

In seconds of the processor, which other load on the machine moves less than those of the clock: the app reads, folds
and draws under one interpreter lock, so that on a machine that does nothing else both are about the same. The sweeps
are written once, to a folder of the machine's temporary ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from app_open import open_once
from large_sweep import make_plan, trial_events, write_sweep
from row import Repetition, Row, processor_seconds

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.tui.session import short_threads

SHARE = 0.9  # of the trials that have ended


def _refit() -> Repetition:
    """What the app does once a trial has ended: fit, and lay out what the plots draw of it."""
    plan = make_plan(20, 10, 5)
    outcomes: dict[str, Outcome] = {}
    for trial in plan.trials[: round(SHARE * len(plan.trials))]:
        ended = [event for event in trial_events(trial, 1) if isinstance(event, TrialEnded)]
        outcomes[trial.key] = ended[0].outcome
    return lambda: 1000 * processor_seconds(lambda: short_threads.fit(lambda _: None, plan, outcomes, (), 0))


def _opening(seeds: int, rows: int) -> Repetition:
    directory = Path(tempfile.gettempdir()) / f"flopsfit-large-{200 * seeds}x{rows}"
    directory.mkdir(exist_ok=True)
    write_sweep(directory, make_plan(20, 10, seeds), rows)
    return lambda: open_once(directory)[1]


def rows() -> Iterator[Row]:
    """Refit, opening."""
    yield Row("live refit of a sweep of 1,000 trials, of the processor", 100.0, False, "ms", _refit)
    yield Row("opening 1,000 trials x 1,000 progresses, of the processor", 1.0, False, "s", partial(_opening, 5, 1000))
    yield Row("opening 10,000 trials x 100 progresses, of the processor", 3.0, False, "s", partial(_opening, 50, 100))
