"""What a plan will cost before it starts, and what is left of it while it runs: seconds and memory."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Plan, Trial, mfu


@dataclass(frozen=True)
class Timing:
    """A short timing of one size on the device that will train it."""

    size: Setting
    seconds_per_step: float
    eval_seconds: float  # the held-out loss, once
    memory_bytes: int  # peak of the process (or of the accelerator)
    device: str
    peak_flops: float = math.nan  # FLOP/s of a matrix product there; NaN where not measured
    free_bytes: int = 0  # of a GPU, for this process and others: what it holds itself counts as free; 0: no GPU


@dataclass(frozen=True)
class Estimate:
    """Predicted seconds of every trial, and of the sweep on its workers."""

    seconds: Mapping[str, float]  # by trial key
    total_seconds: float
    memory_bytes: int  # all workers together
    workers: int
    device: str
    mfu: Mapping[str, float] = field(default_factory=dict)  # expected model FLOPs utilisation, where the peak is known


def estimate(plan: Plan, rehearsals: Sequence[Timing], workers: int) -> Estimate:
    """Predict a plan's cost from timings of its extreme sizes.

    The time of a step is a fixed part plus a part in proportion to its FLOPs, drawn through the smallest and the
    largest size; both parts are at least zero. Without a timing nothing is predicted.
    """
    if not rehearsals:
        return Estimate({}, math.nan, 0, workers, "?")
    step_seconds = _line([(plan.flops_per_token(r.size), r.seconds_per_step) for r in rehearsals])
    eval_seconds = _line([(plan.flops_per_token(r.size), r.eval_seconds) for r in rehearsals])
    flops_per_token = {s.size: s.flops_per_token for s in plan.sizes}
    training = {t.key: t.steps * step_seconds(flops_per_token[t.size]) for t in plan.trials}
    seconds = {t.key: training[t.key] + eval_seconds(flops_per_token[t.size]) for t in plan.trials}
    known = [r.peak_flops for r in rehearsals if r.peak_flops > 0 and plan.recipe.nproc == 1]
    peak = max(known, default=math.nan)  # of one process: how long several take to exchange gradients is not timed
    used = {t.key: mfu(t.flops, training[t.key], peak) for t in plan.trials}
    return Estimate(
        seconds=seconds,
        total_seconds=makespan(seconds.values(), workers),
        memory_bytes=max(r.memory_bytes for r in rehearsals) * workers,
        workers=workers,
        device=rehearsals[0].device,
        mfu={key: share for key, share in used.items() if math.isfinite(share)},
    )


def _line(points: list[tuple[float, float]]) -> Callable[[float], float]:
    """The line through the outermost points, its slope and its start at zero both at least zero."""
    (x0, y0), (x1, y1) = min(points), max(points)
    slope = max(0.0, (y1 - y0) / (x1 - x0)) if x1 > x0 else 0.0
    start = y0 - slope * x0
    if start < 0:
        start, slope = 0.0, y1 / x1
    return lambda x: start + slope * x


def longest_first(trials: Iterable[Trial], seconds: Mapping[str, float]) -> list[Trial]:
    """The order to start trials in: longest predicted first, so that no worker idles at the end; FLOPs break ties."""
    return sorted(trials, key=lambda t: (-seconds.get(t.key, 0.0), -t.flops, t.params, str(t.size), t.seed))


def makespan(durations: Iterable[float], workers: int) -> float:
    """Seconds until all is done when each free worker takes the longest that is left."""
    free_at = [0.0] * max(1, workers)
    for duration in sorted(durations, reverse=True):
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def predicted_seconds(trials: Collection[Trial], cost: Estimate) -> float:
    """Time that some trials of a plan will take on its workers; NaN when nothing could be timed."""
    if trials and not cost.seconds:
        return math.nan
    return makespan((cost.seconds[trial.key] for trial in trials), cost.workers)


def seconds_left(state: SweepState) -> float:
    """Time to the end of a sweep: predictions, corrected by how long the trials really took so far; NaN if unknown."""
    took = promised = 0.0
    for key, now in state.trials.items():
        done = now.outcome.seconds if now.outcome else now.seconds
        if now.status in ("finished", "running") and done > 0 and key in state.predicted:
            took += done
            promised += state.predicted[key] * now.fraction
    pace = (took + 1.0) / (promised + 1.0)  # one second of faith in the prediction steadies the start
    left = [(key, now) for key, now in state.trials.items() if now.status in ("pending", "running")]
    if not state.predicted or any(key not in state.predicted for key, _ in left):
        return math.nan
    return makespan([state.predicted[key] * pace * (1 - now.fraction) for key, now in left], state.workers)
