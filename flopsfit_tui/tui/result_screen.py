"""The answer: the optimum at every budget and beyond, the law, both methods, what to beware of, the files."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from flopsfit_tui.core.units import format_flops, parse_number
from flopsfit_tui.report.recommendation import recommendation
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import title_line
from flopsfit_tui.tui.look import palette_of, style
from flopsfit_tui.tui.result_view import asked, beware, files, headline, law_lines, optimum_table, python

PARTS = ("headline", "asked", "python", "law", "beware", "files")  # hidden while there is nothing to say


class ResultScreen(BoardScreen):
    """Shown when the sweep ends, and at any time on request."""

    class Retargeted(Message):
        """Another budget is the target."""

        def __init__(self, budget: float) -> None:
            super().__init__()
            self.budget = budget

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o", "leave", "Back to the sweep", id="close_result", key_display="esc"),
        Binding("e", "app.export", "Export", id="export"),
        Binding("t,slash", "ask_budget", "Another budget", id="ask_budget", key_display="t"),
        Binding("y", "copy", "Copy as Python", id="copy"),
    ]

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._budget: float | None = None  # the one in the field, when it is one
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Title, the answer, keys."""
        yield Static(id="title")
        with VerticalScroll(id="answer"):
            yield Static(id="headline")
            with Horizontal(id="asked"):
                yield Static("at another budget", markup=False, id="asked-label")
                yield Input(placeholder="1e21, or 30e18", compact=True, id="budget")
                yield Static(id="asked-answer")
            yield Static(id="python")
            yield Static(id="table")
            yield Static(id="law")
            yield Static(id="beware")
            yield Static(id="files")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill in."""
        self.query_one("#answer").focus()

    # ---- another budget ----

    def action_ask_budget(self) -> None:
        """Type one."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Answer at once."""
        self._budget, self._problem = None, ""
        if event.value.strip():
            try:
                self._budget = parse_number(event.value, "budget")
            except ValueError as error:
                self._problem = str(error)
        self.redraw()

    def on_input_submitted(self) -> None:
        """Enter makes it the target, of this screen, the sweep's and the files."""
        if self._budget is not None:
            self.post_message(self.Retargeted(self._budget))
            self.action_leave()

    def action_leave(self) -> None:
        """Out of the field, else back to the sweep."""
        if self.focused is self.query_one(Input):
            self.query_one("#answer").focus()
        else:
            self.app.pop_screen()

    def action_copy(self) -> None:
        """The recommendation to the clipboard, through the terminal."""
        board = self.board
        if board.plan and board.analysis and (budget := self._budget or board.target):
            self.app.copy_to_clipboard(recommendation(board.plan, board.analysis, budget))
            self.app.notify(f"copied the recommendation at {format_flops(budget)} FLOPs", markup=False)

    # ---- drawing ----

    def draw(self) -> None:
        """Take up what the board says now."""
        board, palette = self.board, palette_of(self.app)
        plan, analysis = board.plan, board.analysis
        self.put("#title", title_line(board, self.size.width, palette))
        if plan is None or analysis is None:
            self.put("#table", Text("no trial has finished yet", style(palette.muted)), layout=True)
            for name in PARTS:
                self.query_one(f"#{name}").display = False
            return
        self.query_one("#asked").display = True
        budget = self._budget or board.target
        self.put("#asked-answer", asked(board, self._budget, self._problem, palette), layout=True)
        parts = {
            "python": python(plan, analysis, budget, self.size.width - 9, palette) if budget else Text(),
            "headline": headline(board, palette),
            "table": optimum_table(board, analysis, self.size.width - 6, palette),
            "law": law_lines(plan, analysis, palette),
            "beware": beware(board, analysis, palette),
            "files": files(board, palette),
        }
        for name, text in parts.items():
            self.put(f"#{name}", text, layout=True)
            self.query_one(f"#{name}").display = bool(text)
