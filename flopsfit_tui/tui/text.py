"""Text, facts and paths in a given width."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from flopsfit_tui.core.text import printable


def str_path(path: Path) -> str:
    """A path with the home directory as ~."""
    try:
        return "~/" + str(path.resolve().relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def flow(parts: Iterable[Text], width: int, gap: int = 3) -> Text:
    """Short texts behind each other, a new line where one has no room: none is broken."""
    text, used = Text(), 0
    for part in parts:
        if used and used + gap + part.cell_len > width:
            text.append("\n")
            used = 0
        elif used:
            text.append(" " * gap)
            used += gap
        text.append_text(part)
        used += part.cell_len
    return text


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


def without_marks(text: str, width: int) -> str:
    """Code with the marks below it (``^^^^``), but for those below a line that is wider, which stand elsewhere."""
    kept: list[str] = []
    above = 0  # columns of the line before
    for line in text.split("\n"):
        mark = bool(line.strip()) and not line.strip(" ^~")
        if not mark or above <= width:
            kept.append(line)
        above = above if mark else cell_len(line)
    return "\n".join(kept)
