"""From outcomes to the answer: fit, parabolas, one optimum a budget, and what to beware of.

A pure function of the plan and its outcomes; front ends call it after each ended trial, off their drawing thread.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.core.trial import Outcome, Plan, Trial
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.fit import (
    Fit,
    FitWarning,
    Parabola,
    PowerLaw,
    TokenCost,
    cost_of_tokens,
    fit_law,
    fit_parabolas,
    fit_power_laws,
)

BEYOND = (10.0, 100.0)  # the optimum is also given at so many times the largest budget


@dataclass(frozen=True)
class Point:
    """One dot of an IsoFLOP curve: the mean over the finished trials of a (budget, size) pair."""

    budget: float
    size: int
    params: int
    tokens: int
    loss: float
    lowest: float  # of its trials
    highest: float
    trials: int


@dataclass(frozen=True)
class OptimumRow:
    """A row of optimum.csv, its columns in order. Bounds are None where the data do not give them."""

    budget: float
    kind: str  # measured: a budget of the plan; extrapolated: beyond it
    params: float
    params_low: float | None
    params_high: float | None
    tokens: float
    tokens_per_param: float
    loss: float
    loss_low: float | None
    loss_high: float | None
    size: int  # the nearest setting of the knob that was measured
    method: str  # law, or parabola while there is no law


@dataclass(frozen=True)
class Analysis:
    """Everything that a sweep says so far."""

    points: tuple[Point, ...]
    fit: Fit
    cost: TokenCost
    parabolas: tuple[Parabola, ...]
    power_laws: tuple[PowerLaw, PowerLaw] | None  # of N_opt and D_opt, through the parabolas
    optimum: tuple[OptimumRow, ...]
    warnings: tuple[FitWarning, ...]
    left_out: tuple[tuple[Trial, str], ...]  # trials not fitted, and why


def analyse(plan: Plan, outcomes: Mapping[str, Outcome], targets: Sequence[float] = ()) -> Analysis:
    """Fit what has finished. Never raises on thin or odd data: what cannot be said yet is simply not there.

    `targets` are further budgets, in FLOPs, at which the optimum is wanted.
    """
    used, left_out = _split(plan, outcomes)
    losses = np.array([outcomes[t.key].loss for t in used])
    params = np.array([t.params for t in used], dtype=float)
    tokens = np.array([t.tokens for t in used], dtype=float)
    cost = cost_of_tokens([s.params for s in plan.sizes], [s.flops_per_token for s in plan.sizes])
    points = _means(used, outcomes)
    names = [_name(plan, trial) for trial in used]
    fit = fit_law(params, tokens, losses, flops=cost, names=names)
    parabolas = fit_parabolas(
        [p.budget for p in points], [p.params for p in points], [p.loss for p in points], flops=cost
    )
    extrapolated = sorted({plan.budgets[-1] * k for k in BEYOND} | {t for t in targets if t not in plan.budgets})
    rows = [_row(plan, budget, fit, parabolas) for budget in (*plan.budgets, *extrapolated)]
    return Analysis(
        points=points,
        fit=fit,
        cost=cost,
        parabolas=tuple(parabolas),
        power_laws=fit_power_laws(parabolas),
        optimum=tuple(sorted((r for r in rows if r), key=lambda r: r.budget)),
        warnings=fit.warnings,
        left_out=tuple(left_out),
    )


def _split(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[list[Trial], list[tuple[Trial, str]]]:
    """The trials whose loss can be fitted, and the others that ended, with the reason."""
    used: list[Trial] = []
    left_out: list[tuple[Trial, str]] = []
    for trial in plan.trials:
        outcome = outcomes.get(trial.key)
        if outcome is None:
            continue
        if outcome.status != "finished":
            reason = outcome.error.strip().splitlines()[-1] if outcome.error.strip() else outcome.status
            left_out.append((trial, reason))
        elif not (math.isfinite(outcome.loss) and outcome.loss > 0):
            left_out.append((trial, f"its loss is {outcome.loss}"))
        elif outcome.loss >= outcome.first_loss:  # false when the first loss is not known (NaN)
            left_out.append((trial, f"no better than untrained: {outcome.loss:.3f}, from {outcome.first_loss:.3f}"))
        else:
            used.append(trial)
    return used, left_out


def _name(plan: Plan, trial: Trial) -> str:
    """A trial as the warnings call it: "width 32 at 3e10 FLOPs"."""
    seed = f" (seed {trial.seed})" if plan.trials[-1].seed != plan.trials[0].seed else ""
    return f"{plan.size_name} {trial.size} at {format_flops(trial.budget)} FLOPs{seed}"


def points_of(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[Point, ...]:
    """The dots alone, without the fit: a hundredth of its time."""
    return _means(_split(plan, outcomes)[0], outcomes)


def _means(trials: Sequence[Trial], outcomes: Mapping[str, Outcome]) -> tuple[Point, ...]:
    grouped: dict[tuple[float, int], list[Trial]] = defaultdict(list)
    for trial in trials:
        grouped[trial.point].append(trial)
    points = []
    for (budget, size), same in sorted(grouped.items()):
        losses = [outcomes[t.key].loss for t in same]
        mean = sum(losses) / len(losses)
        points.append(Point(budget, size, same[0].params, same[0].tokens, mean, min(losses), max(losses), len(losses)))
    return tuple(points)


def optimum_at(plan: Plan, analysis: Analysis, budget: float) -> OptimumRow | None:
    """The optimum at any budget, in milliseconds; None while the losses determine none there."""
    return _row(plan, budget, analysis.fit, analysis.parabolas)


def _row(plan: Plan, budget: float, fit: Fit, parabolas: Sequence[Parabola]) -> OptimumRow | None:
    best, kind = fit.predict(budget), "measured" if budget in plan.budgets else "extrapolated"
    if best is not None:
        return OptimumRow(
            budget,
            kind,
            best.params,
            best.params_low,
            best.params_high,
            best.tokens,
            best.tokens_per_param,
            best.loss,
            best.loss_low,
            best.loss_high,
            nearest_size(plan, best.params),
            "law",
        )
    for parabola in parabolas:
        vertex, tokens, loss = parabola.vertex, parabola.tokens, parabola.loss
        if parabola.budget == budget and parabola.status == "ok" and vertex and tokens and loss:
            size = nearest_size(plan, vertex.value)
            return OptimumRow(
                budget,
                kind,
                vertex.value,
                vertex.low,
                vertex.high,
                tokens,
                tokens / vertex.value,
                loss,
                None,
                None,
                size,
                "parabola",
            )
    return None


def nearest_size(plan: Plan, params: float) -> int:
    """The measured setting of the knob whose N is nearest in log."""
    return min(plan.sizes, key=lambda s: abs(math.log(s.params / params))).size
