"""When the app can be left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

SECONDS = 0.02  # between two looks


def when_mounted(app: App[Any], leave: Callable[[], object]) -> None:
    """Call `leave` once every screen is there: one that is closed while it is mounted has no widgets to begin with."""
    if all(screen.is_mounted for screen in app.screen_stack):
        leave()
    else:
        app.set_timer(SECONDS, lambda: when_mounted(app, leave))
