"""A place for a plot: draws it to its own size, again only when its series or its size is another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.text import Text
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
        self._text = Text()

    def show(self, version: object, draw: Draw) -> None:
        """Draw this from now on; nothing happens when `version` is what is shown already."""
        if version != self._version:
            self._version, self._draw = version, draw
            self.refresh()

    def render(self) -> Text:
        """The plot at the present size."""
        palette = palette_of(self.app)
        wanted = (self._version, self.size, palette)
        if self._draw is not None and wanted != self._drawn:
            self._text = Text.from_ansi(self._draw(self.size.width, self.size.height, palette), no_wrap=True)
            self._drawn = wanted
        return self._text
