"""When to notify the user: when a sweep that ran has ended, and when a trial has failed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flopsfit_tui.core.text import printable
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import shorten

if TYPE_CHECKING:
    from flopsfit_tui.tui.session.messages import SessionMessage

QUIET_SECONDS = 30  # between two calls about failed trials
MOST = 160  # characters of a notification


class Notifier:
    """Hears the message; `call(sentence)` is what it does about it."""

    def __init__(self, call: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._call, self._clock = call, clock
        self._live = False  # whether trials were seen to start: a sweep that is only looked at does not call
        self._failed_at = -float("inf")

    def on_message(self, app_state: AppState, message: SessionMessage) -> None:
        """Call when a trial has failed and nobody was called about another lately."""
        from flopsfit_tui.core import events  # the first paint comes before them
        from flopsfit_tui.tui.session.messages import Events

        for event in message.events if isinstance(message, Events) else ():
            match event:
                case events.SweepStarted():
                    self._live = False
                case events.TrialStarted():
                    self._live = True
                case events.SweepEnded("stopped") if not app_state.reading:
                    self._live = False  # by the user
                case events.TrialEnded(_, outcome) if outcome.status == "failed" and self._live:
                    if self._clock() - self._failed_at >= QUIET_SECONDS:
                        self._failed_at = self._clock()
                        from flopsfit_tui.core.error_text import take_apart  # the first paint comes before a failure

                        reason = take_apart(outcome.error).headline
                        self._call(f"{_name(app_state)}: a trial failed: {reason}")

    def ended(self, app_state: AppState) -> None:
        """The sweep has ended, and its last fit is in."""
        if not self._live:
            return
        self._live = False
        state, best = app_state.state, app_state.optimum()
        word = "done" if state.phase == "done" else "stopped"
        failed = f", {state.count('failed')} failed" if state.count("failed") else ""
        answer = f": N {format_count(best.params)} at {format_flops(best.budget)} FLOPs" if best else ""
        self._call(f"{_name(app_state)}: {word}{failed}{answer}")


def _name(app_state: AppState) -> str:
    return app_state.plan.workload if app_state.plan else str(app_state.options.request.workload)


def desktop_sequence(sentence: str, environment: Mapping[str, str] = os.environ) -> str:
    """The escape sequence that asks the terminal for a desktop notification, also from inside tmux or screen."""
    text = shorten(printable(sentence), MOST, front=False)
    kind = environment.get("TERM", "")
    if kind.startswith(("foot", "rxvt")) or "VTE_VERSION" in environment:
        asked = f"\x1b]777;notify;flopsfit;{text.replace(';', ',')}\x1b\\"
    else:
        asked = f"\x1b]9;flopsfit {text}\x07"
    if environment.get("TMUX"):
        doubled = asked.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    if environment.get("STY"):
        return f"\x1bP{asked}\x1b\\"
    return asked
