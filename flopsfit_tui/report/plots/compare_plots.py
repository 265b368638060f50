"""Sweeps drawn over each other: a colour a sweep; their IsoFLOP curves, and their optima against the budget."""

from __future__ import annotations

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.answer.compare import Comparison
from flopsfit_tui.report.plots.chart import Axis, Chart
from flopsfit_tui.report.plots.palette import Palette, glyph
from flopsfit_tui.report.plots.series import isoflop_series
from flopsfit_tui.report.plots.terminal import LOSS, PARAMS, guarded
from flopsfit_tui.report.plots.viewport import PLAIN, View


@guarded
def compare_isoflop_plot(comparison: Comparison, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """Held-out loss against params: the points of every sweep, and the parabolas through them."""
    chart = Chart(
        width, height, palette, PARAMS.flipped(view.flip_x_scale), LOSS.flipped(view.flip_y_scale), view.viewport
    )
    colors = palette.ramp(len(comparison.sweeps))
    for number, sweep in enumerate(comparison.sweeps):
        for curve in isoflop_series(sweep.analysis):
            chart.line(curve.parabola.x, curve.parabola.y, palette.dim(colors[number]))
            chart.dots([d.x for d in curve.dots], [d.y for d in curve.dots], colors[number], glyph(number))
    if chart.empty:
        return "no trial has finished yet"
    return chart.text("loss by params N", _legend(comparison, palette))


@guarded
def compare_optimum_plot(comparison: Comparison, width: int, height: int, palette: Palette, view: View = PLAIN) -> str:
    """The optimal params against the budget, with their 95 % intervals."""
    x, y = Axis(True, format_flops), Axis(True, format_count)
    chart = Chart(width, height, palette, x.flipped(view.flip_x_scale), y.flipped(view.flip_y_scale), view.viewport)
    colors = palette.ramp(len(comparison.sweeps))
    for number, color in enumerate(colors):
        found = [(row.budget, row.optima[number]) for row in comparison.rows]
        best = [(budget, optimum) for budget, optimum in found if optimum is not None]
        sure = [(b, o.params_low, o.params_high) for b, o in best if o.params_low and o.params_high]
        chart.bars(
            [b for b, _, _ in sure], [low for _, low, _ in sure], [high for _, _, high in sure], palette.dim(color)
        )
        chart.line([b for b, _ in best], [o.params for _, o in best], color)
        chart.dots([b for b, _ in best], [o.params for _, o in best], color, glyph(number))
    if chart.empty:
        return "no sweep has an optimum yet"
    return chart.text("optimal params N by budget C", _legend(comparison, palette))


def _legend(comparison: Comparison, palette: Palette) -> list[tuple[str, tuple[int, int, int]]]:
    colors = palette.ramp(len(comparison.sweeps))
    return [(f"{glyph(i)} {sweep.letter}", colors[i]) for i, sweep in enumerate(comparison.sweeps)]
