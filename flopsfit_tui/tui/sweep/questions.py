"""What the app asks about a sweep that runs, or is to run: quit, leave it running, watch it, reuse what lies there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.app import App

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.text import printable
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog, QuitDialog
from flopsfit_tui.tui.widgets.status import keeps_and_loses


def ask_to_quit(app: App[int], app_state: AppState, leave: Callable[[], object]) -> None:
    """A sweep runs here: end the app, leave the sweep running, or go on. `leave` is called for the first two."""
    detail = f"{keeps_and_loses(app_state)} The command that goes on is printed."
    idle = lambda: not app_state.busy  # noqa: E731
    question = "A sweep is running. Quit?"
    if app_state.state.phase in ("running", "paused") and isinstance(app_state.options.request.workload, str):
        detail += " Left running, it goes on in a process without a terminal, which `flopsfit-tui watch` controls."
        dialog: ConfirmDialog = QuitDialog(question, detail, "Quit", "Go on", idle)
    else:
        dialog = ConfirmDialog(question, detail, "Quit", "Go on", idle)

    def answered(yes: bool | None) -> None:
        if yes:
            app_state.leaving = isinstance(dialog, QuitDialog) and dialog.leaves
            leave()

    app.push_screen(dialog, answered)


def ask_to_resume(app: App[int], app_state: AppState, replan: Callable[[Options], object]) -> None:
    """An earlier sweep differs: its losses are reused at the user's word."""
    options = app_state.options

    def answered(yes: bool | None) -> None:
        if yes and app_state.options is options:
            replan(replace(options, resume_anyway=True))

    question = "Reuse the losses of the earlier sweep?"
    app.push_screen(ConfirmDialog(question, printable(app_state.problem), "Reuse", "No"), answered)


def ask_to_watch(app: App[int], app_state: AppState, watch: Callable[[Path], object]) -> None:
    """Another process sweeps there: it can be watched and controlled from here."""
    directory = app_state.runs_in
    assert directory is not None

    def answered(yes: bool | None) -> None:
        if yes:
            watch(directory)

    question = "Watch and control the sweep that runs there?"
    app.push_screen(ConfirmDialog(question, printable(app_state.problem), "Watch", "No", harmless=True), answered)
