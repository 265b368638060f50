"""The last line: the keys that do something now, as many as fit.

First those that a screen shows at any width, then the others: those of the panel with the focus before those of the
screen, plots' keys only where a plot is chosen. Textual's Footer would make its widgets anew at every change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.active_keys import in_default_order, moves

NEVER = 9  # a rank
LAST = ("Help", "Quit")  # stand at the end, and stay when there is no room for others


class Entry(NamedTuple):
    """A key, what it does, and how."""

    key: str
    words: str
    action: str
    node: DOMNode

    @property
    def width(self) -> int:
        return len(self.key) + len(self.words) + 3


class Footer(Widget):
    """Reads the screen's bindings whenever they may be others."""

    DEFAULT_CSS = "Footer { dock: bottom; height: 1; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Entry] = []
        self._drawn: list[Entry] = []
        self._ends: list[int] = []  # column after each

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._updated)
        self._updated(self.screen)

    def _updated(self, screen: Screen[Any]) -> None:
        shown = _shown(self.app, screen)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Text:
        """Keys and words, as many as fit."""
        palette, room = palette_of(self.app), self.size.width
        fixed = [entry for entry in self._shown if entry.words in LAST]
        room -= sum(entry.width for entry in fixed)
        fitting = []
        for entry in self._shown:
            if entry not in fixed and entry.width <= room:
                room -= entry.width
                fitting.append(entry)
        text = Text(no_wrap=True)
        self._drawn = fitting + fixed
        self._ends = []
        for entry in self._drawn:
            text.append(f" {entry.key} ", style(palette.live, bold=True)).append(
                f"{entry.words} ", style(palette.muted)
            )
            self._ends.append(text.cell_len)
        return text

    async def on_click(self, event: events.Click) -> None:
        for end, entry in zip(self._ends, self._drawn, strict=True):
            if event.x < end:
                await self.app.run_action(entry.action, entry.node)
                return


def _shown(app: App[Any], screen: Screen[Any]) -> list[Entry]:
    found: dict[str, Entry] = {}
    ranked = [(_rank(active, screen), place, active) for place, active in enumerate(in_default_order(screen))]
    for rank, _, active in sorted(ranked, key=lambda entry: entry[:2]):
        if rank < NEVER and active.enabled:
            binding = active.binding
            key = binding.key_display or app.get_key_display(binding)
            words = binding.description.removeprefix("Plot: ")
            words = words[:1].upper() + words[1:]
            found.setdefault(words, Entry(key, words, binding.action, active.node))
    order = list(found)
    order.sort(key=lambda words: LAST.index(words) if words in LAST else -1)
    return [found[words] for words in order]


def _rank(active: ActiveBinding, screen: Screen[Any]) -> int:
    """How early a key is shown; NEVER for one that anybody finds without being told."""
    binding = active.binding
    if binding.description and binding.show:
        return 0
    if moves(binding) or str(binding.id).startswith("panel_"):  # whose numbers stand on the tabs
        return NEVER
    if binding.description.startswith("Plot:"):
        return 1 if getattr(screen, "plot_chosen", True) else 4
    return 3 if active.node is screen else 2
