"""The help: every key of a screen by what it is about, read off the bindings themselves, to be searched.

Keys that do nothing now are there too, dimmed, with the reason.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.active_keys import key_of
from flopsfit_tui.tui.widgets.table import Table
from flopsfit_tui.tui.widgets.why_not import action_name, why_not

GROUPS = {  # of a screen's keys, by the beginnings of their names
    "The sweep": (
        "go_on", "start", "pause", "stop", "undo", "bracket", "propose", "check_recipe", "target", "more_w", "fewer_w",
        "optimum", "export",
        "warnings", "recent", "back",
    ),
    "The selected trials": (
        "skip", "retry", "seed", "first", "leave_out", "pin", "open_row", "whole", "next_trial", "previous_tr",
    ),
    "Plots": ("zoom_", "pan_", "axes", "smoothing", "read_", "law"),
    "Find": ("filter", "find", "go_failed", "go_running", "copy"),
    "Panels": ("next_panel", "previous_panel", "panel_", "zoom"),
}  # fmt: skip
KEYS = 9  # characters of the column of keys


@dataclass(frozen=True)
class Line:
    """What keys do, and why they do not now."""

    group: str
    keys: str
    does: str
    reason: str = ""  # empty: they do


def help_lines(app: App[Any], screen: Screen[Any]) -> list[Line]:
    """Every key of a screen, of the tables on it and of the app."""
    found: dict[tuple[str, str], Line] = {}
    for node, group, binding in _bindings(app, screen):
        if not binding.description or binding.id is None:
            continue
        reason = _reason(app, screen, node, binding)
        about = binding.tooltip or binding.description
        key = binding.key_display or app.get_key_display(binding)
        before = found.get((group, about))
        if before is None:
            found[group, about] = Line(group, key, about, reason)
        elif key not in before.keys.split():
            found[group, about] = Line(group, f"{before.keys} {key}", about, before.reason and reason)
    order = [*GROUPS, *dict.fromkeys(line.group for line in found.values() if line.group not in GROUPS)]
    return sorted(found.values(), key=lambda line: order.index(line.group))


def _bindings(app: App[Any], screen: Screen[Any]) -> Iterator[tuple[DOMNode, str, Binding]]:
    tables = list(screen.query(Table))
    for node in (screen, *tables, app):
        bindings = node._bindings.copy()
        bindings.apply_keymap(app._keymap)
        for _, binding in bindings:
            name = binding.id or ""
            group = next((title for title, names in GROUPS.items() if name.startswith(names)), "This screen")
            if isinstance(node, Table):
                shared = name in {b.id for b in Table.BINDINGS if isinstance(b, Binding)}
                group = "Tables" if shared else str(node.border_title or "Table").partition(":")[0]
            yield node, "Everywhere" if node is app else group, binding


def _reason(app: App[Any], screen: Screen[Any], node: DOMNode, binding: Binding) -> str:
    """Empty when the key does something now."""
    name = action_name(binding.action)
    if isinstance(node, Table) and not node.has_focus and len(screen.query(Table)) > 1:
        shared = {action_name(b.action) for b in Table.BINDINGS if isinstance(b, Binding)}
        if name not in shared:
            return f"in the panel {str(node.border_title).partition(':')[0]}"
    target = app if binding.action.startswith("app.") else node
    if target.check_action(name, ()):
        return ""
    state = getattr(screen, "app_state", None)
    return (why_not(binding.action, state) if state is not None else "") or "not now"


def help_text(lines: list[Line], search: str, width: int, palette: Palette) -> Text:
    """The lines that hold what is searched for, under their groups; the column of keys keeps its width."""
    text, group = Text(), ""
    room = max(12, width - KEYS - 2)
    for line in lines:
        if search.lower() not in f"{line.group} {line.keys} {line.does}".lower():
            continue
        if line.group != group:
            group = line.group
            text.append(f"{chr(10) if text else ''}{group}\n", style(palette.muted, bold=True))
        words = f"{line.does} ({line.reason})" if line.reason else line.does
        key = style(palette.muted if line.reason else palette.live, bold=not line.reason)
        does = style(palette.muted if line.reason else palette.foreground)
        keys = textwrap.wrap(line.keys, KEYS, break_long_words=False) or [""]
        wrapped = textwrap.wrap(words, room) or [""]
        for number in range(max(len(keys), len(wrapped))):
            text.append(f"{keys[number] if number < len(keys) else '':{KEYS}} ", key)
            text.append(f"{wrapped[number] if number < len(wrapped) else ''}\n", does)
    return text if text else Text("no key is about that", style(palette.muted))


class HelpScreen(ModalScreen[None]):
    """Every key of the screen below."""

    CSS_PATH = "widgets/dialogs.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark,f1", "close", "Close", id="close_help"),
        Binding("slash", "search", "Search", id="search_help", key_display="/"),
        Binding("up,k", "scroll(-1)", "Up", id="help_up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="help_down", show=False),
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Input(placeholder="a key, or a word", compact=True, id="help-search")
            with VerticalScroll():
                yield Static(id="help-text")

    def on_mount(self) -> None:
        frame = self.query_one("#help")
        frame.border_title = "Keys"
        search, close = key_of(self, "search_help"), key_of(self, "close_help")
        frame.border_subtitle = f"{search} searches, {close} closes"
        self._lines = help_lines(self.app, self._below)
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def on_input_changed(self) -> None:
        self._draw()

    def on_input_submitted(self) -> None:
        self.query_one(VerticalScroll).focus()

    def _draw(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        text = help_text(self._lines, self.query_one(Input).value.strip(), width, palette_of(self.app))
        text.plain = printable(text.plain)
        self.query_one("#help-text", Static).update(text)

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        """Out of the search first."""
        if self.focused is self.query_one(Input):
            self.query_one(Input).value = ""
            self.query_one(VerticalScroll).focus()
        else:
            self.dismiss()
