"""A small canvas over plotext: lines, dots, ticks and a caption, as text with ANSI colours."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import plotext

from flopsfit_tui.report.palette import Color, Palette
from flopsfit_tui.report.ticks import Tick

Legend = Sequence[tuple[str, Color]]
Ticks = Callable[[float, float, int], list[Tick]]  # (low, high, at most) -> ticks
_one_at_a_time = threading.Lock()  # plotext has one figure for the whole process


@dataclass
class Canvas:
    """Collects what to draw, in the units of the axes: logs where an axis is one. Later things lie on top."""

    width: int  # of the whole plot, in characters
    height: int
    palette: Palette
    _x: list[float] = field(default_factory=list)
    _y: list[float] = field(default_factory=list)
    _draw: list[Callable[[], None]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._draw

    def line(self, x: Sequence[float], y: Sequence[float], color: Color) -> None:
        """A polyline."""
        if len(x) > 1:
            self._add(x, y, lambda: plotext.plot(list(x), list(y), marker="braille", color=color))

    def dots(self, x: Sequence[float], y: Sequence[float], color: Color, marker: str) -> None:
        """One glyph at each place."""
        if x:
            self._add(x, y, lambda: plotext.scatter(list(x), list(y), marker=marker, color=color))

    def _add(self, x: Iterable[float], y: Iterable[float], draw: Callable[[], None]) -> None:
        self._x += x
        self._y += y
        self._draw.append(draw)

    def text(self, caption: str, legend: Legend, x_ticks: Ticks, y_ticks: Ticks) -> str:
        """One line of caption and legend above the axes."""
        x_range = padded(min(self._x), max(self._x), 0.03)
        y_range = padded(min(self._y), max(self._y), 0.07)
        with _one_at_a_time:
            plotext.clear_figure()
            plotext.theme("clear")
            plotext.limit_size(False, False)  # else it looks at the terminal, which may be another or none
            plotext.plotsize(self.width, self.height - 1)
            plotext.xaxes(True, False)
            plotext.yaxes(True, False)
            plotext.ticks_color(self.palette.muted)
            plotext.axes_color("default")
            for draw in self._draw:
                draw()
            plotext.xlim(*x_range)
            plotext.ylim(*y_range)
            at = x_ticks(*x_range, max(2, self.width // 10))
            plotext.xticks([place for place, _ in at], [label for _, label in at])
            at = y_ticks(*y_range, max(2, (self.height - 2) // 3))
            plotext.yticks([place for place, _ in at], [label for _, label in at])
            body = str(plotext.build())
        return f"{header(caption, legend, self.width, self.palette)}\n{body.rstrip(chr(10))}"


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


def logs(values: Iterable[float]) -> list[float]:
    """log10 of each."""
    return [math.log10(value) for value in values]
