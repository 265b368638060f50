"""Marked sweeps beside each other: their curves over each other, optima with ratios, what was set otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.report.answer.compare import Comparison
from flopsfit_tui.report.files.print_compare import compare_directories
from flopsfit_tui.report.plots.compare_plots import compare_isoflop_plot, compare_optimum_plot
from flopsfit_tui.report.text.compare_text import compare_text
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.plot_view import PlotState, PlotView

WIDE, LOW = 110, 24  # columns from which on both plots stand side by side; rows below which it is plot or tables


class CompareScreen(Screen[None]):
    """Plots above, tables below."""

    CSS_PATH = "screen.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c", "app.pop_screen", "Back", id="close_compare", key_display="esc"),
        Binding(
            "tab", "other", "Next plot", id="other_plot", tooltip="The other plot; in a low window also the tables"
        ),
        Binding("down,j", "scroll(1)", "Down", id="compare_down", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="compare_up", show=False),
    ]

    class Compared(Message):
        """The sweeps have been read; or why they could not be."""

        def __init__(self, comparison: Comparison | None, problem: str = "") -> None:
            super().__init__()
            self.comparison, self.problem = comparison, problem

    def __init__(self, directories: Sequence[Path]) -> None:
        super().__init__()
        self._directories = directories
        self._pictures = (PlotState(), PlotState())
        self._first = 0  # the plot in sight, or the left one
        self._tables = True  # in a low window: in sight, in the place of a plot

    def compose(self) -> ComposeResult:
        yield Static(" Sweeps compared", id="title", markup=False)
        with Horizontal(id="compare-plots"):
            yield PlotView(id="compare-0")
            yield PlotView(id="compare-1")
        with VerticalScroll(id="compare-scroll"):
            yield Static("reading and fitting…", id="compare-text", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._arrange()
        self.run_worker(self._read, thread=True, exit_on_error=False)

    def _read(self) -> None:
        try:
            self.post_message(self.Compared(compare_directories(self._directories)))
        except ValueError as error:
            self.post_message(self.Compared(None, str(error)))

    def on_compare_screen_compared(self, message: Compared) -> None:
        comparison = message.comparison
        text = compare_text(comparison) if comparison else message.problem
        self.query_one("#compare-text", Static).update(Text(printable(text), no_wrap=comparison is not None))
        if comparison is None:
            return
        for picture, draw in zip(self._pictures, (compare_isoflop_plot, compare_optimum_plot), strict=True):
            drawing = partial(draw, comparison)
            picture.prepare, picture.version = (lambda _, drawing=drawing: drawing), 1
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Both plots where there is room, else one; in a low window one of them, or the tables."""
        both, low = self.size.width >= WIDE, self.size.height < LOW
        self.query_one("#compare-plots").display = not (low and self._tables)
        self.query_one("#compare-scroll").display = not low or self._tables
        for place in (0, 1):
            view = self.query_one(f"#compare-{place}", PlotView)
            view.display = both or place == 0
            view.set_plot(self._pictures[(place + self._first) % 2], "")
            view.refresh()

    def action_other(self) -> None:
        """The next of what is not in sight."""
        low, both = self.size.height < LOW, self.size.width >= WIDE
        if low and (both or self._first == 1 or self._tables):
            self._tables = not self._tables
            self._first = 0
        else:
            self._first = 1 - self._first
        self._arrange()

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
