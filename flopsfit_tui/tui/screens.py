"""The screens that are opened by a key, each imported when it is first needed: the first paint comes before them.

`import_screens` imports them in a thread, so that no key waits for it.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.screen import Screen

from flopsfit_tui.core.options import Options
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.session.session import Session

if TYPE_CHECKING:
    from flopsfit_tui.core.trial import Plan, Request
    from flopsfit_tui.tui.sweep.view_saver import ViewSaver

FIRST_SWEEP = "flopsfit_tui.tui.session.sweep_thread"  # what plans: the sweep thread waits for it
LATER = (
    "flopsfit_tui.tui.session.short_threads", "flopsfit_tui.tui.session.follow_thread",
    "flopsfit_tui.tui.sweep.screen", "flopsfit_tui.tui.sweep.view_saver", "flopsfit_tui.tui.sweep.questions",
    "flopsfit_tui.tui.result.screen", "flopsfit_tui.tui.help", "flopsfit_tui.tui.recent.screen",
    "flopsfit_tui.tui.session.machine",
)  # fmt: skip


def import_screens(wanted: Callable[[], bool]) -> None:
    """In a thread of its own: import everything that is opened later, as long as it is `wanted`."""
    for name in (FIRST_SWEEP, *LATER):
        if wanted():
            importlib.import_module(name)
    gc.freeze()  # what is imported stays: collections need not look through it


def sweep(session: Session, redraw_seconds: float) -> Screen[None]:
    from flopsfit_tui.tui.sweep.screen import SweepScreen

    return SweepScreen(session, redraw_seconds)


def is_sweep(screen: Screen[Any]) -> bool:
    from flopsfit_tui.tui.sweep.screen import SweepScreen

    return isinstance(screen, SweepScreen)


def is_typing(screen: Screen[Any]) -> bool:
    """Whether a line to type in is open on a sweep's screen."""
    from flopsfit_tui.tui.widgets.prompt import Prompt

    return screen.query_one(Prompt).open


def view_saver(app: App[Any], with_theme: bool) -> ViewSaver:
    """Looks at the view of every sweep from now on."""
    from flopsfit_tui.tui.sweep.view_saver import POLL_SECONDS, ViewSaver

    saver = ViewSaver(app, with_theme)
    app.set_interval(POLL_SECONDS, saver.sync)
    return saver


def result(app_state: AppState) -> Screen[None]:
    from flopsfit_tui.tui.result.screen import ResultScreen

    return ResultScreen(app_state)


def recent() -> Screen[None]:
    from flopsfit_tui.tui.recent.screen import RecentScreen

    return RecentScreen()


def request_of(plan: Plan) -> Request:
    from flopsfit_tui.tui.recent import find

    return find.request_of(plan)


def help_of(screen: Screen[Any]) -> Screen[None]:
    from flopsfit_tui.tui.help import HelpScreen

    return HelpScreen(screen)


def is_help(screen: Screen[Any]) -> bool:
    from flopsfit_tui.tui.help import HelpScreen

    return isinstance(screen, HelpScreen)


def text(title: str, words: Text, *, at_end: bool = False) -> Screen[None]:
    from flopsfit_tui.tui.widgets.text_dialog import TextDialog

    return TextDialog(title, words, at_end=at_end)


def is_question(screen: Screen[Any]) -> bool:
    from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog

    return isinstance(screen, ConfirmDialog)


def drop_pointless(screen: Screen[Any]) -> None:
    """A question that has answered itself goes."""
    from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog

    if isinstance(screen, ConfirmDialog) and screen.pointless():
        screen.dismiss(False)


def ask_to_quit(app: App[int], app_state: AppState, leave: Callable[[], object]) -> None:
    from flopsfit_tui.tui.sweep import questions

    questions.ask_to_quit(app, app_state, leave)


def ask_to_resume(app: App[int], app_state: AppState, replan: Callable[[Options], object]) -> None:
    from flopsfit_tui.tui.sweep import questions

    questions.ask_to_resume(app, app_state, replan)


def ask_to_watch(app: App[int], app_state: AppState, watch: Callable[[Path], object]) -> None:
    from flopsfit_tui.tui.sweep import questions

    questions.ask_to_watch(app, app_state, watch)
