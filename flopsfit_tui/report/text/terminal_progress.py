"""How far a sweep is, in the terminal's title and its progress mark (OSC 9;4), for the app and for a run without it.

Terminals that know neither ignore both. Nothing is written to a file, a pipe or a dumb terminal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TextIO

from flopsfit_tui.core.state import SweepState, percent
from flopsfit_tui.core.text import printable

NONE, NORMAL, FAILED, PAUSED = 0, 1, 2, 4  # states of the mark
NAME = 60  # characters of a title's name
PUSH, POP = "\x1b[22;2t", "\x1b[23;2t"  # the title of before is kept on the terminal's own stack


class TerminalProgress:
    """Writes by `write` whenever the shown per cent, or what goes on, is another."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write, self._shown = write, ""

    def show(self, state: SweepState, name: str) -> None:
        """The sweep as it stands."""
        share = percent(state.fraction)
        mark = {"paused": PAUSED, "stopped": PAUSED}.get(state.phase, FAILED if state.count("failed") else NORMAL)
        word = {"done": "done", "paused": "paused", "stopped": "stopped"}.get(state.phase, share)
        progress = f"4;{mark};{share[:-1]}" if state.phase in ("running", "paused") else f"4;{NONE};0"
        text = f"\x1b]2;{word} {printable(name)[:NAME]} – flopsfit\x07\x1b]9;{progress}\x07"
        if text != self._shown:
            self._write(text if self._shown else PUSH + text)
            self._shown = text

    def end(self) -> None:
        """Take the mark off, and give back the title of before."""
        if self._shown:
            self._write(f"\x1b]9;4;{NONE};0\x07{POP}")
            self._shown = ""


def shows_progress(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream is a terminal that reads such sequences."""
    return stream.isatty() and environment.get("TERM", "") not in ("", "dumb", "unknown", "linux")
