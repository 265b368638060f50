"""The one door to torch: what a worker can be asked to do, and the doing of it.

Jobs are plain data, so that the app, the headless run and the command line can plan and train without loading torch
themselves; `perform` loads it where the job is done.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from flopsfit_tui.core.events import Event
from flopsfit_tui.core.trial import Plan, Recipe, Request, Size, Trial, content_hash
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.estimate import Rehearsal
from flopsfit_tui.plan.grid import Knob, expected_params, plan_point

BEYOND = (
    1,
    10,
    100,
)  # sizes are also measured around the optimum expected at so many times the largest budget


@dataclass(frozen=True)
class MakePlan:
    """Measure the model's sizes and lay out the trials; the result is a Plan."""

    request: Request


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


Job = MakePlan | Rehearse | Train


def perform(job: Job) -> Generator[Event, None, Any]:
    """Do a job here. Yields events; the generator's return value is the job's result.

    Raises ValueError or TypeError with one clear sentence for what the person who asked can mend.
    """
    match job:
        case MakePlan(request):
            return make_plan(request)
        case Rehearse():
            try:
                return rehearse(job)
            except (ArithmeticError, RuntimeError):  # such as out of memory: its trials will say so, with a traceback
                return None
        case Train():
            from flopsfit_tui.train.loop import train_trial

            yield from train_trial(_resolve(job.workload), job.trial, job.recipe, job.device)
    return None


def _resolve(reference: Any) -> Workload:
    return reference if isinstance(reference, Workload) else _resolve_name(reference)


@lru_cache(maxsize=4)
def _resolve_name(reference: str) -> Workload:
    from flopsfit_tui.workloads import resolve

    return resolve(reference)


def make_plan(request: Request) -> Plan:
    """The plan that a request means, with every size measured on the `meta` device.

    Raises ValueError naming the budget or size that cannot be planned, and what would have worked.
    """
    workload = _resolve(request.workload)
    recipe = Recipe(request.learning_rate or workload.learning_rate, workload.base_size)
    batch_size = request.batch_size or workload.batch_size
    tokens_per_sample = workload.dataset.tokens_per_sample
    budgets = request.budgets or tuple(workload.budgets)
    knob = _knob(workload, request.sizes or workload.sizes)
    identity = _identity(workload, recipe)
    expected = tuple(expected_params(c, workload.first_guess) for c in budgets)
    trials: list[Trial] = []
    for budget, centre in zip(budgets, expected, strict=True):
        sizes = request.sizes or knob.ladder(centre, request.points or workload.points)
        for size in sizes:
            trials += plan_point(
                budget, knob.measure(size), request.seeds, batch_size, tokens_per_sample, recipe, identity
            )
    measured = {t.size for t in trials}
    if not request.sizes:
        for times in BEYOND:
            centre = expected_params(budgets[-1] * times, workload.first_guess)
            measured |= {knob.settings[knob.nearest(centre * factor)] for factor in (0.5, 0.7, 1.0, 1.4, 2.0)}
    return Plan(
        workload=workload.name,
        identity=identity,
        size_name=workload.model_size_param,
        unit=workload.unit,
        tokens_per_sample=tokens_per_sample,
        dataset_samples=workload.dataset.samples,
        recipe=recipe,
        budgets=budgets,
        expected=expected,
        sizes=tuple(sorted((knob.measure(s) for s in measured), key=lambda s: s.size)),
        trials=tuple(trials),
        notes=tuple(workload.notes),
    )


def _knob(workload: Workload, settings: tuple[int, ...]) -> Knob:
    from flopsfit_tui.train.measure import build_model, count_params, measure_size

    sample = next(iter(workload.dataset.batches(2, seed=0)))
    tokens = 2 * workload.dataset.tokens_per_sample

    @cache
    def measure(size: int) -> Size:
        return measure_size(workload, size, sample, tokens)

    @cache
    def params(size: int) -> int:
        return count_params(build_model(workload, size, "meta"))

    return Knob(settings, params, measure)


def _identity(workload: Workload, recipe: Recipe) -> str:
    return content_hash(
        {
            "name": workload.name,
            "size_param": workload.model_size_param,
            "model_kwargs": dict(workload.model_kwargs),
            "settings": dict(workload.settings),
            "data": [workload.dataset.fingerprint, workload.val_dataset.fingerprint],
            "recipe": vars(recipe),
        }
    )


def rehearse(job: Rehearse, at_least: float = 0.5) -> Rehearsal:
    """Time training steps of one size for about `at_least` seconds, and one batch of the held-out data."""
    from flopsfit_tui.train import simulated
    from flopsfit_tui.train.device import peak_memory, pick_device
    from flopsfit_tui.train.loop import EVAL_BATCH, Training, evaluate

    workload = _resolve(job.workload)
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
