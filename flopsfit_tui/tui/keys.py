"""The help: every key that does something here, read off the bindings themselves."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from rich.text import Text
from textual.app import App
from textual.binding import ActiveBinding
from textual.screen import Screen

from flopsfit_tui.report.palette import Palette
from flopsfit_tui.tui.columns import Field, columns_text
from flopsfit_tui.tui.look import style

LEFT_OUT = ("focus_", "app.focus_", "screen.copy", "scroll_", "page_left", "page_right", "help_quit")  # Textual's own


TWO_COLUMNS, FEW = 80, 12  # characters from which on keys stand in two columns, when there are more than a few


def help_text(app: App[Any], screen: Screen[Any], width: int, palette: Palette) -> Text:
    """Keys and what they do, those of the screen first."""
    keys: dict[str, list[str]] = {}
    for active in sorted(
        in_usual_order(screen), key=lambda active: _rank(active.node, active.binding.description, app, screen)
    ):
        binding = active.binding
        if not binding.description or binding.action.startswith(LEFT_OUT):
            continue
        shown = binding.key_display or app.get_key_display(binding)
        names = keys.setdefault(binding.description, [])
        if shown not in names:
            names.append(shown)
    entries = [
        [(" ".join(names), style(palette.live, bold=True)), (words, style(palette.foreground))]
        for words, names in keys.items()
    ]
    nothing = [("", style(palette.muted))] * 2
    aside = width >= TWO_COLUMNS and len(entries) > FEW
    half = -(-len(entries) // 2)
    rows = entries
    if aside:
        rows = [[*left, *right] for left, right in zip_longest(entries[:half], entries[half:], fillvalue=nothing)]
    fields = [Field("key", right=False), Field("does", right=False)]
    return columns_text(fields * 2 if aside else fields, rows, width, style(palette.muted))


def key_of(screen: Screen[Any], name: str) -> str:
    """The first key of a binding that is active on a screen, by the binding's name, as it is shown."""
    for active in screen.active_bindings.values():
        if active.binding.id == name:
            return active.binding.key_display or screen.app.get_key_display(active.binding)
    return ""


def in_usual_order(screen: Screen[Any]) -> list[ActiveBinding]:
    """The active bindings; a key that a person has changed comes where the usual one would."""
    actives = list(screen.active_bindings.values())
    nodes = list(dict.fromkeys(active.node for active in actives))
    usual = [(node, binding.id) for node in nodes for _, binding in node._bindings]
    return sorted(actives, key=lambda active: usual.index((active.node, active.binding.id)))


def _rank(node: object, words: str, app: App[Any], screen: Screen[Any]) -> int:
    if node is screen:
        return 1 if words.startswith("Plot:") else 0
    return 2 if node is app else 3
