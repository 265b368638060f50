"""A place for a plot: draws it to its own size, again only when its series or its size is another."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from flopsfit_tui.report.palette import Palette
from flopsfit_tui.tui.look import palette_of

Draw = Callable[[int, int, Palette], str]


class PlotView(Widget):
    """Shows what a plot function draws."""

    DEFAULT_CSS = "PlotView { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._draw: Draw | None = None
        self._version: object = None
        self._drawn: tuple[Any, ...] = ()
        self._lines: list[Strip] = []

    def show(self, version: object, draw: Draw) -> None:
        """Draw this from now on; nothing happens when `version` is what is shown already."""
        if version != self._version:
            self._version, self._draw = version, draw
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the plot at the present size."""
        wanted = (self._version, self.size, self.app.theme)
        if self._draw is not None and wanted != self._drawn:
            text = self._draw(self.size.width, self.size.height, palette_of(self.app))
            self._lines = [_strip(line, self.size.width, self.rich_style) for line in text.split("\n")]
            self._drawn = wanted
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)


def _strip(line: str, width: int, base: Style) -> Strip:
    """A line of text with the 24-bit colours of the plots, and no other control sequences, as a strip."""
    segments = []
    for i, part in enumerate(line.split("\x1b[")):
        if not i:
            segments.append(Segment(part, base))
            continue
        code, _, text = part.partition("m")
        if text:
            segments.append(Segment(text, base + _style(code)))
    return Strip(segments).adjust_cell_length(width, base)


@lru_cache(maxsize=256)
def _style(code: str) -> Style:
    numbers = code.split(";")
    if numbers[:2] == ["38", "2"] and len(numbers) == 5:
        return Style(color=Color.from_rgb(*map(float, numbers[2:])))
    return Style.null()
