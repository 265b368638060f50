"""Which points would bracket the minima that lie at the edge of what was run."""

from __future__ import annotations

from flopsfit_tui.report.answer.analysis import Analysis


def bracketing_points(analysis: Analysis) -> list[tuple[float, float]]:
    """(budget, params) of one more size for every budget whose lowest loss lies at or beyond an end of its sizes.

    It lies one step of that budget's ladder beyond the end, as the warning about it says.
    """
    wanted = []
    for parabola in analysis.parabolas:
        points = [p for p in analysis.points if p.budget == parabola.budget]
        if len(points) < 2 or parabola.status == "ok":
            continue
        low, high = min(p.params for p in points), max(p.params for p in points)
        lowest = min(points, key=lambda p: p.loss).params
        vertex = parabola.vertex.value if parabola.status == "edge" and parabola.vertex else lowest
        step = (high / low) ** (1 / (len(points) - 1))
        if vertex <= low:
            wanted.append((parabola.budget, low / step))
        elif vertex >= high:
            wanted.append((parabola.budget, high * step))
    return wanted
