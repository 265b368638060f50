"""Output to streams that are not UTF-8, are full or gone: no answer is lost for a character, no sweep for a line."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from flopsfit_tui.core.text import printable

PLAIN = {
    "–": "-", "—": "-", "─": "-", "━": "=", "┄": "-", "╸": "=", "│": "|", "┼": "+", "┤": "+", "├": "+", "└": "+",
    "┌": "+", "┐": "+", "┘": "+", "┬": "+", "┴": "+", "→": ">", "←": "<", "↑": "^", "↓": "v", "×": "x", "±": "+-",
    "·": ".", "⋅": "*", "…": "...", "≈": "~", "∞": "inf", "‖": "|", "»": ">", "‘": "'", "’": "'", "“": '"', "”": '"',
    "✓": "+", "✗": "x", "★": "*", "✚": "+", "■": "#", "▣": "#", "●": "o", "◐": "o", "◉": "o", "◆": "*", "▶": ">",
    "▼": "v", "▲": "^", "█": "#", "▌": "#", "▐": "#", "▀": "#", "▄": "#", "α": "alpha", "β": "beta", "σ": "sigma",
    "\N{MINUS SIGN}": "-",
}  # fmt: skip
NAME = "flopsfit-plain"


def plain_character(character: str) -> str:
    """What stands for a character where it cannot be written; of the same width, where that is possible."""
    if character in PLAIN:
        return PLAIN[character]
    if "⠀" <= character <= "⣿":  # braille dots, of which plots are made
        return " " if character == "⠀" else "."
    if "▁" <= character <= "▟":  # parts of a block
        return "#"
    decomposed = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return decomposed or "?"


def print_lines(*lines: str) -> None:
    """Print lines on stdout; control characters in them, which names and paths may hold, are shown, not obeyed."""
    for line in lines:
        print(printable(line))


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain_character, error.object[error.start : error.end])), error.end


def write_plainly() -> None:
    """From here on stdout and stderr write a plain character for each that their encoding lacks."""
    codecs.register_error(NAME, _replace)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape", "backslashreplace"):
            with contextlib.suppress(AttributeError, ValueError, OSError):  # a stream of a test, or one that is closed
                stream.reconfigure(errors=NAME)  # type: ignore[union-attr]


class Unfailing:
    """A stream that drops what cannot be written: a full disk or a terminal that is gone costs lines, not a sweep."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None  # the first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._noted():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._noted():
            self._stream.flush()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.problem = self.problem or error

    def end(self) -> OSError | None:
        """Write what is buffered; the first problem that there was.

        What is left is dropped: the interpreter would end with an exit code of its own for it.
        """
        self.flush()
        if self.problem:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
        return self.problem


@contextlib.contextmanager
def unfailing_output() -> Iterator[tuple[Unfailing, Unfailing]]:
    """Meanwhile, what stdout and stderr do not take is dropped."""
    before = sys.stdout, sys.stderr
    out, err = Unfailing(before[0]), Unfailing(before[1])
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before
