"""A sweep's files: CSV, JSON and plots, each written whole, so that a reader never sees half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.analysis import Analysis
from flopsfit_tui.report.markdown import markdown_report
from flopsfit_tui.report.plain import plain
from flopsfit_tui.report.rows import HISTORY, OPTIMUM, TRIALS, csv_text, history_rows, optimum_rows, trial_rows
from flopsfit_tui.report.summary import summary
from flopsfit_tui.store.base import HistoryRow


def export_sweep(
    directory: Path,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    history: Mapping[str, Sequence[HistoryRow]],
    analysis: Analysis,
    plots: bool = True,
    target: float | None = None,
) -> list[Path]:
    """Write trials.csv, history.csv, optimum.csv, fit.json, summary.txt, report.md and, where matplotlib is, the plots
    as PNG.

    `target` is the budget that the report recommends a model for; ten times the largest when there is none.
    Without `plots` it takes milliseconds, with them seconds. Returns the paths written. Raises OSError when the
    directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "trials.csv": csv_text(TRIALS, trial_rows(plan, outcomes)),
        "history.csv": csv_text(HISTORY, history_rows(plan, history)),
        "optimum.csv": csv_text(OPTIMUM, optimum_rows(analysis.optimum)),
        "fit.json": json.dumps(fit_document(plan, analysis), indent=2) + "\n",
        "summary.txt": summary(plan, analysis) + "\n",
    }
    pictures = _figures(directory, plan, analysis, history) if plots else []
    figures = bool(pictures) or (directory / "isoflop.png").is_file()
    texts["report.md"] = markdown_report(plan, outcomes, analysis, target, figures)
    written = [write_whole(directory / name, lambda f, t=text: f.write(t.encode())) for name, text in texts.items()]  # type: ignore[misc]
    return written + pictures


def _figures(
    directory: Path, plan: Plan, analysis: Analysis, history: Mapping[str, Sequence[HistoryRow]]
) -> list[Path]:
    try:
        from flopsfit_tui.report import figures  # matplotlib: an extra
    except ImportError:
        return []
    return [
        write_whole(directory / f"{name}.png", lambda f, figure=figure: figure.savefig(f, format="png", dpi=150))  # type: ignore[misc]
        for name, figure in figures.all_figures(plan, analysis, history).items()
    ]


def fit_document(plan: Plan, analysis: Analysis) -> dict[str, Any]:
    """Everything that the fit says, as JSON can hold it; NaN and infinity become null."""
    fit = analysis.fit
    document: dict[str, Any] = plain(
        {
            "workload": plan.workload,
            "size_name": plan.size_name,
            "unit": plan.unit,
            "notes": plan.notes,
            "recipe": plan.recipe,
            "sizes": plan.sizes,
            "status": fit.status,
            "law": fit.law,
            "parameters": fit.parameters,
            "exponent": fit.exponent,
            "exponent_without_flagged": fit.exponent_without_flagged,
            "intervals": fit.method,
            "points": fit.points,
            "bayes_loss": plan.bayes_loss,
            "sigma": fit.sigma,
            "delta": fit.delta,
            "objective": fit.objective,
            "warnings": analysis.warnings,
            "left_out": [{"trial": trial.key, "reason": reason} for trial, reason in analysis.left_out],
            "optimum": analysis.optimum,
            "parabolas": analysis.parabolas,
            "power_laws": dict(zip(("params", "tokens"), analysis.power_laws or (), strict=False)),
        }
    )
    return document


def write_whole(path: Path, write: Callable[[Any], Any]) -> Path:
    """Write a file beside its place, then rename it there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            write(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
