"""A chart drawn by plotext: lines and glyphs in the units of the data, our own ticks, caption and legend.

plotext has one figure for the whole process, so that one chart is drawn at a time. Its log axes fail at 0 and are
labelled 31622776.6, so that it gets logs and ticks; its legend lies over the data, so that ours stands above. It is
imported by the first drawing, 25 ms that the app's first paint does not wait for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

import numpy as np

from flopsfit_tui.report.plots.palette import Color, Palette
from flopsfit_tui.report.plots.thinning import (
    ACROSS,
    DOWN,
    Grid,
    Points,
    bins,
    distinct,
    extremes,
    in_sight,
    middle,
    one_in_a_cell,
    sharing_cells,
)
from flopsfit_tui.report.plots.ticks import Tick, linear_ticks, log_ticks
from flopsfit_tui.report.plots.viewport import WHOLE, Range, Viewport

Legend = Sequence[tuple[str, Color]]
Curve = tuple[Iterable[float], Iterable[float]]  # x and y
_FIGURE = Lock()  # plotext's


@dataclass(frozen=True)
class Axis:
    """How an axis runs, and what stands at its ticks; `flipped` is the other scale."""

    log: bool
    label: Callable[[float], str] | None = None  # None: as many decimals as the ticks' distance needs
    places: Callable[[int], list[Tick]] | None = None  # ticks of its own, given how many there is room for

    def flipped(self, really: bool = True) -> Axis:
        """Linear instead of log, or log instead of linear."""
        return replace(self, log=self.log != really)

    def ticks(self, low: float, high: float, most: int) -> list[Tick]:
        """At most about `most` between two places on the axis, which are logs where it is one."""
        return [tick for tick in self._ticks(low, high, most) if low <= tick[0] <= high]

    def ends(self, low: float, high: float) -> list[Tick]:
        """A tick near each end, exact to four digits: where no two round numbers lie between them."""
        air = 0.05 * (high - low)
        label = (
            self.label if self.label and not self.log and self.label(low) != self.label(high) else partial(_digits, 4)
        )
        return [(at, label(10**at if self.log else at)) for at in (low + air, high - air)]

    def _ticks(self, low: float, high: float, most: int) -> list[Tick]:
        if self.places is not None:
            return self.places(most)
        if self.log and self.label:
            return log_ticks(10**low, 10**high, most, self.label)
        if self.log:
            found = log_ticks(10**low, 10**high, most, partial(_digits, 3))
            digits = next((d for d in (3, 4, 5) if len({_digits(d, 10**at) for at, _ in found}) == len(found)), 6)
            return [(at, _digits(digits, 10**at)) for at, _ in found]
        label = self.label
        return [(at, label(at) if label else text) for at, text in linear_ticks(low, high, most)]


@dataclass(frozen=True)
class _Shape:
    curves: Sequence[Points]  # in the units of the axes; NaN is a gap
    color: Color
    marker: str  # empty: the curves are lines
    around: Sequence[Points] = ()  # whose dots are also drawn, where they share characters with the line


@dataclass
class Chart:
    """Collects what to draw, in the units of the data. Later things lie on top. What a log axis cannot show is left
    out."""

    width: int  # of the whole plot, in characters
    height: int
    palette: Palette
    x: Axis
    y: Axis
    viewport: Viewport = WHOLE
    read: str = ""  # what is read off it: stands in the place of the caption, and does not give way
    _shapes: list[_Shape] = field(default_factory=list)
    _vertical: list[tuple[float, Color]] = field(default_factory=list)
    _horizontal: list[tuple[float, Color]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._shapes

    def lines(self, curves: Iterable[Curve], color: Color) -> None:
        """Polylines of one colour, drawn as one."""
        found = [points for points in (self._points(*curve) for curve in curves) if points[0].size > 1]
        if found:
            self._shapes.append(_Shape(found, color, ""))

    def line(self, x: Iterable[float], y: Iterable[float], color: Color) -> None:
        """A polyline."""
        self.lines([(x, y)], color)

    def band(self, line: Curve, edges: Sequence[Curve], color: Color) -> None:
        """A polyline between two dimmer ones; where they share characters both are in its colour."""
        around = [points for points in (self._points(*edge) for edge in edges) if points[0].size > 1]
        self.lines(edges, self.palette.dim(color))
        self.lines([line], color)
        if around and self._shapes[-1].color == color:
            self._shapes[-1] = replace(self._shapes[-1], around=around)

    def bars(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], color: Color) -> None:
        """A vertical line from low to high at each x."""
        (across, bottom), (_, top) = self._points(x, low), self._points(x, high)
        if across.size and across.size == top.size:
            gap = np.full_like(across, np.nan)
            pieces = np.stack([across, across, gap], axis=1).ravel(), np.stack([bottom, top, gap], axis=1).ravel()
            self._shapes.append(_Shape([pieces], color, ""))

    def dots(self, x: Iterable[float], y: Iterable[float], color: Color, marker: str) -> None:
        """One glyph at each place."""
        points = self._points(x, y)
        if points[0].size:
            self._shapes.append(_Shape([points], color, marker))

    def vertical_line(self, x: float, color: Color) -> None:
        """From the bottom to the top, under everything else."""
        self._vertical += [(at, color) for at in self._points([x], [1.0])[0].tolist()]

    def horizontal_line(self, y: float, color: Color) -> None:
        """From the left to the right, under everything else."""
        self._horizontal += [(at, color) for at in self._points([1.0], [y])[1].tolist()]

    def _points(self, x: Iterable[float], y: Iterable[float]) -> Points:
        across, up = np.array(tuple(x), dtype=float), np.array(tuple(y), dtype=float)
        shown = np.isfinite(across) & np.isfinite(up)
        shown &= ((across > 0) | (not self.x.log)) & ((up > 0) | (not self.y.log))
        across, up = across[shown], up[shown]
        return np.log10(across) if self.x.log else across, np.log10(up) if self.y.log else up

    def text(self, caption: str, legend: Legend) -> str:
        """One line of caption and legend above the axes; the caption ends with how the axes run."""
        x_range, y_range = self._in_sight()
        rows = self.height - 3  # caption, axis, labels
        y_ticks = _in_rows(self.y.ticks(*y_range, max(2, rows // 3)), y_range, rows)
        if len(y_ticks) < 2:
            y_ticks = _in_rows(self.y.ends(*y_range), y_range, rows)
        columns = self.width - 1 - max((len(label) for _, label in y_ticks), default=0)
        x_ticks = _with_room(self.x.ticks(*x_range, max(2, self.width // 10)), x_range, columns)
        if len(x_ticks) < 2:
            x_ticks = _with_room(self.x.ends(*x_range), x_range, columns)
        body = self._drawn(Grid(x_range, y_range, columns, rows), x_ticks, y_ticks)
        above = header(self.read or caption, self._scales(), legend, self.width, self.palette, bool(self.read))
        return f"{above}\n{body}"

    def _scales(self) -> str:
        """Which axes are logs."""
        return {(True, True): "log axes", (True, False): "log x", (False, True): "log y"}.get(
            (self.x.log, self.y.log), "linear axes"
        )

    def _in_sight(self) -> tuple[Range, Range]:
        """What of both axes is shown; a linear one does not go below zero for numbers that do not."""
        found = []
        for number, (axis, air, part) in enumerate(
            ((self.x, 0.03, self.viewport.x_range), (self.y, 0.07, self.viewport.y_range))
        ):
            low, high = self._range(number)
            shown = part(padded(low, high, air))
            found.append((max(0.0, shown[0]), shown[1]) if low >= 0 and not axis.log and shown[1] > 0 else shown)
        return found[0], found[1]

    def fractions(self, x: float, y: float) -> tuple[float, float]:
        """Where a place lies in what is in sight, from the lower left."""
        (left, right), (bottom, top) = self._in_sight()
        points = self._points([x], [y])
        if not points[0].size:
            return math.inf, math.inf
        across, up = float(points[0][0]), float(points[1][0])
        return (across - left) / (right - left), (up - bottom) / (top - bottom)

    def _range(self, axis: int) -> Range:
        values = [points[axis] for shape in self._shapes for points in shape.curves]
        return min(float(np.nanmin(v)) for v in values), max(float(np.nanmax(v)) for v in values)

    def _drawn(self, grid: Grid, x_ticks: list[Tick], y_ticks: list[Tick]) -> str:
        shapes = [(_thinned(shape, grid), shape) for shape in self._shapes]
        with _FIGURE:
            import plotext  # 25 ms, see above

            plotext.clear_figure()
            plotext.theme("clear")  # on the terminal's own background
            plotext.ticks_color(self.palette.muted)
            plotext.limit_size(False, False)
            plotext.plot_size(self.width, self.height - 1)
            plotext.xaxes(True, False)
            plotext.yaxes(True, False)
            plotext.xlim(*grid.x)
            plotext.ylim(*grid.y)
            plotext.xticks([at for at, _ in x_ticks], [label for _, label in x_ticks])
            plotext.yticks([at for at, _ in y_ticks], [label for _, label in y_ticks])
            for at, color in self._horizontal:
                for y in one_in_a_cell(np.array(grid.x[:1]), np.array([at]), grid)[1].tolist():
                    plotext.horizontal_line(y, color)
            for at, color in self._vertical:
                for x in one_in_a_cell(np.array([at]), np.array(grid.y[:1]), grid)[0].tolist():
                    plotext.vertical_line(x, color)
            for (x, y), shape in shapes:
                draw = plotext.scatter if shape.marker else plotext.plot
                draw(x.tolist(), y.tolist(), marker=shape.marker or "braille", color=shape.color)
            text: str = plotext.build()
            plotext.clear_figure()
        return text.rstrip("\n")


def _thinned(shape: _Shape, grid: Grid) -> Points:
    """What plotext gets of a shape: its curves as one series, with NaN between them."""
    if shape.marker:
        return one_in_a_cell(*shape.curves[0], grid)
    gap = np.array([np.nan])
    x, y = [], []
    for points in distinct(shape.curves, grid):
        across, up = extremes(*in_sight(*points, grid), grid)
        x += [across, gap]
        y += [up, gap]
    if shape.around:
        across, up = sharing_cells(shape.curves[0], shape.around, grid)
        x.append(across)
        y.append(up)
    return np.concatenate(x), np.concatenate(y)


def _in_rows(ticks: list[Tick], between: Range, rows: int) -> list[Tick]:
    """At most one tick a row, from the bottom, each in the row of what lies there."""
    found: dict[int, str] = {}
    for label, row in _cells(ticks, between, rows, DOWN):
        found.setdefault(row, label)
    places = middle(np.array(list(found), dtype=np.int64), between, rows)
    return list(zip(places.tolist(), found.values(), strict=True))


def _with_room(ticks: list[Tick], between: Range, columns: int) -> list[Tick]:
    """Those whose labels do not run together: plotext would drop one of the two, and not always the same."""
    found: dict[int, str] = {}
    last, before = -math.inf, 0  # the place and the length of the label before
    for label, column in _cells(ticks, between, columns, ACROSS):
        length = len(label)
        if column - last >= max(length + before // 2, before + length // 2) + 2:
            found[column] = label
            last, before = column, length
    places = middle(np.array(list(found), dtype=np.int64), between, columns)
    return list(zip(places.tolist(), found.values(), strict=True))


def _cells(ticks: list[Tick], between: Range, count: int, dots: int) -> list[tuple[str, int]]:
    cells = bins(np.array([at for at, _ in ticks], dtype=float), between, dots * count) // dots
    return list(zip((label for _, label in ticks), cells.tolist(), strict=True))


def _digits(digits: int, value: float) -> str:
    return f"{value:.{digits}g}"


def padded(low: float, high: float, share: float) -> Range:
    """A range with some air at both ends; a single value gets a range about it."""
    air = (high - low) * share or abs(high) * 0.05 or 0.1
    return low - air, high + air


def header(caption: str, scales: str, legend: Legend, width: int, palette: Palette, keep: bool = False) -> str:
    """Caption at the left, legend at the right.

    The caption gives way, first from its comma on, then wholly: how the axes run stays, and the legend goes instead.
    One that is kept loses only its end.
    """
    wanted = 0 if keep else sum(len(text) + 2 for text, _ in legend)
    whole = f"{caption}, {scales}"
    first = caption.partition(",")[0]
    shorter = (caption,) if keep else (f"{first}, {scales}", f"{first.partition(' by ')[0]}, {scales}", scales)
    caption = next((c for c in (whole, *shorter) if len(c) + wanted <= width), shorter[-1])
    if len(caption) > width:
        caption = f"{caption[: max(0, width - 1)].rstrip()}…"[:width]
    room, shown = width - len(caption), []
    for text, color in legend:
        if len(text) + 2 > room:
            break
        room -= len(text) + 2
        shown.append("  " + paint(text, color))
    return paint(caption, palette.muted) + " " * room + "".join(shown)


def paint(text: str, color: Color) -> str:
    """Text in a colour."""
    return f"\x1b[38;2;{color[0]};{color[1]};{color[2]}m{text}\x1b[0m"
