"""A place for a plot: draws it to its own size, again only when its series, its size or the view is another.

What is drawn is a `Picture`, so that another can be put in the same place without laying out the screen again. The
wheel zooms about the pointer, dragging moves the plot, a double click shows the whole again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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


@dataclass(eq=False)
class Picture:
    """A plot, how a person looks at it, and the lines it was last drawn in."""

    draw: Draw | None = None
    version: object = None  # of what `draw` draws
    view: View = PLAIN
    drawn: tuple[Any, ...] = ()  # what the lines were drawn for
    lines: list[Strip] = field(default_factory=list)


class PlotView(Widget):
    """Shows a picture."""

    DEFAULT_CSS = "PlotView { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._picture = Picture()
        self._held: Offset | None = None  # where the mouse holds it

    @property
    def view(self) -> View:
        """How it is looked at."""
        return self._picture.view

    def hang(self, picture: Picture, title: str) -> None:
        """Show another picture, looked at as it was last."""
        if picture is not self._picture:
            self._picture, self._held = picture, None
            self.border_title = title
            self.refresh()

    def show(self, version: object, draw: Draw) -> None:
        """Draw this from now on; nothing happens when `version` is what is shown already."""
        if version != self._picture.version:
            self._picture.version, self._picture.draw = version, draw
            self.refresh()

    def look(self, view: View) -> None:
        """Look at it otherwise."""
        if view != self.view:
            self._picture.view = view
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
        at = event.get_content_offset_capture(self)
        self.zoom(times, (at.x + 0.5) / width, 1 - (at.y + 0.5) / height)

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
        picture, size = self._picture, self.size
        wanted = (picture.version, size, self.app.theme, picture.view)
        if picture.draw is not None and wanted != picture.drawn:
            text = picture.draw(size.width, size.height, palette_of(self.app), picture.view)
            picture.lines = [_strip(line, size.width, self.rich_style) for line in text.split("\n")]
            picture.drawn = wanted
        return picture.lines[y] if y < len(picture.lines) else Strip.blank(size.width, self.rich_style)


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
