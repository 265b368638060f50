"""Polylines in braille and glyphs, between two axes, as lines of text with ANSI colours.

All shapes are drawn at once, by arrays: an IsoFLOP plot of 2,400 trials takes 12 ms, where plotext took 100 for one of
1,000 and held up every key meanwhile (156 x 42 characters). Nothing is shared, so that any thread can draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.report.palette import Color
from flopsfit_tui.report.ticks import Tick

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ACROSS, DOWN = 2, 4  # dots of a braille character
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # bit of the dot at (down, across)


@dataclass(frozen=True)
class Shape:
    """A polyline, or a glyph at every place where there is a `marker`; x and y finite and of one length."""

    x: Sequence[float]
    y: Sequence[float]
    color: Color
    marker: str = ""


@dataclass(frozen=True)
class Side:
    """An axis: the range that is in sight, and its ticks, which lie within."""

    low: float
    high: float
    ticks: Sequence[Tick]

    def places(self, values: Floats | Sequence[float], count: int) -> Floats:
        """Where values lie along `count` cells: 0 to count."""
        return (np.asarray(values, dtype=float) - self.low) / (self.high - self.low) * count

    def cells(self, values: Floats | Sequence[float], count: int) -> Integers:
        """The cell of each value; negative or at least `count` where it is out of sight."""
        places = np.clip(self.places(values, count), -1, count + 1)
        cells: Integers = np.where(places == count, count - 1, np.floor(places)).astype(np.int64)
        return cells


def draw(shapes: Sequence[Shape], width: int, height: int, x: Side, y: Side, axes: Color) -> str:
    """`height` lines of `width` characters: what is in sight of the shapes, later ones on top, an axis left and below.

    Where nothing is left beside the axes' labels, only the axes are drawn.
    """
    margin = max((len(label) for _, label in y.ticks), default=0)
    columns, rows = max(0, width - margin - 1), max(0, height - 2)
    marks = {rows - 1 - int(cell): label for cell, label in zip(_ticks(y, rows), (t[1] for t in y.ticks), strict=True)}
    lines = []
    for row, cells in enumerate(_cells(shapes, columns, rows, x, y)):
        edge = "┤" if row in marks else "│"
        lines.append(_painted(marks.get(row, "").rjust(margin) + edge, axes) + cells)
    below = _ticks(x, columns)
    rule = "".join("┬" if column in below else "─" for column in range(columns))
    lines.append(_painted(" " * margin + "└" + rule, axes))
    lines.append(_painted(_labels([label for _, label in x.ticks], below, margin + 1, width), axes))
    return "\n".join(lines)


def _ticks(side: Side, count: int) -> list[int]:
    return [int(cell) for cell in side.cells([at for at, _ in side.ticks], count)]


def _labels(labels: Sequence[str], below: Sequence[int], margin: int, width: int) -> str:
    """Each label centred at its tick; those that would run into the one before are left out."""
    line = ""
    for column, label in zip(below, labels, strict=True):
        start = min(max(0, margin + column - len(label) // 2), width - len(label))
        if start >= len(line) + bool(line):
            line = line.ljust(start) + label
    return line.ljust(width)[:width]


def _cells(shapes: Sequence[Shape], columns: int, rows: int, x: Side, y: Side) -> list[str]:
    """The lines between the axes."""
    if not columns or not rows:
        return [" " * columns] * rows
    colors, markers = [s.color for s in shapes], [s.marker for s in shapes]
    glyph_at, glyph_owner = _glyphs(shapes, columns, rows, x, y)
    top = np.full(columns * rows, -1)  # the last glyph in each cell, by its shape
    top[glyph_at] = glyph_owner
    line_at, dots, line_owner = _lines(shapes, columns, rows, x, y)
    above = line_owner > top[line_at]
    line_at, dots, line_owner = line_at[above], dots[above], line_owner[above]
    bits = np.zeros(columns * rows, dtype=np.int64)
    np.bitwise_or.at(bits, line_at, dots)
    owner = top.copy()
    owner[line_at] = line_owner
    chars = np.where(bits > 0, 0x2800 + bits, ord(" "))
    alone = (bits == 0) & (owner >= 0)
    chars[alone] = np.array([ord(marker or " ") for marker in markers])[owner[alone]] if shapes else ord(" ")
    text = chars.astype("<u4").tobytes().decode("utf-32-le")
    return [
        _row(text[row * columns : (row + 1) * columns], owner[row * columns : (row + 1) * columns], colors)
        for row in range(rows)
    ]


def _glyphs(shapes: Sequence[Shape], columns: int, rows: int, x: Side, y: Side) -> tuple[Integers, Integers]:
    """Cells of all glyphs in sight, in the order of drawing, and the shape that each belongs to."""
    xs, ys, owner = _gathered([(i, s) for i, s in enumerate(shapes) if s.marker])
    column, row = x.cells(xs, columns), rows - 1 - y.cells(ys, rows)
    seen = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    return (row * columns + column)[seen], owner[seen]


def _lines(shapes: Sequence[Shape], columns: int, rows: int, x: Side, y: Side) -> tuple[Integers, Integers, Integers]:
    """Cells of all dots of all polylines in sight, in the order of drawing; the bit of each; the shape of each."""
    xs, ys, owner = _gathered([(i, s) for i, s in enumerate(shapes) if not s.marker])
    width, height = columns * ACROSS, rows * DOWN
    across, up = x.places(xs, width), y.places(ys, height)
    joined = owner[1:] == owner[:-1]
    start = np.stack([across[:-1], up[:-1]])[:, joined]
    step = np.stack([across[1:], up[1:]])[:, joined] - start
    owner = owner[1:][joined]
    start, step, owner = _clipped(start, step, owner, np.array([width, height], dtype=float))
    count = np.ceil(np.abs(step).max(axis=0, initial=0)).astype(np.int64) + 1  # dots along each segment
    segment = np.repeat(np.arange(count.size), count)
    within = np.arange(segment.size) - np.repeat(np.cumsum(count) - count, count)
    share = within / np.maximum(1, count - 1)[segment]
    at = start[:, segment] + step[:, segment] * share
    column = np.clip(at[0].astype(np.int64), 0, width - 1)
    row = height - 1 - np.clip(at[1].astype(np.int64), 0, height - 1)
    drawn = _without_corners(column, row, owner[segment])
    column, row = column[drawn], row[drawn]
    bit = BRAILLE[row % DOWN, column % ACROSS]
    return row // DOWN * columns + column // ACROSS, bit, owner[segment][drawn]


def _without_corners(column: Integers, row: Integers, owner: Integers) -> Integers:
    """Which dots of lines to draw: each once, and none that only fills the corner of a slanting step."""
    last = np.ones(column.size, dtype=bool)
    last[:-1] = (np.diff(column) != 0) | (np.diff(row) != 0) | (np.diff(owner) != 0)
    kept = np.flatnonzero(last)
    column, row, owner = column[kept], row[kept], owner[kept]
    corner = np.zeros(kept.size, dtype=bool)
    slanting = (np.abs(column[2:] - column[:-2]) == 1) & (np.abs(row[2:] - row[:-2]) == 1)
    corner[1:-1] = slanting & (owner[2:] == owner[:-2])
    place = np.arange(kept.size)
    since = place - np.maximum.accumulate(np.where(corner, 0, place))  # of corners in a row, every other one goes
    drawn: Integers = kept[~corner | (since % 2 == 0)]
    return drawn


def _gathered(shapes: Sequence[tuple[int, Shape]]) -> tuple[Floats, Floats, Integers]:
    """Every place of the shapes one after the other, and the number of the shape that each belongs to."""
    xs: list[float] = []
    ys: list[float] = []
    for _, shape in shapes:
        xs += shape.x
        ys += shape.y
    owner = np.repeat(np.array([i for i, _ in shapes], dtype=np.int64), [len(shape.x) for _, shape in shapes])
    return np.array(xs, dtype=float), np.array(ys, dtype=float), owner


def _clipped(start: Floats, step: Floats, owner: Integers, size: Floats) -> tuple[Floats, Floats, Integers]:
    """The parts of segments that lie in 0 to `size` (Liang and Barsky's clipping, ACM TOG 3(1), 1984)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = -start / step, (size[:, None] - start) / step
    still = step == 0
    inside = (start >= 0) & (start <= size[:, None])
    enter = np.where(still, np.where(inside, -np.inf, np.inf), np.minimum(one, other)).max(axis=0, initial=0.0)
    leave = np.where(still, np.inf, np.maximum(one, other)).min(axis=0, initial=1.0)
    seen = enter <= leave
    enter, leave, start, step = enter[seen], leave[seen], start[:, seen], step[:, seen]
    return start + step * enter, step * (leave - enter), owner[seen]


def _row(text: str, owner: Any, colors: Sequence[Color]) -> str:
    """A line in which neighbours of one colour share its sequence."""
    parts, painted, begun = [], None, 0
    edges = np.flatnonzero(owner[1:] != owner[:-1]) + 1
    for end, i in zip([*edges.tolist(), len(text)], owner[[0, *edges]].tolist(), strict=True):
        color = colors[i] if i >= 0 else None
        if color != painted:
            parts.append(_code(color) if color else RESET)
            painted = color
        parts.append(text[begun:end])
        begun = end
    return "".join(parts) + (RESET if painted else "")


RESET = "\x1b[0m"


def _code(color: Color) -> str:
    return f"\x1b[38;2;{color[0]};{color[1]};{color[2]}m"


def _painted(text: str, color: Color) -> str:
    return f"{_code(color)}{text}{RESET}"
