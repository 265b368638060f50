"""The answer: the optimum at every budget and beyond, the law, both methods, what to beware of, the files."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from flopsfit_tui.report.summary import chinchilla_table, law_text, warnings_text
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.lines import str_path, title_line
from flopsfit_tui.tui.look import palette_of, style


class ResultScreen(BoardScreen):
    """Shown when the sweep ends, and at any time on request."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o", "app.pop_screen", "Back to the sweep", key_display="esc"),
        Binding("e", "app.export", "Export"),
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
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Fill in."""
        self.query_one("#answer").focus()

    def draw(self) -> None:
        """Take up what the board says now."""
        board, palette = self.board, palette_of(self.app)
        plan, analysis = board.plan, board.analysis
        self.query_one("#title", Static).update(title_line(board, self.size.width, palette))
        if plan is None or analysis is None:
            self.query_one("#table", Static).update(Text("no trial has finished yet", style(palette.muted)))
            return
        self.query_one("#headline", Static).update(self._headline())
        self.query_one("#table", Static).update(Text(chinchilla_table(plan, analysis), no_wrap=True))
        self.query_one("#law", Static).update(Text(law_text(plan, analysis), no_wrap=True))
        self.query_one("#beware", Static).update(Text(warnings_text(plan, analysis), style(palette.warn)))
        files = "\n".join(f"wrote {str_path(path)}" for path in board.exported)
        self.query_one("#files", Static).update(Text(files, style(palette.muted)))

    def _headline(self) -> Text:
        return Text()
