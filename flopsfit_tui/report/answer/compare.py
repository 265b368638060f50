"""Several sweeps beside each other: their optima at the same budgets, the ratios of these, and what was set otherwise.

A ratio's interval combines those of its two optima, which are independent, side by side in logs (Zou and Donner's
method for differences): each side's distances add as squares. Where a side of an optimum is open, so is the ratio's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.fit import Interval
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at

SAME_BUDGET = 1e-6  # budgets that differ by less than this share are one


@dataclass(frozen=True)
class Compared:
    """A sweep with a letter by which the rows name it."""

    letter: str
    name: str  # where it lies
    plan: Plan
    analysis: Analysis


@dataclass(frozen=True)
class Row:
    """The optima of all sweeps at one budget, and the ratio of each later one's N to the first's."""

    budget: float
    optima: tuple[OptimumRow | None, ...]
    ratios: tuple[Interval | None, ...]  # one fewer


@dataclass(frozen=True)
class Comparison:
    """What `compare` says."""

    sweeps: tuple[Compared, ...]
    rows: tuple[Row, ...]
    differences: tuple[tuple[str, tuple[str, ...]], ...]  # what, and its value in each sweep


def compare(sweeps: Sequence[tuple[str, Plan, Analysis]], targets: Sequence[float] = ()) -> Comparison:
    """Compare two or more sweeps at their budgets, and at `targets`, else ten times the largest budget.

    Raises ValueError for fewer than two.
    """
    if len(sweeps) < 2:
        raise ValueError("compare takes two sweeps or more; `flopsfit-tui list` shows their directories")
    compared = tuple(Compared(chr(ord("A") + i) if i < 26 else f"#{i + 1}", *sweep) for i, sweep in enumerate(sweeps))
    budgets: list[float] = []
    beyond = targets or [10 * max(plan.budgets[-1] for _, plan, _ in sweeps)]
    for budget in sorted([*(b for _, plan, _ in sweeps for b in plan.budgets), *beyond]):
        if not budgets or budget > budgets[-1] * (1 + SAME_BUDGET):
            budgets.append(budget)
    return Comparison(compared, tuple(_row(compared, budget) for budget in budgets), _differences(compared))


def _row(sweeps: Sequence[Compared], budget: float) -> Row:
    optima = tuple(optimum_at(sweep.analysis, budget) for sweep in sweeps)
    return Row(budget, optima, tuple(ratio(optima[0], other) for other in optima[1:]))


def ratio(first: OptimumRow | None, other: OptimumRow | None) -> Interval | None:
    """N_opt of the other over that of the first, with its 95 % interval; None where one of them has none."""
    if first is None or other is None:
        return None
    value = math.log(other.params / first.params)
    low = _distance(_down(other), _up(first))
    high = _distance(_up(other), _down(first))
    return Interval(
        math.exp(value),
        None if low is None else math.exp(value - low),
        None if high is None else math.exp(value + high),
    )


def _down(row: OptimumRow) -> float | None:
    return math.log(row.params / row.params_low) if row.params_low else None


def _up(row: OptimumRow) -> float | None:
    return math.log(row.params_high / row.params) if row.params_high and math.isfinite(row.params_high) else None


def _distance(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else math.hypot(one, other)


def _differences(sweeps: Sequence[Compared]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Settings of which the sweeps have more than one value."""
    facts = [settings(sweep.plan) for sweep in sweeps]
    names = dict.fromkeys(name for fact in facts for name in fact)
    found = ((name, tuple(fact.get(name, "–") for fact in facts)) for name in names)
    return tuple((name, values) for name, values in found if len(set(values)) > 1)


def settings(plan: Plan) -> dict[str, str]:
    """What a plan was made of, by name, as it is shown."""
    ladders = [plan.ladder(budget) for budget in plan.budgets]
    found = {
        "workload": plan.workload,
        "code and data": plan.identity[:12],
        "size knob": plan.size_name,
        "unit": plan.unit,
        "tokens per sample": str(plan.tokens_per_sample),
        "data": "endless" if plan.dataset_samples is None else f"{plan.dataset_samples:,} samples",
        "budgets": ", ".join(map(format_flops, plan.budgets)),
        "sizes": " ".join(map(str, dict.fromkeys(size for ladder in ladders for size in ladder))),
        "seeds": str(max(trial.seed for trial in plan.trials) + 1),
        "trials": str(len(plan.trials)),
        "batch size": ", ".join(map(str, sorted({trial.batch_size for trial in plan.trials}))),
    }
    found |= {field.name.replace("_", " "): str(getattr(plan.recipe, field.name)) for field in fields(plan.recipe)}
    return found | {name: str(value)[:60] for name, value in plan.model_kwargs.items()}
