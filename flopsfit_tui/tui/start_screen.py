"""The start: which workload, what will be run, what it will cost, where it goes; enter starts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flopsfit_tui.core.options import Options
from flopsfit_tui.report.plots import plan_plot
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.fields import FIELDS, FieldSpec, defaults_of, options_of, texts_of
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import printable, shorten, title_line
from flopsfit_tui.tui.look import palette_of, style
from flopsfit_tui.tui.own_workloads import own_workloads
from flopsfit_tui.tui.plan_view import plan_table, plan_totals
from flopsfit_tui.tui.plot_view import PlotView
from flopsfit_tui.workloads.builtin import BUILTIN

TYPING_SECONDS = 0.4  # so long after the last key a field's text is planned


class StartScreen(BoardScreen):
    """Choose, read, start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,s", "app.start", "Start the sweep", id="start", key_display="enter"),
        Binding("r", "app.recent", "Earlier sweeps", id="recent"),
        Binding("tab", "app.focus_next", "Next field", id="next_field", key_display="tab"),
        Binding("escape", "leave_field", "Out of a field", id="leave_field", show=False),
    ]

    class WorkloadChosen(Message):
        """A person picked another workload."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class OptionsTyped(Message):
        """The fields say something else; `problem` when it cannot be meant."""

        def __init__(self, options: Options, problem: str = "") -> None:
            super().__init__()
            self.options, self.problem = options, problem

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._typing: Timer | None = None
        self._workloads: dict[str, str] = {}  # what each is about
        self._named_for = 0  # the width that their lines were made for
        self._filled_for: object = None  # the options that the fields were filled from

    def compose(self) -> ComposeResult:
        """Title, workloads, fields, plan, totals, keys."""
        yield Static(id="title")
        yield Static("Workload", classes="heading", markup=False)
        yield OptionList(id="workloads", markup=False, compact=True)
        with Horizontal(classes="fields", id="first-fields"):
            yield from (_Field(spec) for spec in FIELDS[:2])
        with Horizontal(classes="fields"):
            yield from (_Field(spec) for spec in FIELDS[2:])
        yield Static("Plan", classes="heading", markup=False)
        with VerticalScroll(id="plan"):
            yield Static(id="ladders")
        yield Static(id="totals")
        yield Static(id="problem")
        yield PlotView(id="picture")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill in what is known without torch."""
        wanted = str(self.board.options.request.workload)
        self._workloads = {b.name: b.about for b in BUILTIN.values()} | dict.fromkeys(own_workloads(Path()), "your own")
        self._workloads.setdefault(wanted, "your own")
        workloads = self.query_one(OptionList)
        for name in self._workloads:
            workloads.add_option(Option(name, id=name))
        workloads.highlighted = list(self._workloads).index(wanted)
        workloads.focus()

    def _name_workloads(self, room: int) -> None:
        """A line for each, however wide the screen."""
        width = max(map(len, self._workloads))
        for name, about in self._workloads.items():
            text = Text().append(shorten(name, width), "bold").append(" " * (width + 3 - len(name)))
            text.append(shorten(about, max(1, room - width - 3), front=False))
            self.query_one(OptionList).replace_option_prompt(name, text)

    # ---- choosing ----

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter starts what is planned; on another workload it plans that."""
        if event.option.id == str(self.board.options.request.workload):
            await self.run_action("app.start")
        elif event.option.id:
            self.post_message(self.WorkloadChosen(event.option.id))

    def on_input_changed(self) -> None:
        """Plan when the typing pauses."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_SECONDS, self._typed)

    def _typed(self) -> None:
        base = self.board.options
        texts = {spec.name: self.query_one(f"#field-{spec.name}", Input).value for spec in FIELDS}
        try:
            options = options_of(texts, base)
        except ValueError as error:
            self.post_message(self.OptionsTyped(base, str(error)))
            return
        if options != base or self.board.stage == "refused":
            self._filled_for = options
            self.post_message(self.OptionsTyped(options))

    async def on_input_submitted(self) -> None:
        """Enter in a field starts, once what it says is planned."""
        self._typed()
        self.call_after_refresh(self.run_action, "app.start")

    def action_leave_field(self) -> None:
        """Back to the workloads."""
        self.query_one(OptionList).focus()

    # ---- drawing ----

    def draw(self) -> None:
        """Take up what the board says now; while it is planned anew, the plan before stays in sight."""
        board, width, palette = self.board, self.size.width, palette_of(self.app)
        self.put("#title", title_line(board, width, palette))
        self._fill()
        if width != self._named_for:
            self._named_for = width
            self._name_workloads(width - 8)
        self.set_class(self.size.height < 30, "short")
        if board.plan or board.problem or not self.query_one("#ladders", Static).content:
            self.put("#ladders", plan_table(board, width - 4, palette), layout=True)
            self.put("#totals", plan_totals(board, width - 4, palette), layout=True)
        self.put("#problem", Text(printable(board.problem), style(palette.bad)), layout=True)
        self.query_one("#problem").display = bool(board.problem)
        picture = self.query_one(PlotView)
        if board.plan:
            plan = board.plan
            picture.show(id(plan), lambda w, h, p, v: plan_plot(plan, w, min(h, 2 * len(plan.budgets) + 6), p, v))
        picture.display = board.plan is not None and self.size.height >= 32

    def _fill(self) -> None:
        """Show the options in the fields when they are not what was typed there."""
        for name, text in defaults_of(self.board).items():
            self.query_one(f"#field-{name}", Input).placeholder = text
        if self._filled_for is not self.board.options:
            self._filled_for = self.board.options
            with self.prevent(Input.Changed):
                for name, text in texts_of(self.board.options).items():
                    self.query_one(f"#field-{name}", Input).value = text


class _Field(Horizontal):
    """A label and an input."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(classes="field" if spec.width else "field wide")
        self._spec = spec

    def compose(self) -> ComposeResult:
        """Label, input."""
        yield Static(self._spec.name, markup=False)
        field = Input(id=f"field-{self._spec.name}", compact=True, select_on_focus=False)
        field.tooltip = self._spec.about
        if self._spec.width:
            field.styles.width = self._spec.width + 2
        yield field
