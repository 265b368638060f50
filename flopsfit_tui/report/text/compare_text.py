"""A comparison of sweeps as text, and as plain data."""

from __future__ import annotations

from typing import Any

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit import Interval
from flopsfit_tui.report.answer.compare import Comparison
from flopsfit_tui.report.text.table import NOTHING, range_text, table

CELL = 40  # characters of a setting


def compare_text(comparison: Comparison) -> str:
    """Sweeps, optima with their ratio, what was set otherwise."""
    sweeps = comparison.sweeps
    parts = [
        "\n".join(f"{sweep.letter}  {sweep.plan.workload}  {sweep.name}" for sweep in sweeps),
        table(
            ["", "trials", "a by the law", "95 % interval", "a by parabolas", "95 % interval", "E"],
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
    return [sweep.letter, str(fit.points), *_interval(fit.exponent), *_interval(parabolas), floor]


def _interval(interval: Interval | None) -> list[str]:
    if interval is None:
        return [NOTHING, NOTHING]
    bounds = interval.low is None or interval.high is None
    return [f"{interval.value:.3f}", NOTHING if bounds else f"{interval.low:.3f} to {interval.high:.3f}"]


def _optima(comparison: Comparison) -> str:
    first, *others = comparison.sweeps
    head = ["FLOPs"]
    for sweep in comparison.sweeps:
        head += [f"N of {sweep.letter}", "95 % interval"]
    for other in others:
        head += [f"{other.letter}/{first.letter}", "95 % interval"]
    rows = []
    for row in comparison.rows:
        cells = [format_flops(row.budget)]
        for best in row.optima:
            cells += (
                [format_count(best.params), range_text(best.params_low, best.params_high)] if best else [NOTHING] * 2
            )
        for times in row.ratios:
            cells += [f"{times.value:.3g}", ratio_range(times)] if times else [NOTHING] * 2
        rows.append(cells)
    return table(head, rows)


def ratio_range(times: Interval) -> str:
    """``0.81 to 1.2``; an open side is a question mark."""
    if times.low is None and times.high is None:
        return NOTHING
    return " to ".join("?" if bound is None else f"{bound:.3g}" for bound in (times.low, times.high))


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
