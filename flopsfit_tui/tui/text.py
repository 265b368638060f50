"""Text and paths in a given width."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len, set_cell_size

from flopsfit_tui.core.text import printable


def str_path(path: Path) -> str:
    """A path with the home directory as ~."""
    try:
        return "~/" + str(path.resolve().relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def shorten(text: str, width: int, front: bool = True) -> str:
    """Text in at most `width` characters, an ellipsis at its front (paths) or its end (sentences)."""
    text = printable(" ".join(text.split()))
    if cell_len(text) <= width:
        return text
    keep = max(1, width - 1)
    if not front:
        return set_cell_size(text, keep).rstrip() + "…"
    while cell_len(text) > keep:
        text = text[1:]
    return "…" + text
