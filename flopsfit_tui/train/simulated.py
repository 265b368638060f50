"""A trial whose loss comes from a known law: the events of training, while nothing is built, drawn or trained."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial

from flopsfit_tui.core.events import TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Outcome, Trial

DEVICE = "simulated"  # what an outcome names as its device
PROGRESS_EVENTS = 20  # progress events a trial
SECONDS = 0.1  # about what a trial takes where the law waits a little at each of them, for the user to watch


def simulate_trial(simulate: Callable[[Trial], float], trial: Trial) -> Iterator[TrialProgress | TrialEnded]:
    """The trial as the law has it: on the way the loss of a trial that ended there, at the end its own.

    Yields TrialProgress and, last, TrialEnded; when the law raises, its traceback is the outcome.
    """
    began = time.perf_counter()
    now, loss = truncated(trial, 0), math.nan
    try:
        for step in sorted({math.ceil(trial.steps * k / PROGRESS_EVENTS) for k in range(1, PROGRESS_EVENTS + 1)}):
            now = truncated(trial, step)
            loss = simulate(now)
            yield TrialProgress(trial.key, step, now.tokens, now.flops, loss, time.perf_counter() - began)
        yield TrialEnded(trial.key, _outcome(now, began, loss=loss))
    except Exception:  # noqa: BLE001 - whatever the law raises is this trial's outcome
        yield TrialEnded(trial.key, _outcome(now, began, error=traceback.format_exc()))


def leaves_no_trace(simulate: Callable[[Trial], float] | None) -> bool:
    """Whether a law is one of this package's, which changes nothing in its process; a user's may."""
    law = simulate.func if isinstance(simulate, partial) else simulate
    return getattr(law, "__module__", "").partition(".")[0] == __name__.partition(".")[0]


def truncated(trial: Trial, steps: int) -> Trial:
    """The same trial after so many of its steps."""
    spent = {
        "steps": steps,
        "samples": steps * trial.batch_size,
        "tokens": steps * (trial.tokens // trial.steps),
        "flops": steps * (trial.flops / trial.steps),
    }
    return Trial(**{**vars(trial), **spent})


def _outcome(now: Trial, began: float, loss: float = math.nan, error: str = "") -> Outcome:
    return Outcome(
        "failed" if error else "finished",
        steps=now.steps,
        samples=now.samples,
        tokens=now.tokens,
        flops=now.flops,
        loss=loss,
        train_loss=loss,
        seconds=time.perf_counter() - began,
        device=DEVICE,
        error=error,
    )
