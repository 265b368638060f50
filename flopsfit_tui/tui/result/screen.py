"""The answer: the optimum at every budget and beyond, the law, both methods, the warnings, the files."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from flopsfit_tui.core.units import format_flops, parse_number
from flopsfit_tui.report.text.recipe_text import recipe_text
from flopsfit_tui.report.text.recommendation import recommendation
from flopsfit_tui.tui.result.text import asked, files, headline, law_lines, optimum_table, python, warning_lines
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.base_screen import BaseScreen
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.status import title_line

PARTS = ("headline", "asked", "python", "law", "warnings", "files")  # hidden while there is nothing to say


class BudgetInput(Input):
    """A budget; its own keys are in the footer while it is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Make it the target", id="submit_target", key_display="enter"),
        Binding("escape", "screen.leave", "Leave field", id="leave_target", key_display="esc"),
    ]


class ResultScreen(BaseScreen):
    """Shown when the sweep ends, and at any time on request."""

    CSS_PATH = "screen.tcss"

    class Retargeted(Message):
        """The user typed another target budget."""

        def __init__(self, budget: float) -> None:
            super().__init__()
            self.budget = budget

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o", "leave", "Back to the sweep", id="close_result", key_display="esc"),
        Binding("e", "app.export", "Export", id="export"),
        Binding(
            "t,slash", "ask_budget", "Target", id="ask_budget", key_display="t", tooltip="Optimum at another budget"
        ),
        Binding("y", "copy_python", "Copy as Python", id="copy"),
    ]

    def __init__(self, app_state: AppState) -> None:
        super().__init__(app_state)
        self._budget: float | None = None  # the one in the field, when it is one
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Static(id="title")
        with VerticalScroll(id="answer"):
            yield Static(id="headline")
            with Horizontal(id="asked"):
                yield Static("at another budget", markup=False, id="asked-label")
                yield BudgetInput(placeholder="1e21, or 30e18", compact=True, id="budget")
                yield Static(id="asked-answer")
            yield Static(id="python")
            yield Static(id="table")
            yield Static(id="law")
            yield Static(id="warnings")
            yield Static(id="files")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#answer").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A recipe check has no optimum to ask for or to copy."""
        if action in ("ask_budget", "copy_python"):
            return self.app_state.recipe is None
        return super().check_action(action, parameters)

    # ---- another budget ----

    def action_ask_budget(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
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

    def action_copy_python(self) -> None:
        """The recommendation to the clipboard, through the terminal."""
        app_state = self.app_state
        if app_state.plan and app_state.analysis and (budget := self._budget or app_state.target):
            self.app.copy_to_clipboard(recommendation(app_state.plan, app_state.analysis, budget))
            self.app.notify(f"copied the recommendation at {format_flops(budget)} FLOPs", markup=False)

    # ---- drawing ----

    def draw(self) -> None:
        """Take up what the app state says now."""
        app_state, palette = self.app_state, palette_of(self.app)
        plan, analysis = app_state.plan, app_state.analysis
        self.put("#title", title_line(app_state, self.size.width, palette))
        if plan is None or analysis is None:
            self.put("#table", Text("no trial has finished yet", style(palette.muted)), layout=True)
            for name in PARTS:
                self.query_one(f"#{name}").display = False
            return
        if app_state.recipe is not None:
            for name in PARTS:
                self.query_one(f"#{name}").display = name == "files"
            check = Text(recipe_text(app_state.recipe, self.size.width - 6), style(palette.foreground))
            self.put("#table", check, layout=True)
            self.put("#files", files(app_state, palette), layout=True)
            self.refresh_bindings()
            return
        self.query_one("#asked").display = True
        budget = self._budget or app_state.target
        self.put("#asked-answer", asked(app_state, self._budget, self._problem, palette), layout=True)
        parts = {
            "python": python(plan, analysis, budget, self.size.width - 9, palette) if budget else Text(),
            "headline": headline(app_state, self.size.width - 6, palette),
            "table": optimum_table(app_state, analysis, self.size.width - 6, palette),
            "law": law_lines(plan, analysis, palette),
            "warnings": warning_lines(app_state, analysis, palette),
            "files": files(app_state, palette),
        }
        for name, text in parts.items():
            self.put(f"#{name}", text, layout=True)
            self.query_one(f"#{name}").display = bool(text)
