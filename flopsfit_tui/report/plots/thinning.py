"""Fewer points for the same picture: plotext's time goes with the points that it is given, a terminal has few dots.

All of it works on arrays in the units of the axes (logs where an axis is one); NaN ends a line and begins the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Points = tuple[Floats, Floats]  # x and y, of one length

ACROSS, DOWN = 2, 4  # dots of a braille character
ALL_DRAWN = 8  # curves of one colour that are all drawn; of more only those that can be told apart
NEAR = 1  # rows about a curve in which another cannot be told from it
SAME = 0.95  # of a curve's columns in which it lies on others: then it is not drawn


@dataclass(frozen=True)
class Grid:
    """The ranges in sight, and the characters that show them.

    plotext counts the dots of lines and the characters of glyphs each for itself, so that they may lie a character
    apart: here everything lies where a line's dots do.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    columns: int
    rows: int

    def cells(self, x: Floats, y: Floats) -> tuple[Integers, Integers]:
        """Column and row of the character that a line through each point has there, rows upwards."""
        return bins(x, self.x, ACROSS * self.columns) // ACROSS, bins(y, self.y, DOWN * self.rows) // DOWN


def bins(values: Floats, between: tuple[float, float], count: int) -> Integers:
    """As plotext counts them: the ends of the range lie in the middle of the first and the last."""
    share = (values - between[0]) / (between[1] - between[0])
    share = np.where(np.isfinite(share), np.clip(share, -1, 2), -1)
    found: Integers = np.floor(0.5 + (count - 1) * share).astype(np.int64)
    return found


def in_sight(x: Floats, y: Floats, grid: Grid) -> Points:
    """The parts of lines that lie in the grid's ranges (Liang and Barsky's clipping, ACM TOG 3(1), 1984).

    plotext draws a line dot by dot also where it is out of sight: zoomed in, that would be millions.
    """
    low, high = np.array([[grid.x[0]], [grid.y[0]]]), np.array([[grid.x[1]], [grid.y[1]]])
    places = np.stack([x, y])
    if np.all(np.isnan(places) | ((places >= low) & (places <= high))):
        return x, y
    start, step = places[:, :-1], np.diff(places)
    joined = np.isfinite(step).all(axis=0)
    start, step = start[:, joined], step[:, joined]
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - start) / step, (high - start) / step
    still, inside = step == 0, (start >= low) & (start <= high)
    enter = np.where(still, np.where(inside, -np.inf, np.inf), np.minimum(one, other)).max(axis=0, initial=0.0)
    leave = np.where(still, np.inf, np.maximum(one, other)).min(axis=0, initial=1.0)
    seen = enter <= leave
    enter, leave, start, step = enter[seen], leave[seen], start[:, seen], step[:, seen]
    begin = np.clip(start + step * enter, low, high)
    end = np.clip(start + step * leave, low, high)
    pieces = np.stack([begin, end, np.full_like(begin, np.nan)], axis=2).reshape(2, -1)
    return pieces[0], pieces[1]


def extremes(x: Floats, y: Floats, grid: Grid) -> Points:
    """Of the neighbours in one column of dots only the first, the lowest, the highest and the last."""
    if x.size <= ACROSS * grid.columns:
        return x, y
    column = bins(x, grid.x, ACROSS * grid.columns)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(starts[1:], x.size)
    run = np.repeat(np.arange(starts.size), ends - starts)
    by_height = np.lexsort((y, run))
    kept = np.unique(np.concatenate([starts, ends - 1, by_height[starts], by_height[ends - 1]]))
    return x[kept], y[kept]


def distinct(curves: Sequence[Points], grid: Grid) -> list[Points]:
    """Of many curves of one colour those that can be told apart, in order; a few are all kept.

    Curves run to the right. One whose cells others have already, give or take a row, would change hardly a dot.
    """
    if len(curves) <= ALL_DRAWN:
        return list(curves)
    taken, kept = np.zeros((grid.columns, grid.rows + 2 * NEAR), dtype=bool), []
    across = np.linspace(*grid.x, grid.columns)
    for x, y in curves:
        good = np.isfinite(x) & np.isfinite(y)
        between = (across >= x[good].min()) & (across <= x[good].max()) if good.any() else np.zeros(grid.columns, bool)
        column = np.flatnonzero(between)
        row = bins(np.interp(across[column], x[good], y[good]), grid.y, grid.rows)
        seen = (row >= 0) & (row < grid.rows)
        column, row = column[seen], row[seen]
        if column.size and taken[column, row + NEAR].mean() >= SAME:
            continue
        kept.append((x, y))
        for near in range(-NEAR, NEAR + 1):
            taken[column, row + NEAR + near] = True
    return kept


def one_in_a_cell(x: Floats, y: Floats, grid: Grid) -> Points:
    """Of the points in sight one for each character, in its middle: plotext places glyphs a little beside lines."""
    column, row = grid.cells(x, y)
    seen = (column >= 0) & (column < grid.columns) & (row >= 0) & (row < grid.rows)
    column, row = np.unique(np.stack([column[seen], row[seen]]), axis=1)
    return middle(column, grid.x, grid.columns), middle(row, grid.y, grid.rows)


def sharing_cells(line: Points, others: Sequence[Points], grid: Grid) -> Points:
    """The dots of other curves that lie in characters of a line, NaN between them; all run to the right.

    A character has one colour and shows one series: a narrow band about a line would be hidden by it.
    """
    across = middle(np.arange(ACROSS * grid.columns), grid.x, ACROSS * grid.columns)
    found = [np.empty((2, 0))]
    for x, y in others:
        at = across[(across >= max(x[0], line[0][0])) & (across <= min(x[-1], line[0][-1]))]
        up = np.interp(at, x, y)
        shared = grid.cells(at, up)[1] == grid.cells(at, np.interp(at, *line))[1]
        found.append(np.stack([at[shared], up[shared]]))
    dots = np.concatenate(found, axis=1)
    gaps = np.stack([dots, np.full_like(dots, np.nan)], axis=2).reshape(2, -1)
    return gaps[0], gaps[1]


def middle(cells: Integers, between: tuple[float, float], count: int) -> Floats:
    """Where on an axis cells lie, of `count` in a range."""
    return between[0] + cells / max(1, count - 1) * (between[1] - between[0])
