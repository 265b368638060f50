"""A sweep's trials as runs, from its store or from the trials.csv that it wrote: the same to the last digit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Outcome, Plan, Size
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.fit import FitWarning, cost_of_tokens
from flopsfit_tui.plan.rates import rates_aside
from flopsfit_tui.report.answer.runs import LeftOut, Runs

UNTRAINED, NOT_POSITIVE = "no better than untrained", "zero or below"  # how such a reason begins, and ends
BY_HAND = "left out by hand"  # how the reason of a trial begins that the user keeps out
END_SHARE = 0.2  # of the points, with their best rate the lowest or the highest tried: said


@dataclass(frozen=True)
class Ended:
    """What an answer needs of a trial, ended or not."""

    key: str
    status: str
    budget: float
    size: Setting
    params: int
    tokens: int
    seed: int
    loss: float  # nan while it has none
    first_loss: float  # untrained; nan where it is not known
    error: str
    learning_rate: float = math.nan  # peak
    left_out: str | None = None  # why the user keeps it out of the fit; None: they do not


@dataclass(frozen=True)
class Sweep:
    """What the trials of a sweep have in common."""

    workload: str
    size_name: str
    unit: str
    budgets: tuple[float, ...]
    sizes: tuple[Size, ...]  # all that were measured
    bayes_loss: float | None = None
    unique_tokens: float | None = None
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] | None = None


def sweep_of(plan: Plan) -> Sweep:
    """The part of a plan that an answer needs beside its trials."""
    unique = plan.dataset_samples * plan.tokens_per_sample if plan.dataset_samples else None
    return Sweep(
        workload=plan.workload,
        size_name=plan.size_name,
        unit=plan.unit,
        budgets=plan.budgets,
        sizes=plan.sizes,
        bayes_loss=plan.bayes_loss,
        unique_tokens=unique,
        notes=plan.notes,
        recipe=vars(plan.recipe),
    )


def sweep_runs(plan: Plan, outcomes: Mapping[str, Outcome]) -> Runs:
    """The finished trials as runs, the others that ended as left out."""
    ended, by_hand = [], dict(plan.left_out)
    for t in plan.trials:
        outcome = outcomes.get(t.key)
        status, loss, first, error = "pending", math.nan, math.nan, ""
        if outcome:
            status, loss, first, error = outcome.status, outcome.loss, outcome.first_loss, outcome.error
        tokens = outcome.tokens if outcome and outcome.status == "finished" else t.tokens
        known = (t.key, status, t.budget, t.size, t.params, tokens, t.seed, loss, first, error)
        ended.append(Ended(*known, t.learning_rate, by_hand.get(t.key)))
    return runs_of(sweep_of(plan), ended)


def runs_of(sweep: Sweep, trials: Iterable[Ended]) -> Runs:
    """The trials whose loss can be fitted as runs, the others that ended as left out, with the reason."""
    trials = list(trials)
    several = len({trial.seed for trial in trials}) > 1
    aside = rates_aside(trials)
    used, left_out = [], []
    for trial in trials:
        if trial.status in ("pending", "running"):
            continue
        other_rate = aside.get(trial.key, "") if trial.left_out is None else ""
        if reason := other_rate or _reason(trial):
            name = _name(sweep, trial, several, rate=bool(aside))
            left_out.append(LeftOut(name, reason, trial.key, bool(other_rate)))
        else:
            used.append(trial)
    cost = cost_of_tokens([s.params for s in sweep.sizes], [s.flops_per_token for s in sweep.sizes])
    return Runs(
        name=sweep.workload,
        params=np.array([t.params for t in used], dtype=np.float64),
        tokens=np.array([t.tokens for t in used], dtype=np.float64),
        losses=np.array([t.loss for t in used], dtype=np.float64),
        names=tuple(_name(sweep, trial, several) for trial in used),
        notes=sweep.notes,
        budgets=np.array([t.budget for t in used], dtype=np.float64),
        sizes=tuple(t.size for t in used),
        known_sizes=tuple((s.size, float(s.params)) for s in sweep.sizes),
        cost=cost,
        planned=sweep.budgets,
        trials=len(trials),
        warnings=_best_at_the_end(trials, used) if aside else (),
        left_out=tuple(left_out),
        size_name=sweep.size_name,
        unit=sweep.unit,
        bayes_loss=sweep.bayes_loss,
        unique_tokens=sweep.unique_tokens,
        about={"workload": sweep.workload, "recipe": sweep.recipe, "sizes": sweep.sizes},
    )


def _reason(trial: Ended) -> str:
    """Why a trial that ended is not fitted; "" where it is."""
    if trial.left_out is not None:
        return f"{BY_HAND}: {trial.left_out}" if trial.left_out else BY_HAND
    if trial.status != "finished":
        lines = trial.error.strip().splitlines()
        return lines[-1] if lines else trial.status
    if not math.isfinite(trial.loss):
        return "its loss is not finite"
    if trial.loss <= 0:
        return f"its loss is {trial.loss:.4g}, {NOT_POSITIVE}, where the law has none"
    if trial.loss >= trial.first_loss:  # false when the first loss is not known (NaN)
        return f"{UNTRAINED}: {trial.loss:.3f}, from {trial.first_loss:.3f}"
    return ""


def _best_at_the_end(trials: Sequence[Ended], used: Sequence[Ended]) -> tuple[FitWarning, ...]:
    """A warning where the best rate is often the lowest or the highest of those tried."""
    rates: dict[tuple[float, Setting], set[float]] = defaultdict(set)
    for trial in trials:
        rates[trial.budget, trial.size].add(trial.learning_rate)
    points = {(t.budget, t.size): t.learning_rate for t in used if len(rates[t.budget, t.size]) > 2}
    low = sum(rate == min(rates[point]) for point, rate in points.items())
    high = sum(rate == max(rates[point]) for point, rate in points.items())
    if low + high <= END_SHARE * len(points):
        return ()
    message = (
        f"of {len(points)} points, {low} are best at the lowest rate tried and {high} at the highest: a better one may "
        "lie beyond. Give another learning_rate, or the rule that --check-recipe finds."
    )
    return (FitWarning("rates_at_end", message),)


def _name(sweep: Sweep, trial: Ended, several_seeds: bool, rate: bool = False) -> str:
    also = [f"seed {trial.seed}"] * several_seeds + [f"rate {trial.learning_rate:.3g}"] * rate
    return f"{sweep.size_name} {trial.size} at {format_flops(trial.budget)} FLOPs" + (
        f" ({', '.join(also)})" if also else ""
    )
