"""The plots as matplotlib figures, for papers; needs the `plots` extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.analysis import Analysis
from flopsfit_tui.store.base import HistoryRow


def all_figures(plan: Plan, analysis: Analysis, history: Mapping[str, Sequence[HistoryRow]]) -> dict[str, Figure]:
    """Every figure by its file's name."""
    return {
        "isoflop": isoflop_figure(plan, analysis),
        "scaling": scaling_figure(plan, analysis),
        "loss_curves": loss_figure(plan, history),
    }


def isoflop_figure(plan: Plan, analysis: Analysis) -> Figure:
    """Loss against N, one curve a budget: points, parabola, its vertex (Chinchilla, arXiv 2203.15556, figure 3)."""
    figure, axes = _axes("parameters N", "held-out loss (nats)")
    axes.set_xscale("log")
    for budget, color in _colors(plan).items():
        points = [p for p in analysis.points if p.budget == budget]
        if not points:
            continue
        losses = np.array([p.loss for p in points])
        spread = np.abs(np.array([[p.lowest for p in points], [p.highest for p in points]]) - losses)
        params = [p.params for p in points]
        axes.errorbar(params, losses, spread, fmt="o", color=color, label=format_flops(budget), markersize=4)
        for parabola in analysis.parabolas:
            if parabola.budget == budget and parabola.coefficients:
                grid = np.geomspace(parabola.smallest, parabola.largest, 200)
                axes.plot(grid, parabola(grid), color=color, linewidth=1)
                if parabola.status == "ok" and parabola.vertex and parabola.loss:
                    axes.plot(parabola.vertex.value, parabola.loss, "*", color=color, markersize=11)
    if analysis.points:
        axes.legend(title="FLOPs", frameon=False)
    return figure


def scaling_figure(plan: Plan, analysis: Analysis) -> Figure:
    """N_opt against C: the law with its 95 % band, and the parabolas' vertices."""
    figure, axes = _axes("training FLOPs C", "compute-optimal parameters N")
    axes.set_xscale("log")
    axes.set_yscale("log")
    if analysis.fit.law and analysis.optimum:
        grid = np.geomspace(plan.budgets[0] / 2, analysis.optimum[-1].budget, 100)
        best = [b for b in (analysis.fit.predict(float(c)) for c in grid) if b]
        axes.plot([b.budget for b in best], [b.params for b in best], color="black", linewidth=1, label="law")
        if best and best[0].params_low is not None:
            low, high = [b.params_low or np.nan for b in best], [b.params_high or np.nan for b in best]
            axes.fill_between([b.budget for b in best], low, high, color="black", alpha=0.12, linewidth=0)
    for budget, color in _colors(plan).items():
        for parabola in analysis.parabolas:
            if parabola.budget == budget and parabola.status == "ok" and parabola.vertex:
                axes.plot(budget, parabola.vertex.value, "*", color=color, markersize=11)
    return figure


def loss_figure(plan: Plan, history: Mapping[str, Sequence[HistoryRow]]) -> Figure:
    """Training loss against the FLOPs spent, one line a trial, in its budget's colour."""
    figure, axes = _axes("training FLOPs spent", "training loss (nats)")
    axes.set_xscale("log")
    colors = _colors(plan)
    for trial in plan.trials:
        rows = history.get(trial.key, ())
        axes.plot([r.flops for r in rows], [r.loss for r in rows], color=colors[trial.budget], linewidth=0.7, alpha=0.8)
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _colors(plan: Plan) -> dict[float, tuple[float, ...]]:
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0, 0.88, len(plan.budgets)))
    return dict(zip(plan.budgets, (tuple(map(float, shade)) for shade in shades), strict=True))
