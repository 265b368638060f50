"""The plots as text with ANSI colours, for the app and for a plain terminal: (series, width, height, palette, view) ->
text.

A plot that cannot be drawn is a sentence saying why; none of these functions raises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import wraps
from typing import Protocol, TypeVar

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.plots.chart import Axis, Chart
from flopsfit_tui.report.plots.palette import Color, Palette, glyph, mix
from flopsfit_tui.report.plots.readout import Spot, read_spot
from flopsfit_tui.report.plots.series import IsoCurve, LossCurves, Residuals, Scaling, interpolate_log_log, smoothed
from flopsfit_tui.report.plots.ticks import Tick
from flopsfit_tui.report.plots.viewport import PLAIN, View

LEAST_WIDTH, LEAST_HEIGHT = 24, 6
NOTHING_YET = {  # what stands where there is nothing to draw
    "isoflop": "the first finished trial will appear here",
    "loss": "the first training steps will appear here",
    "scaling": "the optimum's growth appears once two budgets have a minimum",
    "residuals": "residuals appear once there is a law",
}
Series_contra = TypeVar("Series_contra", contravariant=True)


class Plot(Protocol[Series_contra]):
    """A function that draws."""

    def __call__(self, series: Series_contra, width: int, height: int, palette: Palette, view: View = PLAIN, /) -> str:
        """Text of at most so many columns and lines."""
        ...


def guarded(plot: Plot[Series_contra]) -> Plot[Series_contra]:
    """Too small, or broken: a sentence in the plot's place."""

    @wraps(plot)
    def guarded(series: Series_contra, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return "too small to draw"
        try:
            return plot(series, width, height, palette, view)
        except Exception as error:  # noqa: BLE001 - a plot never ends the app; what went wrong stands in its place
            return f"this plot cannot be drawn ({type(error).__name__}: {error})"

    return guarded


def _chart(width: int, height: int, palette: Palette, x: Axis, y: Axis, view: View) -> Chart:
    return Chart(width, height, palette, x.flipped(view.flip_x_scale), y.flipped(view.flip_y_scale), view.viewport)


@guarded
def isoflop_plot(curves: Sequence[IsoCurve], width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """Held-out loss against params on a log axis, one colour and glyph a budget; ★ the parabolas' minima."""
    return _isoflop(curves, _chart(width, height, palette, PARAMS, LOSS, view), parabolas=True, view=view)


@guarded
def isoflop_law_plot(curves: Sequence[IsoCurve], width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """The same points under the law's curves: what the fit over all budgets says of each."""
    return _isoflop(curves, _chart(width, height, palette, PARAMS, LOSS, view), parabolas=False, view=view)


PARAMS, LOSS, PERCENT = Axis(True, format_count), Axis(False), Axis(False, lambda value: f"{value:.3g}%")


def _isoflop(curves: Sequence[IsoCurve], chart: Chart, parabolas: bool, view: View) -> str:
    palette = chart.palette
    colors = palette.ramp(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        line = curve.parabola if parabolas else curve.law
        chart.line(line.x, line.y, mix(color, palette.background, 0.25))
    for i, (curve, color) in enumerate(zip(curves, colors, strict=True)):
        spread = [dot for dot in curve.dots if dot.high > dot.low]
        chart.bars([d.x for d in spread], [d.low for d in spread], [d.high for d in spread], palette.dim(color))
        chart.dots([d.x for d in curve.dots], [d.y for d in curve.dots], color, glyph(i))
    stars = [curve.minimum for curve in curves if curve.minimum and parabolas]
    chart.dots([s.x for s in stars], [s.y for s in stars], palette.minimum, "★")
    if chart.empty:
        return NOTHING_YET["isoflop"]
    legend = [(f"{glyph(i)} {format_flops(c.budget)}", colors[i]) for i, c in enumerate(curves) if c.dots]
    spots = [
        Spot(d.x, d.y, f"{format_flops(c.budget)} FLOPs: N {format_count(d.x)}, loss {d.y:.4f}")
        for c in curves
        for d in c.dots
    ]
    caption = "loss by params N, ★ minimum" if parabolas else "loss by params N, the law"
    read_spot(chart, spots, view)
    return chart.text(caption, legend)


@guarded
def loss_plot(curves: LossCurves, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """Training loss against the FLOPs spent, both axes logs; running trials bright, the others behind them.

    With a cursor: a line at that place of the last curve, and what is read there.
    """
    chart = _chart(width, height, palette, Axis(True, format_flops), Axis(True), view)
    colors = palette.ramp(len(curves.budgets))
    lines = [(line, (line.line.x, smoothed(line.line.y, view.smoothing))) for line in curves.lines]
    drawn = sorted({line.budget for line in curves.lines})
    for bright in (False, True):
        for i in reversed(drawn):  # a small budget's curves end where a large one's go on: they lie on top
            here = [curve for line, curve in lines if line.budget == i and line.bright is bright]
            chart.lines(here, colors[i] if bright else palette.dim(colors[i]))
    for i in drawn:
        ends = [curve for line, curve in lines if line.budget == i and line.bright]
        chart.dots([x[-1] for x, _ in ends if x], [y[-1] for x, y in ends if x], colors[i], glyph(i))
    if chart.empty:
        return NOTHING_YET["loss"]
    legend = [(f"{glyph(i)} {format_flops(curves.budgets[i])}", colors[i]) for i in drawn]
    hidden = f", {curves.hidden} more not drawn" if curves.hidden else ""
    smooth = f", smoothed {view.smoothing:g}" if view.smoothing else ""
    caption = f"training loss by FLOPs spent{smooth}{hidden}"
    if view.cursor is not None and len(curves.lines[-1].line.x):
        _read(chart, curves, view, palette.foreground)
    spots = [
        Spot(x[-1], y[-1], f"{format_flops(curves.budgets[line.budget])} FLOPs: training loss {y[-1]:.4g} after "
             f"{format_flops(x[-1])}")
        for line, (x, y) in lines
        if len(x)
    ]  # fmt: skip
    read_spot(chart, spots, view)
    return chart.text(caption, legend)


def _read(chart: Chart, curves: LossCurves, view: View, color: Color) -> None:
    line = curves.lines[-1].line
    at = round((view.cursor or 0.0) * (len(line.x) - 1))
    x, y = line.x[at], smoothed(line.y, view.smoothing)[at]
    chart.vertical_line(x, chart.palette.muted)
    chart.dots([x], [y], color, "●")
    chart.read = f"training loss {y:.4g} after {format_flops(x)} FLOPs"


@guarded
def plan_plot(plan: Plan, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """The ladders before anything is run: each budget's params on a log axis, ★ where its optimum is expected."""

    def budgets(most: int) -> list[Tick]:  # noqa: ARG001 - a tick a ladder, as many as there are rows
        step = max(1, math.ceil(len(plan.budgets) / max(1, height - 4)))
        return [(math.log10(b), format_flops(b)) for b in plan.budgets[::step]]

    chart = _chart(width, height, palette, PARAMS, Axis(True, format_flops, budgets), view)
    colors = palette.ramp(len(plan.budgets))
    for i, (budget, expected, color) in enumerate(zip(plan.budgets, plan.expected, colors, strict=True)):
        params = sorted({t.params for t in plan.trials if t.budget == budget})
        chart.line(params[:1] + params[-1:], [budget] * min(2, 2 * len(params)), palette.faint)
        chart.dots(params, [budget] * len(params), color, glyph(i))
        chart.dots([expected], [budget], palette.minimum, "★")
    return chart.text("planned params N by budget, ★ optimum expected", [])


@guarded
def scaling_plot(scaling: Scaling, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """The optimal params and tokens against the budget, all logs: what leads with its band, ★ the parabolas' minima.

    On two log axes its lines are straight between budgets, and further places would only round them to other dots.
    """
    bends = view.flip_x_scale or view.flip_y_scale
    lines = [scaling.tokens, scaling.params, scaling.params_low, scaling.params_high]
    tokens_line, params_line, *edges = ((c.x, c.y) for c in (map(interpolate_log_log, lines) if bends else lines))
    chart = _chart(width, height, palette, Axis(True, format_flops), Axis(True, format_count), view)
    params, tokens = palette.series[0], palette.series[3]
    chart.line(*tokens_line, tokens)
    chart.band(params_line, edges, params)
    rows = scaling.targets
    chart.dots([r.budget for r in rows], [r.tokens for r in rows], tokens, "■")
    chart.dots([r.budget for r in rows], [r.params for r in rows], params, "●")
    stars = [dot for _, dot in scaling.vertices]
    chart.dots([s.x for s in stars], [s.y for s in stars], palette.minimum, "★")
    if chart.empty:
        return NOTHING_YET["scaling"]
    legend = [("● params N", params), ("■ tokens D", tokens), ("★ parabolas", palette.minimum)]
    spots = [
        Spot(r.budget, value, f"{format_flops(r.budget)} FLOPs: N {format_count(r.params)}, D {format_count(r.tokens)}")
        for r in rows
        for value in (r.params, r.tokens)
    ]
    spots += [Spot(s.x, s.y, f"{format_flops(s.x)} FLOPs: N {format_count(s.y)} by its parabola") for s in stars]
    read_spot(chart, spots, view)
    return chart.text("optimum by budget C", legend)


@guarded
def residual_plot(residuals: Residuals, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """How far every point lies off the law, in per cent of its loss, against params."""
    if not residuals.points:
        return NOTHING_YET["residuals"]
    # what lies on both sides of zero has no log
    chart = Chart(width, height, palette, PARAMS.flipped(view.flip_x_scale), PERCENT, view.viewport)
    colors = palette.ramp(len(residuals.budgets))
    chart.horizontal_line(0, palette.muted)
    drawn = sorted({i for i, _, _ in residuals.points})
    for i in drawn:
        here = [(params, 100 * off) for place, params, off in residuals.points if place == i]
        chart.dots([params for params, _ in here], [off for _, off in here], colors[i], glyph(i))
    legend = [(f"{glyph(i)} {format_flops(residuals.budgets[i])}", colors[i]) for i in drawn]
    spots = [
        Spot(n, 100 * off, f"{format_flops(residuals.budgets[i])} FLOPs: N {format_count(n)}, {off:+.2%} of the loss")
        for i, n, off in residuals.points
    ]
    read_spot(chart, spots, view)
    return chart.text("loss above the law by params N", legend)
