"""Threads of the app that each do one thing and post what came of it: fit, propose, change the fit, export."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flopsfit_tui.conduct import change_fit, change_target
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Event, Note
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.answer import choose
from flopsfit_tui.report.answer.analysis import analyse, points_of
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.export import NOT_DRAWN
from flopsfit_tui.report.files.sweeps import check_of, export_directory
from flopsfit_tui.report.plots.series import (
    IsoCurve,
    isoflop_dots,
    isoflop_series,
    residual_series,
    scaling_series,
)
from flopsfit_tui.tui.session.inbox import Post
from flopsfit_tui.tui.session.messages import Events, Exported, Fitted, Proposed


def dots(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[IsoCurve, ...]:
    """What the plots show until the first fit is in; quick enough for the UI thread."""
    return isoflop_dots(plan.budgets, points_of(sweep_runs(plan, outcomes)))


def fit(
    post: Post,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    targets: tuple[float, ...],
    version: int,
    directory: Path | None = None,
) -> None:
    """In a thread of its own: fit, and lay out what the plots draw of it."""
    analysis = analyse(sweep_runs(plan, outcomes), targets, full=len(outcomes) >= len(plan.trials))
    post(
        Fitted(
            version,
            analysis,
            isoflop_series(analysis),
            scaling_series(analysis),
            residual_series(analysis),
            check_of(plan, outcomes, directory),
        )
    )


def export(post: Post, directory: Path, targets: tuple[float, ...], control: Control) -> None:
    """In a thread of its own: write every file again from what is on disk, also while a sweep runs.

    Tables at once; plots by a child process, because drawing them would hold up the screen for seconds. The child is
    ended when `control` stops, so that quitting does not wait for it.
    """
    try:
        paths = export_directory(directory, targets, plots=False, skip_foreign=True).paths
    except ValueError as error:
        post(Exported((), f"nothing was exported: {error}"))
        return
    post(Exported(paths))
    drawn = draw_plots(directory, targets, control)
    if drawn is not None:
        written, problem = drawn
        post(Exported(paths if problem else written, problem, whole=True))


def draw_plots(directory: Path, targets: tuple[float, ...], control: Control) -> tuple[list[Path], str] | None:
    """Every file written, plots too, and why they were not drawn, by a child process; None when `control` stopped."""
    command = [sys.executable, "-m", "flopsfit_tui", "export", str(directory), "--skip-foreign"]
    command += [word for target in targets for word in ("--target", repr(target))]
    with (
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        ) as child,
    ):
        while child.poll() is None:
            if control.stopped:
                child.terminate()
                return None
            control.wait(0.05)
        out.seek(0)
        said = out.read().strip()
    lines = said.splitlines()
    problem = next((line for line in lines if line.startswith(f"warning: {NOT_DRAWN}")), "").removeprefix("warning: ")
    if child.returncode:
        problem = f"{NOT_DRAWN}: {lines[-1] if lines else '?'}"
    return [Path(line) for line in lines if not line.startswith("warning: ")], problem


def propose(
    post: Post,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    coming: Collection[str],
    seconds: Mapping[str, float],
    target: float,
) -> None:
    """In a thread of its own: which trial would narrow the interval at `target` FLOPs most for its seconds."""
    post(Proposed(choose.propose(plan, outcomes, coming, choose.price_by(plan.trials, seconds), target)))


def store_target(post: Post, directory: Path, budget: float) -> None:
    """In a thread of its own: keep the target of a sweep that does not run."""
    try:
        change_target(directory, budget)
    except (ValueError, StoreFault) as error:
        post(Events([Note("warning", f"the target is not kept: {error}")]))


def store_fit(post: Post, directory: Path, keys: Sequence[str], reason: str | None) -> None:
    """In a thread of its own: keep trials of a sweep that does not run out of its fit, or fit them again."""
    events: list[Event] = []
    try:
        for key in keys:
            events += change_fit(directory, key, reason)
    except (ValueError, StoreFault) as error:
        events.append(Note("warning", f"the fit is as it was: {error}"))
    post(Events(events))
