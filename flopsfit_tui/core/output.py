"""Output to streams that are not UTF-8: plain characters instead of an error, so that no answer is lost."""

from __future__ import annotations

import codecs
import contextlib
import sys
import unicodedata

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


def say(*lines: str) -> None:
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
