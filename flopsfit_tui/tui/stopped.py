"""Going on after a SIGSTOP, of which no program hears."""

from __future__ import annotations

import signal
from functools import partial
from types import FrameType
from typing import Any

from textual.app import App


def set_up_after_stop(app: App[Any]) -> None:
    """When the process goes on after a SIGSTOP, set up the terminal as after ctrl+z.

    Textual hears of neither the stop nor whether there was one: it would read keys in a second thread, and take its own
    settings of the terminal for those to be put back at the end. Call it once the app runs.
    """
    go_on: Any = signal.getsignal(signal.SIGCONT) if hasattr(signal, "SIGCONT") else None
    if go_on is not None and getattr(go_on, "__self__", None) is app._driver:  # a driver that sets up a terminal
        signal.signal(signal.SIGCONT, partial(_set_up, app, go_on.__self__, go_on))


def _set_up(app: App[Any], driver: Any, go_on: Any, number: int, frame: FrameType | None) -> None:
    if app.is_running and driver._auto_restart:  # not while another program has the terminal
        if not driver._must_signal_resume:  # it was not ctrl+z
            driver.suspend_application_mode()
        go_on(number, frame)
