"""A sweep's files: CSV, JSON and plots, each written whole, so that a reader never sees half of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.answer.analysis import Analysis
from flopsfit_tui.report.answer.recipe import RecipeCheck
from flopsfit_tui.report.files.csv_rows import (
    HISTORY,
    OPTIMUM,
    TRIALS,
    csv_text,
    history_rows,
    optimum_rows,
    trial_rows,
)
from flopsfit_tui.report.files.document import answer_document
from flopsfit_tui.report.text.html import html_report
from flopsfit_tui.report.text.markdown import markdown_report
from flopsfit_tui.report.text.recipe_text import recipe_json, recipe_text
from flopsfit_tui.report.text.summary import summary
from flopsfit_tui.store.base import HistoryRow
from flopsfit_tui.store.manifest import write_files

NOT_DRAWN = "the plots were not drawn"


@dataclass(frozen=True)
class Written:
    """What came of writing a sweep's files."""

    paths: list[Path]
    left: list[str]  # names of files that the sweep did not write, and that are as they were
    problem: str = ""  # why there are no plots, though matplotlib is here


def export_sweep(
    directory: Path,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    history: Mapping[str, Sequence[HistoryRow]],
    analysis: Analysis,
    plots: bool = True,
    target: float | None = None,
    *,
    force: bool = False,
    skip_foreign: bool = False,
    recipe: RecipeCheck | None = None,
) -> Written:
    """Write trials.csv, history.csv, optimum.csv, fit.json, summary.txt, report.md, report.html and, where
    matplotlib is, the plots as PNG; of the check of a recipe, trials.csv, history.csv, recipe.json and summary.txt.

    `target` is the budget that the report recommends a model for; ten times the largest when there is none.
    Without `plots` it takes milliseconds, with them seconds; where they cannot be drawn, all the rest is written.
    Raises ForeignFile for a file that the sweep did not write unless it is skipped or `force` replaces it, StoreFault
    when the directory cannot be written.
    """
    texts = {
        "trials.csv": csv_text(TRIALS, trial_rows(plan, outcomes)),
        "history.csv": csv_text(HISTORY, history_rows(plan, history)),
    }
    if recipe is not None:
        texts["recipe.json"] = json.dumps(recipe_json(recipe), indent=2) + "\n"
        texts["summary.txt"] = recipe_text(recipe) + "\n"
        coded = {name: text.encode(errors="replace") for name, text in texts.items()}
        return Written(*write_files(directory, coded, force=force, skip_foreign=skip_foreign))
    texts |= {
        "optimum.csv": csv_text(OPTIMUM, optimum_rows(analysis.optimum)),
        "fit.json": json.dumps(answer_document(analysis), indent=2) + "\n",
        "summary.txt": summary(analysis) + "\n",
    }
    pictures, problem = draw_pictures(plan, analysis, history) if plots else ({}, "")
    figures = bool(pictures) or (directory / "isoflop.png").is_file()
    texts["report.md"] = markdown_report(plan, outcomes, analysis, target, figures)
    texts["report.html"] = html_report(plan, outcomes, analysis, target)
    contents = {name: text.encode(errors="replace") for name, text in texts.items()} | pictures
    return Written(*write_files(directory, contents, force=force, skip_foreign=skip_foreign), problem)


def draw_pictures(
    plan: Plan, analysis: Analysis, history: Mapping[str, Sequence[HistoryRow]]
) -> tuple[dict[str, bytes], str]:
    """The plots by their files' names, and why there are none though matplotlib is installed."""
    if find_spec("matplotlib") is None:  # an extra
        return {}, ""
    try:
        from flopsfit_tui.report.plots import figures

        return figures.as_png(figures.all_figures(plan, analysis, history)), ""
    except Exception as error:  # noqa: BLE001 - fonts, caches and settings of matplotlib: no reason to lose the tables
        return {}, f"{NOT_DRAWN}: {type(error).__name__}: {error}".partition("\n")[0]
