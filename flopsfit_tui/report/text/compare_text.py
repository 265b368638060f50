"""A comparison of sweeps as text, and as plain data."""

from __future__ import annotations

from typing import Any

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit import Interval
from flopsfit_tui.report.answer.compare import Comparison
from flopsfit_tui.report.text.table import NOTHING, interval_text, range_text, table

CELL = 40  # characters of a setting


def compare_text(comparison: Comparison) -> str:
    """Sweeps, optima with their ratio, what was set otherwise."""
    sweeps = comparison.sweeps
    parts = [
        "\n".join(f"{sweep.letter}  {sweep.plan.workload}  {sweep.name}" for sweep in sweeps),
        table(
            ["", "trials", "a by the law (95 %)", "a by parabolas (95 %)", "E"],
            [_exponents(comparison, number) for number in range(len(sweeps))],
        ),
        _optima(comparison),
        _settings(comparison),
    ]
    return "\n\n".join(filter(None, parts))


def _exponents(comparison: Comparison, number: int) -> list[str]:
    sweep = comparison.sweeps[number]
    fit = sweep.analysis.fit
    parabolas = sweep.analysis.power_laws[0].exponent if sweep.analysis.power_laws else None
    floor = f"{fit.law.E:.3f}" if fit.law else NOTHING
    return [sweep.letter, str(fit.points), _exponent(fit.exponent), _exponent(parabolas), floor]


def _exponent(interval: Interval | None) -> str:
    return interval_text(interval) if interval else NOTHING


def _with_range(value: str, bounds: str) -> str:
    """A value and its interval in one cell, so that two sweeps fit into 80 columns."""
    return value if bounds == NOTHING else f"{value} ({bounds})"


def _optima(comparison: Comparison) -> str:
    first, *others = comparison.sweeps
    head = ["FLOPs"]
    for sweep in comparison.sweeps:
        head.append(f"N of {sweep.letter} (95 %)")
    for other in others:
        head.append(f"{other.letter}/{first.letter} (95 %)")
    rows = []
    for row in comparison.rows:
        cells = [format_flops(row.budget)]
        for best in row.optima:
            bounds = range_text(best.params_low, best.params_high) if best else NOTHING
            cells.append(_with_range(format_count(best.params), bounds) if best else NOTHING)
        for times in row.ratios:
            cells.append(_with_range(_ratio(times.value), ratio_range(times)) if times else NOTHING)
        rows.append(cells)
    return table(head, rows)


def ratio_range(times: Interval) -> str:
    """``0.81 to 1.20``; an open side is a question mark."""
    if times.low is None and times.high is None:
        return NOTHING
    return " to ".join("?" if bound is None else _ratio(bound) for bound in (times.low, times.high))


def _ratio(value: float) -> str:
    """In hundredths, so that two sweeps fit into 80 columns; two digits where that would be too few or too many."""
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}"


def _settings(comparison: Comparison) -> str:
    if not comparison.differences:
        return "Plan and settings are the same."
    head = ["differs", *(sweep.letter for sweep in comparison.sweeps)]
    return table(head, [[name, *(_short(value) for value in values)] for name, values in comparison.differences])


def _short(text: str) -> str:
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def compare_document(comparison: Comparison) -> dict[str, Any]:
    """The same for a program."""
    return {
        "sweeps": [
            {
                "letter": sweep.letter,
                "directory": sweep.name,
                "workload": sweep.plan.workload,
                "points": sweep.analysis.fit.points,
            }
            for sweep in comparison.sweeps
        ],
        "optimum": [
            {
                "budget": row.budget,
                "params": [best and best.params for best in row.optima],
                "params_low": [best and best.params_low for best in row.optima],
                "params_high": [best and best.params_high for best in row.optima],
                "ratio": [times and times.value for times in row.ratios],
                "ratio_low": [times and times.low for times in row.ratios],
                "ratio_high": [times and times.high for times in row.ratios],
            }
            for row in comparison.rows
        ],
        "differences": {name: list(values) for name, values in comparison.differences},
    }
