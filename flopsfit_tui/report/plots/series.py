"""What the plots draw: plain numbers, thinned, so that a plot costs the same for a short sweep and a long one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.fit import Cost, Law, Parabola
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, Point

SAMPLES = 64  # of a smooth curve: more than a terminal's columns resolve
SKIPPED = 0.005  # of a curve, at its start
MOST_LINES = 60  # loss curves drawn at once; more are a smear, and slow


@dataclass(frozen=True)
class Dot:
    """A place on a plot, with the spread of what it is the mean of."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A polyline; x and y of one length."""

    x: tuple[float, ...]
    y: tuple[float, ...]


EMPTY = Line((), ())


@dataclass(frozen=True)
class IsoCurve:
    """One budget's loss against params: dots, the parabola through them, its minimum, and what the law says."""

    budget: float
    dots: tuple[Dot, ...]
    parabola: Line
    minimum: Dot | None  # low and high: the interval of its params
    law: Line


@dataclass(frozen=True)
class LossLine:
    """A trial's training loss against the FLOPs it has spent."""

    budget: int  # its place among the plan's budgets
    key: str
    bright: bool  # runs, or is pinned, or nothing runs
    line: Line


@dataclass(frozen=True)
class LossCurves:
    """The loss curves that are drawn, bright ones last, so that they lie on top; `hidden` more are not."""

    budgets: tuple[float, ...]  # of the plan
    lines: tuple[LossLine, ...]
    hidden: int


@dataclass(frozen=True)
class Scaling:
    """The optimum against the budget: params and tokens by the law with their bands, vertices of the parabolas."""

    params: Line
    params_low: Line
    params_high: Line
    tokens: Line
    vertices: tuple[tuple[float, Dot], ...]  # (budget, dot of params)
    targets: tuple[OptimumRow, ...]


@dataclass(frozen=True)
class Residuals:
    """How far every point lies off the law: (budget's place, params, ln L - ln law)."""

    budgets: tuple[float, ...]
    points: tuple[tuple[int, float, float], ...]


def isoflop_dots(budgets: Sequence[float], points: Sequence[Point]) -> tuple[IsoCurve, ...]:
    """One curve for each budget, in order, of dots alone: what there is before the first fit."""
    dots: dict[float, list[Dot]] = {budget: [] for budget in budgets}
    for p in points:
        dots[p.budget].append(Dot(p.params, p.loss, p.lowest, p.highest))
    return tuple(IsoCurve(budget, tuple(here), EMPTY, None, EMPTY) for budget, here in dots.items())


def isoflop_series(analysis: Analysis) -> tuple[IsoCurve, ...]:
    """One curve for each budget, in order; those without points are empty."""
    parabolas = {p.budget: p for p in analysis.parabolas}
    return tuple(
        iso_curve(curve.budget, curve.dots, parabolas.get(curve.budget), analysis.fit.law, analysis.cost)
        for curve in isoflop_dots(analysis.budgets, analysis.points)
    )


def iso_curve(budget: float, dots: tuple[Dot, ...], parabola: Parabola | None, law: Law | None, cost: Cost) -> IsoCurve:
    """A budget's dots, in order of params, with what both methods say of them."""
    line, minimum, lawful = EMPTY, None, EMPTY
    if parabola and parabola.coefficients:
        grid = np.geomspace(parabola.smallest, parabola.largest, SAMPLES)
        line = _line(grid, parabola(grid))
        if parabola.status == "ok" and parabola.vertex and parabola.loss:
            vertex = parabola.vertex
            minimum = Dot(vertex.value, parabola.loss, vertex.low or math.nan, vertex.high or math.nan)
    if law and dots:
        grid = np.geomspace(dots[0].x, dots[-1].x, SAMPLES)
        lawful = _line(grid, law.loss(grid, budget / cost(grid)))
    return IsoCurve(budget, dots, line, minimum, lawful)


def loss_series(
    plan: Plan, trials: Iterable[TrialState], columns: int, pinned: frozenset[str] = frozenset()
) -> LossCurves:
    """The loss curves of `trials`, each thinned to about `columns` points evenly spaced in the log of the FLOPs.

    Running and pinned trials come first when there are more than can be shown, then the longest budgets' latest.
    """
    having = [t for t in trials if t.history]
    ranked = sorted(having, key=lambda t: (t.status != "running", t.trial.key not in pinned, -t.trial.budget))
    shown = ranked[:MOST_LINES]
    all_bright = not any(t.status == "running" for t in shown)
    lines = [
        LossLine(
            plan.budgets.index(t.trial.budget),
            t.trial.key,
            all_bright or t.status == "running" or t.trial.key in pinned,
            thin(t.history, t.trial.flops / t.trial.steps, columns),
        )
        for t in shown
    ]
    lines.sort(key=lambda line: line.bright)
    return LossCurves(plan.budgets, tuple(lines), len(having) - len(shown))


def thin(history: Sequence[tuple[int, float]], flops_per_step: float, columns: int) -> Line:
    """A curve's mean in each column of a log axis, without its first steps, which are a plateau before any learning."""
    curve = history if isinstance(history, Curve) else Curve(history)
    steps, losses = np.array(curve.steps, dtype=float), np.array(curve.losses)
    good = np.isfinite(losses) & (steps > SKIPPED * (steps[-1] if steps.size else 0))
    steps, losses = steps[good], losses[good]
    if steps.size > 2 and columns > 0:
        span = math.log(steps[-1] / steps[0]) or 1.0
        column = np.minimum((np.log(steps / steps[0]) / span * columns).astype(int), columns - 1)
        count = np.bincount(column)
        kept = count > 0
        losses = np.bincount(column, losses)[kept] / count[kept]
        steps = np.bincount(column, steps)[kept] / count[kept]
    return Line(tuple((steps * flops_per_step).tolist()), tuple(losses.tolist()))


def smoothed(values: Sequence[float], weight: float) -> Sequence[float]:
    """An exponential moving average without the bias of its start; `weight` is that of what came before, 0 to 1."""
    if not weight:
        return values
    mean, share, found = 0.0, 0.0, []
    for value in values:
        mean, share = weight * mean + (1 - weight) * value, weight * share + 1 - weight
        found.append(mean / share)
    return found


def scaling_series(analysis: Analysis) -> Scaling:
    """The optimum at every budget by what leads, the law or the parabolas' power law, and each parabola's own."""
    best, nan = [row for row in analysis.optimum if row.fitted_across_budgets], math.nan
    budgets = [row.budget for row in best]
    return Scaling(
        params=_line(budgets, [row.params for row in best]),
        params_low=_line(budgets, [row.params_low or nan for row in best]),
        params_high=_line(budgets, [row.params_high or nan for row in best]),
        tokens=_line(budgets, [row.tokens for row in best]),
        vertices=tuple(
            (p.budget, Dot(p.budget, p.vertex.value, p.vertex.low or nan, p.vertex.high or nan))
            for p in analysis.parabolas
            if p.status == "ok" and p.vertex
        ),
        targets=tuple(row for row in best if row.kind == "extrapolated"),
    )


def interpolate_log_log(line: Line) -> Line:
    """More places on a line that is straight between its own on log axes, for axes on which it bends; all are above 0
    and in order of x."""
    if len(line.x) < 2:
        return line
    grid = np.union1d(line.x, np.geomspace(line.x[0], line.x[-1], SAMPLES)[1:-1])
    return _line(grid, np.exp(np.interp(np.log(grid), np.log(line.x), np.log(line.y))))


def residual_series(analysis: Analysis) -> Residuals:
    """Every point's distance from the law, in log loss; empty while there is no law."""
    law = analysis.fit.law
    points = analysis.points if law else ()
    place = {budget: i for i, budget in enumerate(analysis.budgets)}
    return Residuals(
        analysis.budgets,
        tuple(
            (
                place[p.budget],
                p.params,
                math.log(p.loss) - math.log(float(law.loss(p.params, p.tokens))),
            )
            for p in points
            if law
        ),
    )


def _line(x: Iterable[float], y: Iterable[float]) -> Line:
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    return Line(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
