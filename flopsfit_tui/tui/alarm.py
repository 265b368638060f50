"""When to call a person who looks elsewhere: when a sweep that ran has ended, and when a trial has failed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from flopsfit_tui.core.events import SweepEnded, SweepStarted, TrialEnded, TrialStarted
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.lines import printable, shorten
from flopsfit_tui.tui.news import Happened, News

QUIET_SECONDS = 30  # between two calls about failed trials
MOST = 160  # characters of a notification


class Alarm:
    """Hears the news; `call(sentence)` is what it does about it."""

    def __init__(self, call: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._call, self._clock = call, clock
        self._live = False  # whether trials were seen to start: a sweep that is only looked at does not call
        self._failed_at = -float("inf")

    def hear(self, board: Board, news: News) -> None:
        """Call when a trial has failed and nobody was called about another lately."""
        for event in news.events if isinstance(news, Happened) else ():
            match event:
                case SweepStarted():
                    self._live = False
                case TrialStarted():
                    self._live = True
                case SweepEnded("stopped") if not board.reading:
                    self._live = False  # by the person
                case TrialEnded(_, outcome) if outcome.status == "failed" and self._live:
                    if self._clock() - self._failed_at >= QUIET_SECONDS:
                        self._failed_at = self._clock()
                        reason = (outcome.error.strip().splitlines() or ["failed"])[-1]
                        self._call(f"{_name(board)}: a trial failed: {reason}")

    def ended(self, board: Board) -> None:
        """The sweep has ended, and its last fit is in."""
        if not self._live:
            return
        self._live = False
        state, best = board.state, board.optimum()
        word = "done" if state.phase == "done" else "stopped"
        failed = f", {state.count('failed')} failed" if state.count("failed") else ""
        answer = f": N {format_count(best.params)} at {format_flops(best.budget)} FLOPs" if best else ""
        self._call(f"{_name(board)}: {word}{failed}{answer}")


def _name(board: Board) -> str:
    return board.plan.workload if board.plan else str(board.options.request.workload)


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
