"""A small canvas: lines, dots, ticks and a caption, as text with ANSI colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.report.palette import Color, Palette
from flopsfit_tui.report.raster import Shape, Side, draw
from flopsfit_tui.report.ticks import Tick, linear_ticks, log_ticks
from flopsfit_tui.report.window import WHOLE, Window

MANY = 20  # places from which on arrays are quicker
Legend = Sequence[tuple[str, Color]]


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


@dataclass
class Canvas:
    """Collects what to draw, in the units of the data. Later things lie on top. What a log axis cannot show is left
    out."""

    width: int  # of the whole plot, in characters
    height: int
    palette: Palette
    x: Axis
    y: Axis
    window: Window = WHOLE
    _x: list[float] = field(default_factory=list)
    _y: list[float] = field(default_factory=list)
    _shapes: list[Shape] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._shapes

    def line(self, x: Iterable[float], y: Iterable[float], color: Color) -> None:
        """A polyline."""
        places = self._places(x, y)
        if len(places[0]) > 1:
            self._add(Shape(*places, color))

    def dots(self, x: Iterable[float], y: Iterable[float], color: Color, marker: str) -> None:
        """One glyph at each place."""
        places = self._places(x, y)
        if places[0]:
            self._add(Shape(*places, color, marker))

    def upright(self, x: float, color: Color) -> None:
        """A line from the bottom to the top."""
        if self._y:
            (at,), low, high = self._places([x], [1.0])[0], min(self._y), max(self._y)
            self._shapes.append(Shape([at, at], [low, high], color))

    def _places(self, x: Iterable[float], y: Iterable[float]) -> tuple[list[float], list[float]]:
        if isinstance(x, tuple) and isinstance(y, tuple) and len(x) > MANY:
            return self._many_places(np.array(x), np.array(y))
        pairs = [
            (math.log10(a) if self.x.log else a, math.log10(b) if self.y.log else b)
            for a, b in zip(x, y, strict=True)
            if (a > 0 or not self.x.log) and (b > 0 or not self.y.log) and math.isfinite(a) and math.isfinite(b)
        ]
        return [a for a, _ in pairs], [b for _, b in pairs]

    def _many_places(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
        shown = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not self.x.log)) & ((y > 0) | (not self.y.log))
        x, y = x[shown], y[shown]
        return (np.log10(x) if self.x.log else x).tolist(), (np.log10(y) if self.y.log else y).tolist()

    def _add(self, shape: Shape) -> None:
        self._x += shape.x
        self._y += shape.y
        self._shapes.append(shape)

    def text(self, caption: str, legend: Legend) -> str:
        """One line of caption and legend above the axes."""
        x_range = self.window.across(padded(min(self._x), max(self._x), 0.03))
        y_range = self.window.upward(padded(min(self._y), max(self._y), 0.07))
        x = Side(*x_range, _inside(self.x.ticks(*x_range, max(2, self.width // 10)), x_range))
        y = Side(*y_range, _inside(self.y.ticks(*y_range, max(2, (self.height - 2) // 3)), y_range))
        body = draw(self._shapes, self.width, self.height - 1, x, y, self.palette.muted)
        return f"{header(caption, legend, self.width, self.palette)}\n{body}"


def _inside(ticks: list[Tick], between: tuple[float, float]) -> list[Tick]:
    return [tick for tick in ticks if between[0] <= tick[0] <= between[1]]


def _digits(digits: int, value: float) -> str:
    return f"{value:.{digits}g}"


def padded(low: float, high: float, share: float) -> tuple[float, float]:
    """A range with some air at both ends; a single value gets a range about it."""
    air = (high - low) * share or abs(high) * 0.05 or 0.1
    return low - air, high + air


def header(caption: str, legend: Legend, width: int, palette: Palette) -> str:
    """Caption at the left, legend at the right; the caption gives way, first from its comma on, then wholly."""
    wanted = sum(len(text) + 2 for text, _ in legend)
    shorter = caption.partition(",")[0]
    caption = next((c for c in (caption, shorter, "") if len(c) + wanted <= width), caption)[:width]
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
