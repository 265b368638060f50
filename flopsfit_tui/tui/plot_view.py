"""A place for a plot: draws it to its own size, again only when its series, its size or the view is another.

The wheel zooms about the pointer, dragging moves the plot, a double click shows the whole again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset
from textual.strip import Strip
from textual.widget import Widget

from flopsfit_tui.report.palette import Palette
from flopsfit_tui.report.window import PLAIN, WHOLE, View
from flopsfit_tui.tui.look import palette_of

Draw = Callable[[int, int, Palette, View], str]
WHEEL = 1.25  # times nearer a turn


class PlotView(Widget):
    """Shows what a plot function draws."""

    DEFAULT_CSS = "PlotView { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._draw: Draw | None = None
        self._version: object = None
        self._held: Offset | None = None  # where the mouse holds it
        self.view = PLAIN
        self._drawn: tuple[Any, ...] = ()
        self._lines: list[Strip] = []

    def show(self, version: object, draw: Draw) -> None:
        """Draw this from now on; nothing happens when `version` is what is shown already."""
        if version != self._version:
            self._version, self._draw = version, draw
            self.refresh()

    def look(self, view: View) -> None:
        """Look at it otherwise."""
        if view != self.view:
            self.view = view
            self.refresh()

    def zoom(self, times: float, x: float = 0.5, y: float = 0.5) -> None:
        """Nearer, about a place given as fractions of what is in sight; 0 times shows the whole."""
        window = self.view.window.zoomed(times, x, y) if times else WHOLE
        self.look(replace(self.view, window=window))

    def pan(self, x: float, y: float) -> None:
        """Look further right and up, by fractions of what is in sight."""
        self.look(replace(self.view, window=self.view.window.moved(x, y)))

    # ---- the mouse ----

    def _wheel(self, event: events.MouseEvent, times: float) -> None:
        event.stop()
        width, height = max(1, self.size.width), max(1, self.size.height)
        self.zoom(times, (event.x + 0.5) / width, 1 - (event.y + 0.5) / height)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Nearer."""
        self._wheel(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Further away."""
        self._wheel(event, 1 / WHEEL)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of it."""
        if event.button == 1:
            self._held = event.screen_offset
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw it along."""
        if self._held is not None:
            moved, self._held = event.screen_offset - self._held, event.screen_offset
            self.pan(-moved.x / max(1, self.size.width), moved.y / max(1, self.size.height))

    def on_mouse_up(self) -> None:
        """Let go."""
        self._held = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Twice: the whole again."""
        if event.chain == 2:
            self.zoom(0)

    # ---- drawing ----

    def render_line(self, y: int) -> Strip:
        """A line of the plot at the present size."""
        wanted = (self._version, self.size, self.app.theme, self.view)
        if self._draw is not None and wanted != self._drawn:
            text = self._draw(self.size.width, self.size.height, palette_of(self.app), self.view)
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
