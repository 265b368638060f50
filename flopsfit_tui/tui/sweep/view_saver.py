"""Gives a sweep's screen back what was in sight of that sweep the last time, and keeps what the user changes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from textual.app import App
from textual.css.query import NoMatches

from flopsfit_tui.tui.sweep.saved_view import load_view, save_view
from flopsfit_tui.tui.sweep.screen import SweepScreen

POLL_SECONDS = 0.5


class ViewSaver:
    """`sync` is called now and then, and before a sweep's screen goes."""

    def __init__(self, app: App[Any], with_theme: bool) -> None:
        self._app, self._with_theme = app, with_theme
        self._screen: SweepScreen | None = None  # the one that got its view
        self._kept: dict[str, object] = {}

    def sync(self) -> None:
        """Restore the view of a sweep that is in sight for the first time; later, save it when it is another."""
        screen = next((s for s in reversed(self._app.screen_stack) if isinstance(s, SweepScreen)), None)
        if screen is None or not screen.is_mounted or screen.app_state.directory is None:
            return
        with contextlib.suppress(NoMatches):  # the app is ending, and the screen's tables have gone before it
            self._attend(screen, screen.app_state.directory)

    def _attend(self, screen: SweepScreen, directory: Path) -> None:
        if screen is not self._screen:
            self._restore(screen, load_view(directory))
            self._screen, self._kept = screen, self._view(screen)
        elif (view := self._view(screen)) != self._kept:
            self._kept = view
            save_view(directory, view)

    def _view(self, screen: SweepScreen) -> dict[str, object]:
        return screen.view() | ({"theme": self._app.theme} if self._with_theme else {})

    def _restore(self, screen: SweepScreen, view: dict[str, object]) -> None:
        theme = view.get("theme")
        if self._with_theme and isinstance(theme, str) and theme in self._app.available_themes:
            self._app.theme = theme
        screen.restore(view)
