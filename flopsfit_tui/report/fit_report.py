"""Everything that a set of runs says, as text for people and as JSON for scripts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flopsfit_tui.fit import (
    Fit,
    FitWarning,
    HoldOut,
    Optimum,
    Recommendation,
    diagnose_target,
    fit_law,
    hold_out,
    recommend,
)
from flopsfit_tui.report.fit_text import prediction_text, report_text
from flopsfit_tui.report.plain import plain
from flopsfit_tui.report.runs_csv import Runs

BEYOND = (10.0, 100.0)  # a full report looks so many times beyond the largest budget run


@dataclass(frozen=True)
class Row:
    """The optimum at one budget, by both methods."""

    budget: float
    kind: str  # measured, or extrapolated (beyond the runs, on either side)
    optimum: Optimum | None  # by the law
    parabola: float | None  # params: the vertex there, or the vertices' power law
    parabola_note: str  # why there is no vertex: "edge", "opens_downwards", "too_few", or ""
    recommendation: Recommendation | None  # where the sizes that can be built are known


@dataclass(frozen=True)
class FitReport:
    """A fit with all that goes beside it."""

    runs: Runs
    fit: Fit
    held_out: HoldOut | None
    rows: tuple[Row, ...]  # in order of budget
    targets: tuple[Row, ...]  # the budgets that were asked for, as asked
    warnings: tuple[FitWarning, ...]

    def text(self, width: int = 100) -> str:
        """The full report, wrapped to so many columns where it is prose."""
        return report_text(self, width)

    def prediction_text(self, width: int = 100) -> str:
        """Only what was asked: the optimum at the target budgets, and what to beware of."""
        return prediction_text(self, width)

    def as_dict(self) -> dict[str, Any]:
        """The full report as plain values; what is not known, or not finite, is None."""
        fit = self.fit
        laws = dict(zip(("params", "tokens"), fit.power_laws or (), strict=False))
        document: dict[str, Any] = {
            "runs": {"file": self.runs.name, "count": self.runs.losses.size, "notes": self.runs.notes},
            "status": fit.status,
            "law": fit.law,
            "parameters": fit.parameters,
            "exponent": fit.exponent,
            "exponent_without_flagged": fit.exponent_without_flagged,
            "intervals": fit.method,
            "points": fit.points,
            "sigma": fit.sigma,
            "delta": fit.delta,
            "objective": fit.objective,
            "excluded_lines": _lines(self.runs, fit.excluded),
            "flagged_lines": _lines(self.runs, fit.flagged),
            "parabolas": fit.parabolas,
            "power_laws": laws,
            "hold_out": self.held_out,
            "optimum": [_flat(row) for row in self.rows],
            "targets": [_flat(row) for row in self.targets],
            "warnings": self.warnings,
        }
        found: dict[str, Any] = plain(document)
        return found

    def to_json(self) -> str:
        """as_dict as indented JSON."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)


def fit_report(
    runs: Runs,
    *,
    targets: Sequence[float] = (),
    delta: float | None = None,
    untrained: float | None = None,
    unique_tokens: float | None = None,
    full: bool = True,
) -> FitReport:
    """Fit runs and say everything about it.

    targets: budgets, in training FLOPs, at which the optimum is asked for; delta, untrained and unique_tokens: as for
    fit_law. full: hold out the largest budget too, and look 10 and 100 times beyond it. Raises ValueError for a
    target that is not positive.
    """
    fit = fit_law(
        runs.params,
        runs.tokens,
        runs.losses,
        delta=delta,
        groups=runs.groups,
        flops=runs.cost,
        untrained=untrained,
        unique_tokens=unique_tokens,
        names=[f"line {line}" for line in runs.lines],
    )
    used = ~fit.excluded
    held_out = None
    if full:
        kept = (values[used] for values in (runs.params, runs.tokens, runs.losses))
        held_out = hold_out(*kept, delta=delta, flops=runs.cost, whole=fit)
    asked = tuple(_row(fit, runs, target) for target in targets)
    warnings = fit.warnings + (held_out.warnings if held_out else ())
    for target in targets:
        warnings += tuple(warning for warning in diagnose_target(fit, target) if warning not in warnings)
    return FitReport(runs, fit, held_out, _rows(fit, runs, asked), asked, warnings)


def _rows(fit: Fit, runs: Runs, asked: tuple[Row, ...]) -> tuple[Row, ...]:
    budgets = [curve.budget for curve in fit.parabolas if curve.status != "too_few"]
    if fit.largest_budget is not None and fit.law is not None:
        budgets += [fit.largest_budget * k for k in BEYOND]
    rows = [_row(fit, runs, budget) for budget in budgets] + list(asked)
    return tuple(sorted({row.budget: row for row in rows}.values(), key=lambda row: row.budget))


def _row(fit: Fit, runs: Runs, budget: float) -> Row:
    best = fit.predict(budget)
    curve = next((curve for curve in fit.parabolas if math.isclose(curve.budget, budget, rel_tol=1e-9)), None)
    low, high = fit.smallest_budget or budget, fit.largest_budget or budget
    beyond = not low / 1.05 <= budget <= high * 1.05
    vertex = curve.vertex.value if curve and curve.status == "ok" and curve.vertex else None
    if vertex is None and curve is None and fit.power_laws:
        vertex = float(fit.power_laws[0](budget))
    chosen = None
    if runs.sizes is not None:
        sizes, first = np.unique(runs.sizes, return_index=True)
        chosen = recommend(fit, budget, sizes, runs.params[first])
    note = curve.status if curve and curve.status != "ok" else ""
    return Row(budget, "extrapolated" if beyond else "measured", best, vertex, note, chosen)


def _lines(runs: Runs, mask: Any) -> list[int]:
    return [line for line, hit in zip(runs.lines, mask, strict=True) if hit]


def _flat(row: Row) -> dict[str, Any]:
    """A row as one level of columns, those of optimum.csv first."""
    best = asdict(row.optimum) if row.optimum else {}
    size = {"recommended": asdict(row.recommendation)} if row.recommendation else {}
    for unwanted in ("optimum",):
        size.get("recommended", {}).pop(unwanted, None)
    return {"budget": row.budget, "kind": row.kind, **best, "parabola_params": row.parabola, **size}
