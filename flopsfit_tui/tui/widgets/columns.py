"""A few rows of text in columns, of which those that do not fit are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

GAP = 3


@dataclass(frozen=True)
class Field:
    """A column's title, which way it is set, and its rank: the highest leaves first."""

    title: str
    right: bool = True
    rank: int = 0


def columns_text(fields: Sequence[Field], rows: Sequence[Sequence[tuple[str, Style]]], width: int, head: Style) -> Text:
    """Header and rows in at most `width` characters."""
    widths = [
        max(cell_len(field.title), *(cell_len(row[i][0]) for row in rows), 0) if rows else cell_len(field.title)
        for i, field in enumerate(fields)
    ]
    keep = list(range(len(fields)))
    gap = GAP
    while len(keep) > 1 and sum(widths[i] + gap for i in keep) - gap > width:
        if gap > 2:
            gap -= 1
        else:
            keep.remove(max(keep, key=lambda i: fields[i].rank))
    text = Text(no_wrap=True)
    for number, row in enumerate([[(field.title, head) for field in fields], *rows]):
        if number:
            text.append("\n")
        for place, i in enumerate(keep):
            cell, cell_style = row[i]
            pad = " " * (widths[i] - cell_len(cell))
            text.append(pad + cell if fields[i].right else cell + pad, cell_style)
            if place < len(keep) - 1:
                text.append(" " * gap)
    return text
