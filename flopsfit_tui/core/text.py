"""Text from elsewhere (names, errors, paths), made safe for a terminal, for a spreadsheet, and as a file's name."""

from __future__ import annotations

import re

TAB = 4
NAME_BYTES = 80  # of a path's component; file systems allow 255, and something is added to ours
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is computed by a spreadsheet
MOST_TEXT = 64 << 10  # characters kept of an error


def printable(text: str) -> str:
    """Text in which control characters and the like are shown, not obeyed; tabs become spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text.replace("\r\n", "\n").expandtabs(TAB))


def csv_cell(text: str) -> str:
    """Text that a spreadsheet shows instead of computing it: an apostrophe goes before what begins a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def path_component(name: str) -> str:
    """A name as one part of a path: nothing that leads elsewhere, hides a file or is too long for a file system."""
    plain = re.sub(r"[^\w.-]+", "-", name.encode(errors="replace").decode()).strip("-.")
    return plain.encode()[:NAME_BYTES].decode(errors="ignore").rstrip("-.") or "sweep"


def cut_middle(text: str, most: int = MOST_TEXT) -> str:
    """Both ends of a text that is too long, and how much is left out between them."""
    if len(text) <= most:
        return text
    half = most // 2 - 50
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"
