"""The one door to torch: what a worker can be asked to do, and the doing of it.

Jobs are plain data, so that the app, the headless run and the command line can plan and train without loading torch
themselves; `perform` loads it where the job is done.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from flopsfit_tui.core.events import Event
from flopsfit_tui.core.trial import Plan, Recipe, Request, Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.estimate import Rehearsal
from flopsfit_tui.sweep.planning import lay_out, measure_one
from flopsfit_tui.sweep.travel import Packed


@dataclass(frozen=True)
class MakePlan:
    """Measure the model's sizes and lay out the trials; the result is a Plan."""

    request: Request


@dataclass(frozen=True)
class Measure:
    """Measure one more size: that setting of the knob, or the one nearest to `params`; the result is a Size."""

    workload: Any
    size: int | None
    params: float | None


@dataclass(frozen=True)
class Rehearse:
    """Time a few steps of one size; the result is a Rehearsal, or None when that size does not train."""

    workload: Any
    size: int
    batch_size: int
    recipe: Recipe
    device: str


@dataclass(frozen=True)
class Train:
    """Train a trial; yields its events, the last a TrialEnded."""

    workload: Any
    trial: Trial
    recipe: Recipe
    device: str


Job = MakePlan | Measure | Rehearse | Train


def perform(job: Job) -> Generator[Event, None, Any]:
    """Do a job here. Yields events; the generator's return value is the job's result.

    Raises ValueError or TypeError with one clear sentence for what the person who asked can mend.
    """
    match job:
        case MakePlan(request):
            return make_plan(request)
        case Measure(workload, size, params):
            return measure_one(resolve(workload), size, params)
        case Rehearse():
            try:
                return rehearse(job)
            except (ArithmeticError, RuntimeError):  # such as out of memory: its trials will say so, with a traceback
                return None
        case Train():
            from flopsfit_tui.train.loop import train_trial

            yield from train_trial(resolve(job.workload), job.trial, job.recipe, job.device)
    return None


def make_plan(request: Request) -> Plan:
    """The plan that a request means, with every size measured on the `meta` device.

    Raises ValueError or TypeError naming what cannot be planned, and what would have worked.
    """
    return lay_out(resolve(request.workload), request)


def resolve(reference: Any) -> Workload:
    """The workload meant by a name, a reference, a packed one or itself, ready to train; made ready once a process."""
    key = reference if isinstance(reference, str | Packed) else id(reference)
    if key not in _READY:
        from flopsfit_tui.train.ready import make_ready
        from flopsfit_tui.workloads import resolve as resolve_name

        while len(_READY) >= KEPT:
            del _READY[next(iter(_READY))]
        declared = reference.load() if isinstance(reference, Packed) else resolve_name(reference)
        _READY[key] = (reference, make_ready(declared))
    return _READY[key][1]


KEPT = 4
_READY: dict[str | int | Packed, tuple[Any, Workload]] = {}  # with what was given, so that no other object takes its id


def rehearse(job: Rehearse, at_least: float = 0.5) -> Rehearsal:
    """Time training steps of one size for about `at_least` seconds, and one batch of the held-out data."""
    from flopsfit_tui.train import simulated
    from flopsfit_tui.train.device import peak_memory, pick_device
    from flopsfit_tui.train.loop import EVAL_BATCH, Training, evaluate

    workload = resolve(job.workload)
    if workload.simulate is not None:
        return Rehearsal(job.size, 0.0, simulated.SECONDS, 0, simulated.DEVICE)
    device = pick_device(job.device)
    training = Training(workload, job.size, job.batch_size, 0, job.recipe, device)
    for _ in range(3):
        training.step(1e-3)
    steps, began = 0, time.perf_counter()
    while steps < 2 or time.perf_counter() - began < at_least:
        training.step(1e-3)
        steps += 1
    per_step = (time.perf_counter() - began) / steps
    evaluate(training.model, workload, device, batches=1)
    began = time.perf_counter()
    evaluate(training.model, workload, device, batches=1)
    held_out = workload.val_dataset.samples or EVAL_BATCH
    eval_seconds = (time.perf_counter() - began) * held_out / min(held_out, EVAL_BATCH)
    return Rehearsal(job.size, per_step, eval_seconds, peak_memory(device), device)
