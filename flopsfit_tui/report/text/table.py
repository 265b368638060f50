"""Plain text tables, and the one of the optimum at each budget."""

from __future__ import annotations

from collections.abc import Sequence

from flopsfit_tui.core.units import format_count, format_flops, format_ratio
from flopsfit_tui.fit import Interval
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow

NO_VERTEX = {"edge": "at edge", "opens_downwards": "no minimum"}
NOTHING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text columns, numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = ["─" * width for width in widths]
    lines = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in [head, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in [lines[0], rule, *lines[1:]])


def optimum_table(analysis: Analysis, rows: Sequence[OptimumRow]) -> str:
    """Compute-optimal size and data for each budget, as in Chinchilla's table 3 (arXiv 2203.15556), with intervals."""
    return table(optimum_head(analysis), [optimum_cells(analysis, row) for row in rows])


def optimum_head(analysis: Analysis) -> list[str]:
    """The titles over `optimum_cells`."""
    unit, size = analysis.runs.unit, [analysis.runs.size_name] if analysis.runs.known_sizes else []
    return ["FLOPs", "params", "95 % interval", unit, f"{unit}/param", "loss", "95 % interval", *size, "parabola"]


def optimum_cells(analysis: Analysis, row: OptimumRow) -> list[str]:
    """The cells of one budget; an extrapolated one is marked by an arrow."""
    return [
        ("→ " if row.kind == "extrapolated" else "") + format_flops(row.budget),
        format_count(row.params),
        range_text(row.params_low, row.params_high),
        format_count(row.tokens),
        format_ratio(row.tokens_per_param),
        f"{row.loss:.3f}",
        loss_range(row),
        *([str(row.size)] if analysis.runs.known_sizes else []),
        parabola_text(row),
    ]


def range_text(low: float | None, high: float | None) -> str:
    """Bounds for a cell; a side that the data leave open is a question mark."""
    if low is None and high is None:
        return NOTHING
    return " to ".join("?" if bound is None else format_count(bound) for bound in (low, high))


def loss_range(row: OptimumRow) -> str:
    """The bounds of a row's loss for a cell."""
    if row.loss_low is None or row.loss_high is None:
        return NOTHING
    return f"{row.loss_low:.3f} to {row.loss_high:.3f}"


def parabola_text(row: OptimumRow) -> str:
    """Approach 2's N at a budget: the parabola's own vertex, else its power law's value, else why there is none."""
    return format_count(row.parabola_params) if row.parabola_params else NO_VERTEX.get(row.parabola_note, NOTHING)


def interval_text(interval: Interval) -> str:
    """A value with its 95 % interval where there is one."""
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
