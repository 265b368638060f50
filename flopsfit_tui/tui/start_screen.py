"""The start: which workload, what will be run, what it will cost, where it goes; enter starts."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import printable, shorten, title_line
from flopsfit_tui.tui.look import palette_of, style
from flopsfit_tui.tui.plan_view import plan_table, plan_totals
from flopsfit_tui.workloads.builtin import BUILTIN


class StartScreen(BoardScreen):
    """Choose, read, start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,s", "app.start", "Start the sweep", key_display="enter"),
    ]

    class WorkloadChosen(Message):
        """A person picked another workload."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def compose(self) -> ComposeResult:
        """Title, workloads, plan, totals, keys."""
        yield Static(id="title")
        yield Static("Workload", classes="heading", markup=False)
        yield OptionList(id="workloads", markup=False, compact=True)
        yield Static("Plan", classes="heading", markup=False)
        with VerticalScroll(id="plan"):
            yield Static(id="ladders")
        yield Static(id="totals")
        yield Static(id="problem")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill in what is known without torch."""
        workloads = self.query_one(OptionList)
        wanted = str(self.board.options.request.workload)
        names = list(BUILTIN) + ([] if wanted in BUILTIN else [wanted])
        width = max(map(len, names))
        for name in names:
            about = BUILTIN[name].about if name in BUILTIN else "your own"
            text = Text().append(shorten(name, width), "bold").append(" " * (width + 3 - len(name))).append(about)
            workloads.add_option(Option(text, id=name))
        workloads.highlighted = names.index(wanted)
        workloads.focus()

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter starts what is planned; on another workload it plans that."""
        if event.option.id == str(self.board.options.request.workload):
            await self.run_action("app.start")
        elif event.option.id:
            self.post_message(self.WorkloadChosen(event.option.id))

    def draw(self) -> None:
        """Take up what the board says now."""
        board, width, palette = self.board, self.size.width, palette_of(self.app)
        self.put("#title", title_line(board, width, palette))
        self.put("#ladders", plan_table(board, width - 4, palette), layout=True)
        self.put("#totals", plan_totals(board, width - 4, palette), layout=True)
        self.put("#problem", Text(printable(board.problem), style(palette.bad)), layout=True)
        self.query_one("#problem").display = bool(board.problem)
