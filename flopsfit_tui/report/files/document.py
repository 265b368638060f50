"""The answer as JSON: fit.json, and what --format json prints. docs/files.md describes its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from flopsfit_tui.core.to_json import to_json
from flopsfit_tui.fit.arrays import Mask
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at
from flopsfit_tui.report.answer.runs import Runs

SCHEMA_VERSION = 1  # goes up when a key changes its meaning or goes; a new key leaves it


def answer_document(analysis: Analysis) -> dict[str, Any]:
    """Everything that the runs say, as JSON can hold it; what is not known, or not finite, is None."""
    fit, runs = analysis.fit, analysis.runs
    found: dict[str, Any] = to_json(
        {
            "schema_version": SCHEMA_VERSION,
            "runs": {"file": runs.name, "count": int(runs.losses.size), "notes": runs.notes},
            **runs.about,
            "size_name": runs.size_name,
            "unit": runs.unit,
            "bayes_loss": runs.bayes_loss,
            "status": fit.status,
            "law": fit.law,
            "parameters": fit.parameters,
            "exponent": fit.exponent,
            "exponent_without_flagged": fit.exponent_without_flagged,
            "exponent_with_outliers": fit.with_outliers.exponent if fit.with_outliers else None,
            "leading": fit.leading,
            "bends": fit.bends,
            "noise_trend": fit.noise_trend,
            "joint": {"g": fit.joint.g, "E": fit.joint.E, "law": fit.joint.law} if fit.joint else None,
            "intervals": fit.method,
            "points": fit.points,
            "sigma": fit.sigma,
            "delta": fit.delta,
            "objective": fit.objective,
            "excluded": _names(runs, fit.excluded),
            "flagged": _names(runs, fit.flagged),
            "outliers": _names(runs, fit.outliers) if fit.outliers.size else [],
            "left_out": analysis.left_out,
            "parabolas": fit.parabolas,
            "power_laws": dict(zip(("params", "tokens"), fit.power_laws or (), strict=False)),
            "hold_out": analysis.held_out,
            "optimum": [_flat(row) for row in analysis.optimum],
            "targets": [_target(analysis, budget) for budget in analysis.targets],
            "warnings": analysis.warnings,
        }
    )
    return found


def _names(runs: Runs, mask: Mask) -> Sequence[str]:
    return [runs.names[i] for i in np.flatnonzero(mask).tolist()]


def _target(analysis: Analysis, budget: float) -> dict[str, Any]:
    row = optimum_at(analysis, budget)
    return _flat(row) if row else {"budget": budget, "params": None, "tokens": None, "loss": None}


def _flat(row: OptimumRow) -> dict[str, Any]:
    """A row as its columns, those of optimum.csv first; what to build without the optimum said again."""
    columns = asdict(row)
    if columns["recommendation"]:
        del columns["recommendation"]["optimum"]
    return columns
