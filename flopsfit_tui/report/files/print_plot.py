"""One plot of a sweep or of a CSV of runs, on stdout."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.files.read_runs import read_runs
from flopsfit_tui.report.files.sweeps import say_damage
from flopsfit_tui.report.plots import terminal
from flopsfit_tui.report.plots.printing import Draw, print_plot
from flopsfit_tui.report.plots.series import isoflop_series, loss_series, residual_series, scaling_series
from flopsfit_tui.store.sqlite import SqliteStore

POINTS = 200  # of a loss curve: as many as a wide terminal has columns


def print_plot_of(source: Path, kind: str, width: int | None, height: int | None, **columns: str | None) -> int:
    """Print a plot of a sweep's directory or of a CSV; 0. Raises ValueError for what cannot be read or drawn."""
    say_damage(source)
    if kind == "loss" and not source.is_dir():
        raise ValueError(f"{str(source)!r} has no training curves; a sweep's directory does")
    draw = _loss_plot(source) if kind == "loss" else _answer_plot(source, kind, **columns)
    print_plot(draw, sys.stdout, width, height)
    return 0


def _loss_plot(directory: Path) -> Draw:
    store = SqliteStore(directory, read_only=True)
    try:
        plan, curves = store.plan(), dict(store.curves())
    finally:
        store.close()
    if plan is None:
        raise ValueError(f"{str(directory)!r} contains no plan yet (the sweep has not started)")
    trials = [TrialState(trial, history=curves[trial.key]) for trial in plan.trials if trial.key in curves]
    return partial(terminal.loss_plot, loss_series(plan, trials, POINTS))


def _answer_plot(source: Path, kind: str, **columns: str | None) -> Draw:
    try:
        runs = read_runs(source, **columns)  # type: ignore[arg-type]  # columns has names of columns only
    except OSError as error:
        raise ValueError(
            f"{str(source)!r} cannot be read ({error.strerror}); give a CSV or a sweep's directory"
        ) from None
    analysis = analyse(runs, full=False)
    if kind == "scaling":
        return partial(terminal.scaling_plot, scaling_series(analysis))
    if kind == "residuals":
        return partial(terminal.residual_plot, residual_series(analysis))
    if kind == "law" and analysis.fit.law is None:
        raise ValueError("these runs give no law; plot their parabolas with isoflop")
    drawn = terminal.isoflop_plot if kind == "isoflop" else terminal.isoflop_law_plot
    return partial(drawn, isoflop_series(analysis))
