"""Reading a plot: the place that keys or the mouse have chosen is marked, and what it says stands in the caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flopsfit_tui.report.plots.chart import Chart
from flopsfit_tui.report.plots.viewport import View

LABELS = 7  # columns at the left that ticks usually take


@dataclass(frozen=True)
class Spot:
    """A place that can be read."""

    x: float
    y: float
    text: str


def read_spot(chart: Chart, spots: Sequence[Spot], view: View) -> None:
    """Mark the chosen spot, and say what it says; nothing without one. The keys go by x."""
    if not spots or (view.spot is None and view.pointer is None):
        return
    ordered = sorted(spots, key=lambda spot: (spot.x, spot.y))
    chosen = ordered[view.spot % len(ordered)] if view.spot is not None else _nearest(chart, ordered, view)
    chart.vertical_line(chosen.x, chart.palette.muted)
    chart.dots([chosen.x], [chosen.y], chart.palette.foreground, "◎")
    chart.read = chosen.text


def _nearest(chart: Chart, spots: Sequence[Spot], view: View) -> Spot:
    assert view.pointer is not None
    x, y = view.pointer
    x = max(0.0, (x * chart.width - LABELS) / max(1, chart.width - LABELS))

    def distance(spot: Spot) -> float:
        across, up = chart.fractions(spot.x, spot.y)
        return (across - x) ** 2 + ((up - y) * chart.height / max(1, chart.width) * 2) ** 2

    return min(spots, key=distance)
