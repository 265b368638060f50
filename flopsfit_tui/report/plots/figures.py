"""The plots as matplotlib figures, for papers: what the terminal shows; needs the `plots` extra."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, NullLocator

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow
from flopsfit_tui.report.plots.series import Dot, isoflop_series, residual_series, scaling_series, thin
from flopsfit_tui.report.plots.ticks import log_ticks
from flopsfit_tui.store.base import HistoryRow

DPI = 150  # of a PNG
COLUMNS = 150  # of a loss curve: finer, the curves of a sweep hide one another
MOST_LABELS = 12  # of a legend: the colours between them are those of the budgets between them
MARKERS = "os^DvPXh"  # a budget has a shape beside its colour
DASHES = (0, (3, 2))
LINE_LABELS = {"law": "law", "parabolas": "through the parabolas"}
STAR: dict[str, Any] = {
    "marker": "*",
    "markersize": 12,
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "linestyle": "none",
}


def all_figures(plan: Plan, analysis: Analysis, history: Mapping[str, Sequence[HistoryRow]]) -> dict[str, Figure]:
    """Every figure by its file's name."""
    return {
        "isoflop": isoflop_figure(plan, analysis),
        "scaling": scaling_figure(plan, analysis),
        "loss_curves": loss_figure(plan, history),
        "residuals": residual_figure(plan, analysis),
    }


def as_png(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """The figures as PNG files, by the files' names."""
    files = {}
    for name, figure in figures.items():
        content = BytesIO()
        figure.savefig(content, format="png", dpi=DPI)
        files[f"{name}.png"] = content.getvalue()
    return files


def isoflop_figure(plan: Plan, analysis: Analysis) -> Figure:
    """Loss against N, one curve a budget (Chinchilla, arXiv 2203.15556, figure 3).

    Points with the spread of their seeds, the parabola, its vertex with the 95 % interval, and, dashed, the law.
    """
    figure, axes = _figure("parameters N", "held-out loss (nats)")
    _log(axes, "x", format_count)
    looks, curves = _looks(plan), isoflop_series(analysis)
    for look, curve in zip(looks, curves, strict=True):
        if curve.dots:
            _dots(axes, look, curve.dots)
            axes.plot(curve.parabola.x, curve.parabola.y, color=look.color, linewidth=1)
            axes.plot(curve.law.x, curve.law.y, color=look.color, linewidth=1, linestyle=DASHES)
    whole = axes.axis()  # intervals wider than the sizes that were run are cut
    for look, curve in zip(looks, curves, strict=True):
        if curve.minimum:
            at = curve.minimum
            axes.plot([at.low, at.high], [at.y, at.y], color=look.color, linewidth=4, alpha=0.3)
            axes.plot(at.x, at.y, color=look.color, **STAR)
    axes.axis(whole)
    if any(curve.law.x for curve in curves):
        axes.plot([], [], color="grey", linewidth=1, linestyle=DASHES, label="law")
    _legend(figure, axes, "FLOPs")
    return figure


def scaling_figure(plan: Plan, analysis: Analysis) -> Figure:
    """N_opt and D_opt against C: what leads with its 95 % band, dashed beyond the data, and the parabolas' vertices.

    Params and tokens are tied by C = F(N) D, so that an interval of the one is an interval of the other.
    """
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    _optimum(above, plan, analysis, lambda _, params: params)
    _optimum(below, plan, analysis, lambda budget, params: budget / analysis.cost(params))
    above.set_ylabel("compute-optimal parameters N")
    below.set_ylabel(f"compute-optimal {plan.unit} D")
    below.set_xlabel("training FLOPs C")
    _legend(figure, above, "")
    return figure


def loss_figure(plan: Plan, history: Mapping[str, Sequence[HistoryRow]]) -> Figure:
    """Training loss against the FLOPs spent, one line a trial, in its budget's colour."""
    figure, axes = _figure("training FLOPs spent", "training loss (nats)")
    looks = dict(zip(plan.budgets, _looks(plan), strict=True))
    named = set()
    for trial in plan.trials:
        line = thin([(row.step, row.loss) for row in history.get(trial.key, ())], trial.flops / trial.steps, COLUMNS)
        if line.x:
            look = looks[trial.budget]
            label = None if trial.budget in named else look.label
            named.add(trial.budget)
            axes.plot(line.x, line.y, color=look.color, linewidth=0.7, alpha=0.8, label=label)
    if named:
        _log(axes, "x", format_flops)
        _log(axes, "y", "{:g}".format)
    _legend(figure, axes, "FLOPs")
    return figure


def residual_figure(plan: Plan, analysis: Analysis) -> Figure:
    """How far every point lies off the law, in per cent of its loss, against N."""
    figure, axes = _figure("parameters N", "loss above the law (%)")
    _log(axes, "x", format_count)
    series = residual_series(analysis)
    axes.axhline(0, color="black", linewidth=0.8)
    for place, look in enumerate(_looks(plan)):
        here = [(params, 100 * off) for at, params, off in series.points if at == place]
        if here:
            x, y = zip(*here, strict=True)
            axes.plot(x, y, look.marker, color=look.color, markersize=4.5, label=look.label)
    _legend(figure, axes, "FLOPs")
    return figure


@dataclass(frozen=True)
class Look:
    """How a budget is drawn in every figure."""

    color: tuple[float, ...]
    marker: str
    label: str | None  # None: not in the legend


def _looks(plan: Plan) -> list[Look]:
    """One for each budget; of many, some are named: first, last, and others evenly between."""
    count = len(plan.budgets)
    named = {round(i) for i in np.linspace(0, count - 1, min(count, MOST_LABELS))}
    shades = colormaps["viridis"](np.linspace(0, 0.88, count))
    return [
        Look(tuple(map(float, shade)), MARKERS[i % len(MARKERS)], format_flops(plan.budgets[i]) if i in named else None)
        for i, shade in enumerate(shades)
    ]


def _dots(axes: Axes, look: Look, dots: Sequence[Dot]) -> None:
    x, y = [dot.x for dot in dots], np.array([dot.y for dot in dots])
    spread = np.abs(np.array([[dot.low for dot in dots], [dot.high for dot in dots]]) - y)
    axes.errorbar(
        x, y, spread if spread.any() else None, fmt=look.marker, color=look.color, markersize=4.5, label=look.label
    )


def _optimum(axes: Axes, plan: Plan, analysis: Analysis, of: Callable[[Array, Array], Array]) -> None:
    """The optimum against the budget; `of` says what is drawn of (budgets, params)."""
    _dress(axes)
    _log(axes, "x", format_flops)
    _log(axes, "y", format_count)
    rows = [row for row in analysis.optimum if row.fitted_across_budgets]
    budgets, best = np.array([row.budget for row in rows]), of(*_columns(rows, "params"))
    inside, last = budgets <= plan.budgets[-1], max((b for b in budgets if b <= plan.budgets[-1]), default=0.0)
    label = LINE_LABELS[rows[0].method] if rows else None
    axes.plot(budgets[inside], best[inside], color="black", linewidth=1.2, label=label)
    axes.plot(budgets[budgets >= last], best[budgets >= last], color="black", linewidth=1.2, linestyle=DASHES)
    axes.plot(budgets[~inside], best[~inside], "o", color="black", markerfacecolor="white")
    known = [row for row in rows if row.params_low and row.params_high and math.isfinite(row.params_high)]
    low, high = of(*_columns(known, "params_low")), of(*_columns(known, "params_high"))
    axes.fill_between([row.budget for row in known], low, high, color="black", alpha=0.12, linewidth=0)
    looks = dict(zip(plan.budgets, _looks(plan), strict=True))
    for budget, dot in scaling_series(analysis).vertices:
        at = of(np.full(3, budget), np.array([dot.y, dot.low, dot.high]))
        axes.plot([budget, budget], at[1:], color=looks[budget].color, linewidth=4, alpha=0.3)
        axes.plot(budget, at[0], color=looks[budget].color, **STAR)
    if rows:
        axes.plot([], [], color="white", label="parabola", **STAR)


def _columns(rows: Sequence[OptimumRow], name: str) -> tuple[Array, Array]:
    return np.array([row.budget for row in rows]), np.array([getattr(row, name) for row in rows], dtype=float)


def _figure(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    _dress(axes)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="black", alpha=0.08, linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(figure: Figure, axes: Axes, title: str) -> None:
    """Beside the plot, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        last = sorted(range(len(labels)), key=lambda i: labels[i] == "law")
        handles, labels = [handles[i] for i in last], [labels[i] for i in last]
        figure.legend(handles, labels, title=title, frameon=False, loc="outside right upper")


class RoundPlaces(Locator):
    """Ticks of a log axis at round numbers, as many as fit; also where it spans less than a decade."""

    def __init__(self, most: int, label: Callable[[float], str]) -> None:
        self.most, self.label = most, label

    def __call__(self) -> list[float]:
        assert self.axis
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """The places between two."""
        return [10**at for at, _ in log_ticks(vmin, vmax, self.most, self.label)] if 0 < vmin < vmax else []


def _log(axes: Axes, which: str, label: Callable[[float], str]) -> None:
    """Make one axis a log axis with ticks as the app has them: 31.6M, 3e10."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(RoundPlaces(8, label))
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))
    axis.set_minor_locator(NullLocator())
