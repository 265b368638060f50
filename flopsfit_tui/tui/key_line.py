"""The last line: the keys that do something now. Textual's Footer would make its widgets anew at every change."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual import events
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget

from flopsfit_tui.tui.keys import in_usual_order
from flopsfit_tui.tui.look import palette_of, style

LAST = ("Help", "Quit")  # stand at the end, and stay when there is no room for others


class KeyLine(Widget):
    """Reads the screen's bindings whenever they may be others."""

    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[tuple[str, str, str]] = []  # key, words, action
        self._ends: list[int] = []  # column after each

    def on_mount(self) -> None:
        """Listen for other bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._updated)
        self._updated(self.screen)

    def _updated(self, screen: Screen[Any]) -> None:
        shown = _shown(self.app, screen)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Text:
        """Keys and words, as many as there is room for."""
        palette, room = palette_of(self.app), self.size.width
        fixed = [entry for entry in self._shown if entry[1] in LAST]
        room -= sum(_width(entry) for entry in fixed)
        fitting = []
        for entry in self._shown:
            if entry not in fixed and _width(entry) <= room:
                room -= _width(entry)
                fitting.append(entry)
        text = Text(no_wrap=True)
        self._drawn = fitting + fixed
        self._ends = []
        for key, words, _ in self._drawn:
            text.append(f" {key} ", style(palette.live, bold=True)).append(f"{words} ", style(palette.muted))
            self._ends.append(text.cell_len)
        return text

    async def on_click(self, event: events.Click) -> None:
        """A click is the key."""
        for end, (_, _, action) in zip(self._ends, self._drawn, strict=True):
            if event.x < end:
                await self.screen.run_action(action)
                return

    _drawn: list[tuple[str, str, str]] = []  # noqa: RUF012 - replaced, never changed


def _width(entry: tuple[str, str, str]) -> int:
    return len(entry[0]) + len(entry[1]) + 3


def _shown(app: App[Any], screen: Screen[Any]) -> list[tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    for active in in_usual_order(screen):
        binding = active.binding
        if binding.show and binding.description and active.enabled:
            key = binding.key_display or app.get_key_display(binding)
            namespace = "app." if active.node is app and "." not in binding.action else ""
            found.setdefault(binding.description, (key, binding.description, namespace + binding.action))
    order = list(found)
    order.sort(key=lambda words: LAST.index(words) if words in LAST else -1)
    return [found[words] for words in order]
