"""From runs to the answer: fit, parabolas, one optimum a budget, and the warnings; one for a sweep and a table alike.

A pure function of the runs; front ends call it after each ended trial, off their drawing thread.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.core.options import BEYOND
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit import (
    Cost,
    Fit,
    FitWarning,
    Form,
    HoldOut,
    Parabola,
    PowerLaw,
    Recommendation,
    diagnose_target,
    fit_law,
    hold_out,
    recommend,
    six_n,
)
from flopsfit_tui.fit.arrays import Mask
from flopsfit_tui.fit.budgets import curves, planned_curves
from flopsfit_tui.report.answer.runs import LeftOut, Runs, rows_named

BETWEEN = 1.5  # so far beyond the last size, as a factor in N, the nearest size is not the best one
NEAR = 1.05  # a budget so close to the data's range, as a factor, lies in it
SAME = 1e-9  # budgets that differ by less than this share are one
SHOWN = 8  # runs left out that a warning names


@dataclass(frozen=True)
class Point:
    """One dot of an IsoFLOP curve: the mean over the runs of one budget and size."""

    budget: float
    size: Setting | None  # of the knob; None where the runs have only params
    params: float
    tokens: float
    loss: float
    lowest: float  # of its runs
    highest: float
    trials: int


@dataclass(frozen=True)
class OptimumRow:
    """The optimum at one budget, by both methods. Bounds are None where the data do not give them."""

    budget: float
    kind: str  # measured: within the budgets that were run; extrapolated: beyond them, on either side
    params: float
    params_low: float | None
    params_high: float | None
    tokens: float
    tokens_per_param: float
    loss: float
    loss_low: float | None
    loss_high: float | None
    size: Setting | None  # the setting of the knob, among those known, that is best there
    method: str  # law; parabolas where they lead; parabola (of that budget) while there is no law
    tokens_low: float | None = None
    tokens_high: float | None = None
    parabola_params: float | None = None  # approach 2: the vertex there, or the vertices' power law
    parabola_note: str = ""  # why there is no vertex: "edge", "opens_downwards", "too_few"
    recommendation: Recommendation | None = None  # by the law, where the sizes that can be built are known
    params_noise_low: float | None = None  # of the noise alone; params_low and params_high include the law's own error
    params_noise_high: float | None = None
    params_bent_low: float | None = None  # if the law bends as the runs do, where they do not follow it
    params_bent_high: float | None = None

    @property
    def fitted_across_budgets(self) -> bool:
        """By the law, or the power law of the parabolas' minima where that leads; not one budget's own parabola."""
        return self.method != "parabola"


@dataclass(frozen=True)
class Analysis:
    """Everything that runs say so far."""

    runs: Runs
    points: tuple[Point, ...]  # in order of budget, then of params
    budgets: tuple[float, ...]  # of the plan, else those found in the runs; ascending
    fit: Fit
    held_out: HoldOut | None
    optimum: tuple[OptimumRow, ...]  # in order of budget
    targets: tuple[float, ...]  # the budgets that were asked for, as asked
    warnings: tuple[FitWarning, ...]

    @property
    def parabolas(self) -> tuple[Parabola, ...]:
        """Approach 2's, one a budget."""
        return self.fit.parabolas

    @property
    def power_laws(self) -> tuple[PowerLaw, PowerLaw] | None:
        """Of N_opt and D_opt, through the vertices of the parabolas."""
        return self.fit.power_laws

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Trials that ended and are not fitted, and why."""
        return self.runs.left_out

    @property
    def cost(self) -> Cost:
        """F(N), training FLOPs a token."""
        return self.runs.cost or six_n

    @property
    def main_target(self) -> float | None:
        """The budget that is always asked for: the first target, else ten times the largest; None without budgets."""
        largest = self.runs.planned[-1] if self.runs.planned else self.fit.largest_budget
        return self.targets[0] if self.targets else largest and largest * BEYOND[0]


def analyse(
    runs: Runs,
    targets: Sequence[float] = (),
    *,
    delta: float | None = None,
    full: bool = True,
    keep_all: bool = False,
    leave_out: Sequence[str] = (),
    form: Form | None = None,
) -> Analysis:
    """Fit the runs and say everything about it.

    targets: further budgets, in training FLOPs, at which the optimum is wanted; delta, keep_all, form: as for fit_law;
    leave_out: names of runs not to fit (a number is a line of the table). full: hold out the largest budget too, which
    takes as long as the fit itself. Never raises on thin or odd data: what cannot be said yet is simply not there.
    Raises ValueError for a target that is not positive.
    """
    for target in targets:
        if not (target > 0 and math.isfinite(target)):
            raise ValueError(f"a target is a positive number of FLOPs, e.g. 1e21; got {target!r}")
    fit = fit_law(
        runs.params,
        runs.tokens,
        runs.losses,
        delta=delta,
        groups=runs.groups,
        flops=runs.cost,
        unique_tokens=runs.unique_tokens,
        names=runs.names,
        budgets=runs.budgets,
        keep_all=keep_all,
        leave_out=rows_named(runs, leave_out),
        form=form,
    )
    held_out = None
    if full and fit.law is not None:
        kept = [values[fit.used] for values in (runs.params, runs.tokens, runs.losses)]
        planned = None if runs.budgets is None else runs.budgets[fit.used]
        held_out = hold_out(*kept, delta=delta, flops=runs.cost, whole=fit, budgets=planned)
    found, budgets = _points(runs, ~fit.excluded)
    analysis = Analysis(runs, found, budgets, fit, held_out, (), tuple(targets), ())
    rows = _rows(analysis)
    return Analysis(runs, found, budgets, fit, held_out, rows, tuple(targets), tuple(_warnings(analysis, rows)))


def points_of(runs: Runs) -> tuple[Point, ...]:
    """The dots alone, without the fit: a hundredth of its time."""
    return _points(runs, np.isfinite(runs.losses))[0]


def optimum_at(analysis: Analysis, budget: float) -> OptimumRow | None:
    """The optimum at any budget, in milliseconds; None while the runs determine none there."""
    fit, best = analysis.fit, analysis.fit.predict(budget)
    curve = next((c for c in fit.parabolas if math.isclose(c.budget, budget, rel_tol=SAME)), None)
    low, high = fit.smallest_budget or budget, fit.largest_budget or budget
    kind = "measured" if low / NEAR <= budget <= high * NEAR else "extrapolated"
    vertex = curve.vertex if curve and curve.status == "ok" else None
    second = vertex.value if vertex else None
    if second is None and curve is None and fit.power_laws:
        second = float(fit.power_laws[0](budget))
    note = curve.status if curve and curve.status != "ok" else ""
    known = analysis.runs.known_sizes
    if best is not None:
        found = recommend(fit, budget, [s for s, _ in known], [n for _, n in known], best=best) if known else None
        size = found.choice.size if found else None
        return OptimumRow(
            budget, kind, best.params, best.params_low, best.params_high, best.tokens, best.tokens_per_param,
            best.loss, best.loss_low, best.loss_high, size, best.method,
            best.tokens_low, best.tokens_high, second, note, found, best.params_noise_low, best.params_noise_high,
            best.params_bent_low, best.params_bent_high,
        )  # fmt: skip
    if curve and vertex and curve.tokens and curve.loss:
        size = min(known, key=lambda s: abs(math.log(s[1] / vertex.value)))[0] if known else None
        return OptimumRow(
            budget, kind, vertex.value, vertex.low, vertex.high, curve.tokens, curve.tokens / vertex.value,
            curve.loss, None, None, size, "parabola", None, None, second, note,
        )  # fmt: skip
    return None


def _rows(analysis: Analysis) -> tuple[OptimumRow, ...]:
    """One row for each budget that was run, for those asked for, and so far beyond as a law reaches."""
    runs, fit = analysis.runs, analysis.fit
    budgets = list(runs.planned) or [curve.budget for curve in fit.parabolas if curve.status != "too_few"]
    largest = runs.planned[-1] if runs.planned else fit.largest_budget
    budgets += [largest * times for times in BEYOND] if largest and fit.law else []
    budgets += [b for b in analysis.targets if not any(math.isclose(b, other, rel_tol=SAME) for other in budgets)]
    rows = (optimum_at(analysis, budget) for budget in sorted(set(budgets)))
    return tuple(row for row in rows if row)


def _points(runs: Runs, used: Mask) -> tuple[tuple[Point, ...], tuple[float, ...]]:
    """The dots, and the budgets they belong to."""
    rows = np.flatnonzero(used)
    params, tokens = runs.params[rows], runs.tokens[rows]
    if runs.budgets is None:
        found = curves((runs.cost or six_n)(params) * tokens, params) if rows.size else []
    else:
        found = planned_curves(runs.budgets[rows])
    points = [point for curve in found for point in _curve_points(runs, curve.budget, rows[curve.rows].tolist())]
    return tuple(points), runs.planned or tuple(curve.budget for curve in found)


def _curve_points(runs: Runs, budget: float, rows: Sequence[int]) -> Iterator[Point]:
    grouped: dict[tuple[float, float, Setting | None], list[int]] = defaultdict(list)
    for row in rows:
        size = runs.sizes[row] if runs.sizes else None
        grouped[(float(runs.params[row]), float(runs.tokens[row]), size)].append(row)
    for _, same in sorted(grouped.items(), key=lambda item: (*item[0][:2], str(item[0][2]))):
        size = runs.sizes[same[0]] if runs.sizes else None
        losses = [float(runs.losses[row]) for row in same]
        n, d = float(runs.params[same[0]]), float(runs.tokens[same[0]])
        mean = sum(losses) / len(losses)
        yield Point(budget, size, n, d, mean, min(losses), max(losses), len(losses))


def _warnings(analysis: Analysis, rows: Sequence[OptimumRow]) -> Iterator[FitWarning]:
    """Of the table, of the trials left out, of the fit, of the sizes, of the budget held out, of the targets."""
    seen = set()
    complete = analysis.fit.largest_budget == analysis.budgets[-1] if analysis.budgets else False
    usual = (analysis.main_target,) if analysis.main_target and complete else ()
    targets = analysis.targets or usual
    for warning in (
        *analysis.runs.warnings,
        *_left_out(analysis.left_out),
        *analysis.fit.warnings,
        *_beyond_sizes(analysis.runs, rows),
        *(analysis.held_out.warnings if analysis.held_out else ()),
        *(warning for target in targets for warning in diagnose_target(analysis.fit, target)),
    ):
        if warning not in seen:
            seen.add(warning)
            yield warning


def _left_out(left_out: Sequence[LeftOut]) -> Iterator[FitWarning]:
    left_out = [one for one in left_out if not one.planned]
    if left_out:
        are = f"{len(left_out)} trials that ended are" if len(left_out) > 1 else "a trial that ended is"
        each = "; ".join(f"{one.name}: {one.reason.rstrip('.')}" for one in left_out[:SHOWN])
        more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        yield FitWarning("left_out", f"{are} not fitted ({each}{more}).")


def _beyond_sizes(runs: Runs, rows: Sequence[OptimumRow]) -> Iterator[FitWarning]:
    """A warning for budgets that were run, whose best size lies beyond every size that was measured."""
    if not runs.known_sizes or not runs.planned:
        return
    ascending = sorted(runs.known_sizes, key=lambda s: s[1])
    smallest, largest = ascending[0], ascending[-1]
    measured = [row for row in rows if row.kind == "measured"]
    below = [row for row in measured if row.params < smallest[1] / BETWEEN]
    above = [row for row in measured if row.params > largest[1] * BETWEEN]
    for (size, params), word, beyond in (
        (smallest, "below the smallest", below),
        (largest, "above the largest", above),
    ):
        if beyond:
            budgets = ", ".join(format_flops(row.budget) for row in beyond)
            yield FitWarning(
                "beyond_sizes",
                f"the best size for {budgets} FLOPs lies {word} size measured ({runs.size_name} {size}, "
                f"{format_count(params)} params): no run shows it. Run sizes there, if the model can be built so.",
            )
