"""The answer: the optimum at every budget and beyond, the law, both methods, what to beware of, the files."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import title_line
from flopsfit_tui.tui.look import palette_of, style
from flopsfit_tui.tui.result_view import beware, files, headline, law_lines, optimum_table


class ResultScreen(BoardScreen):
    """Shown when the sweep ends, and at any time on request."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o", "app.pop_screen", "Back to the sweep", id="close_result", key_display="esc"),
        Binding("e", "app.export", "Export", id="export"),
    ]

    def compose(self) -> ComposeResult:
        """Title, the answer, keys."""
        yield Static(id="title")
        with VerticalScroll(id="answer"):
            yield Static(id="headline")
            yield Static(id="table")
            yield Static(id="law")
            yield Static(id="beware")
            yield Static(id="files")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill in."""
        self.query_one("#answer").focus()

    def draw(self) -> None:
        """Take up what the board says now."""
        board, palette = self.board, palette_of(self.app)
        plan, analysis = board.plan, board.analysis
        self.put("#title", title_line(board, self.size.width, palette))
        if plan is None or analysis is None:
            self.put("#table", Text("no trial has finished yet", style(palette.muted)), layout=True)
            return
        parts = {
            "headline": headline(board, palette),
            "table": optimum_table(board, analysis, self.size.width - 6, palette),
            "law": law_lines(analysis, palette),
            "beware": beware(board, analysis, palette),
            "files": files(board, palette),
        }
        for name, text in parts.items():
            self.put(f"#{name}", text, layout=True)
            self.query_one(f"#{name}").display = bool(text)
