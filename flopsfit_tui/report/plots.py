"""The plots as text with ANSI colours, for the app and for a plain terminal: (series, width, height, palette) -> text.

A plot that cannot be drawn is a sentence saying why; none of these functions raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.canvas import Canvas, Ticks, logs
from flopsfit_tui.report.palette import Palette, glyph, mix
from flopsfit_tui.report.series import IsoCurve, LossCurves, Residuals, Scaling
from flopsfit_tui.report.ticks import Tick, linear_ticks, log_ticks

LEAST_WIDTH, LEAST_HEIGHT = 24, 7
Series = TypeVar("Series")
Plot = Callable[[Series, int, int, Palette], str]


def _guarded(plot: Plot[Series]) -> Plot[Series]:
    """Too small, or broken: a sentence in the plot's place."""

    @wraps(plot)
    def guarded(series: Series, width: int, height: int, palette: Palette) -> str:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return "too small to draw"
        try:
            return plot(series, width, height, palette)
        except Exception as error:  # noqa: BLE001 - a plot never ends the app; what went wrong stands in its place
            return f"this plot cannot be drawn ({type(error).__name__}: {error})"

    return guarded


@_guarded
def isoflop_plot(curves: Sequence[IsoCurve], width: int, height: int, palette: Palette) -> str:
    """Held-out loss against params on a log axis, one colour and glyph a budget; ★ the parabolas' minima."""
    return _isoflop(curves, width, height, palette, parabolas=True)


@_guarded
def isoflop_law_plot(curves: Sequence[IsoCurve], width: int, height: int, palette: Palette) -> str:
    """The same points under the law's curves: what the fit over all budgets says of each."""
    return _isoflop(curves, width, height, palette, parabolas=False)


def _isoflop(curves: Sequence[IsoCurve], width: int, height: int, palette: Palette, parabolas: bool) -> str:
    canvas = Canvas(width, height, palette)
    colors = palette.ramp(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        line = curve.parabola if parabolas else curve.law
        canvas.line(logs(line.x), line.y, mix(color, palette.background, 0.25))
    for i, (curve, color) in enumerate(zip(curves, colors, strict=True)):
        for dot in curve.dots:
            if dot.high > dot.low:
                canvas.line(logs((dot.x, dot.x)), (dot.low, dot.high), palette.dim(color))
        canvas.dots(logs(d.x for d in curve.dots), [d.y for d in curve.dots], color, glyph(i))
    for curve in curves:
        if curve.minimum and parabolas:
            canvas.dots(logs([curve.minimum.x]), [curve.minimum.y], palette.minimum, "★")
    if canvas.empty:
        return "the first finished trial will appear here"
    legend = [(f"{glyph(i)} {format_flops(c.budget)}", colors[i]) for i, c in enumerate(curves) if c.dots]
    return canvas.text(
        "loss by params N, ★ minimum" if parabolas else "loss by params N, the law",
        legend,
        _log(format_count),
        linear_ticks,
    )


@_guarded
def loss_plot(curves: LossCurves, width: int, height: int, palette: Palette) -> str:
    """Training loss against the FLOPs spent, both axes logs; running trials bright, the others behind them."""
    canvas = Canvas(width, height, palette)
    colors = palette.ramp(len(curves.budgets))
    for line in curves.lines:
        x, y, color = logs(line.line.x), logs(line.line.y), colors[line.budget]
        canvas.line(x, y, color if line.bright else palette.dim(color))
        if line.bright:
            canvas.dots(x[-1:], y[-1:], color, glyph(line.budget))
    if canvas.empty:
        return "the first training steps will appear here"
    drawn = sorted({line.budget for line in curves.lines})
    legend = [(f"{glyph(i)} {format_flops(curves.budgets[i])}", colors[i]) for i in drawn]
    hidden = f", {curves.hidden} more not drawn" if curves.hidden else ""
    return canvas.text(f"training loss by FLOPs spent{hidden}", legend, _log(format_flops), _log(_short))


@_guarded
def plan_plot(plan: Plan, width: int, height: int, palette: Palette) -> str:
    """The ladders before anything is run: each budget's params on a log axis, ★ where its optimum is expected."""
    canvas = Canvas(width, height, palette)
    colors = palette.ramp(len(plan.budgets))
    for i, (budget, expected, color) in enumerate(zip(plan.budgets, plan.expected, colors, strict=True)):
        params = sorted({t.params for t in plan.trials if t.budget == budget})
        at = math.log10(budget)
        canvas.line(logs(params[:1] + params[-1:]), [at, at], palette.faint)
        canvas.dots(logs(params), [at] * len(params), color, glyph(i))
        canvas.dots(logs([expected]), [at], palette.minimum, "★")

    def budgets(low: float, high: float, most: int) -> list[Tick]:  # noqa: ARG001
        step = max(1, math.ceil(len(plan.budgets) / max(1, height - 4)))
        return [(math.log10(b), format_flops(b)) for b in plan.budgets[::step]]

    return canvas.text("planned params N by budget, ★ optimum expected", [], _log(format_count), budgets)


@_guarded
def scaling_plot(scaling: Scaling, width: int, height: int, palette: Palette) -> str:
    """The optimal params and tokens against the budget, all logs: the law with its band, ★ the parabolas' minima."""
    canvas = Canvas(width, height, palette)
    params, tokens = palette.series[0], palette.series[3]
    for band in (scaling.params_low, scaling.params_high):
        canvas.line(logs(band.x), logs(band.y), palette.dim(params))
    canvas.line(logs(scaling.tokens.x), logs(scaling.tokens.y), tokens)
    canvas.line(logs(scaling.params.x), logs(scaling.params.y), params)
    rows = scaling.targets
    canvas.dots(logs(r.budget for r in rows), logs(r.tokens for r in rows), tokens, "■")
    canvas.dots(logs(r.budget for r in rows), logs(r.params for r in rows), params, "●")
    stars = [dot for _, dot in scaling.vertices]
    canvas.dots(logs(s.x for s in stars), logs(s.y for s in stars), palette.minimum, "★")
    if canvas.empty:
        return "the optimum's growth appears once two budgets have a minimum"
    legend = [("● params N", params), ("■ tokens D", tokens), ("★ parabolas", palette.minimum)]
    return canvas.text("optimum by budget C", legend, _log(format_flops), _log(format_count))


@_guarded
def residual_plot(residuals: Residuals, width: int, height: int, palette: Palette) -> str:
    """How far every point lies off the law, in per cent of its loss, against params."""
    if not residuals.points:
        return "residuals appear once there is a law"
    canvas = Canvas(width, height, palette)
    colors = palette.ramp(len(residuals.budgets))
    x = logs(params for _, params, _ in residuals.points)
    canvas.line([min(x), max(x)], [0, 0], palette.muted)
    drawn = sorted({i for i, _, _ in residuals.points})
    for i in drawn:
        here = [(params, 100 * off) for place, params, off in residuals.points if place == i]
        canvas.dots(logs(params for params, _ in here), [off for _, off in here], colors[i], glyph(i))
    legend = [(f"{glyph(i)} {format_flops(residuals.budgets[i])}", colors[i]) for i in drawn]
    return canvas.text("loss above the law, %, by params N", legend, _log(format_count), linear_ticks)


def _log(label: Callable[[float], str]) -> Ticks:
    def ticks(low: float, high: float, most: int) -> list[Tick]:
        return log_ticks(10**low, 10**high, most, label)

    return ticks


def _short(value: float) -> str:
    return f"{value:.3g}"
