"""A paragraph broken at spaces only."""

from __future__ import annotations

import textwrap


def wrap(text: str, width: int, indent: str = "") -> str:
    """The text in lines of at most `width` characters (40 at least), those after the first indented."""
    return textwrap.fill(text, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
