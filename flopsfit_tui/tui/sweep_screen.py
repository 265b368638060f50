"""The sweep: trials, plots, the optimum as it stands, progress. Draws the board twice a second when it has changed."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Static

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.report.plots import isoflop_law_plot, isoflop_plot, loss_plot, residual_plot, scaling_plot
from flopsfit_tui.report.series import loss_series
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.grid import Grid
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import optimum_line, progress_line, title_line, warning_line
from flopsfit_tui.tui.look import palette_of
from flopsfit_tui.tui.plot_view import PlotView
from flopsfit_tui.tui.point_table import PointTable
from flopsfit_tui.tui.trial_screen import TrialScreen
from flopsfit_tui.tui.trial_table import TrialTable

REDRAW_SECONDS = 0.5  # two a second cost a small sweep an eighth of its speed, eight two fifths
TABLES = {"points": "Points", "trials": "Trials"}
PLOTS = {"isoflop": "IsoFLOP", "loss": "Loss", "scaling": "Scaling", "residuals": "Residuals"}
TITLES = TABLES | PLOTS
PANELS = list(TITLES)
WIDE, TALL = 110, 34  # columns for tables beside plots, rows for two of each


class Tab(Static):
    """A panel's name, to be clicked."""

    def __init__(self, panel: str, title: str) -> None:
        super().__init__(title, markup=False, id=f"tab-{panel}")
        self._panel = panel

    async def on_click(self) -> None:
        """Show the panel."""
        await self.run_action(f"screen.show('{self._panel}')")


class SweepScreen(BoardScreen):
    """One panel at a time when narrow; the table beside one, two or four plots when there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.start", "Start"),
        Binding("p,space", "app.pause", "Pause", key_display="p"),
        Binding("p,space", "app.resume", "Resume", key_display="p"),
        Binding("x", "app.stop", "Stop"),
        Binding("tab", "panel(1)", "Next plot", show=False),
        Binding("shift+tab", "panel(-1)", "Previous plot", show=False),
        *(Binding(str(i + 1), f"show('{name}')", TITLES[name], show=False) for i, name in enumerate(PANELS)),
        Binding("z", "zoom", "One panel, or as many as there is room for", show=False),
        Binding("l", "law", "IsoFLOP curves by parabola or by law", show=False),
        Binding("o", "app.optimum", "Optimum"),
        Binding("e", "app.export", "Export"),
        Binding("escape", "app.back", "Back to the plan", show=False),
        Binding("w", "app.warnings", "Warnings", show=False),
    ]

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._panel = "points"
        self._table, self._plot = "points", "isoflop"  # the last of each that was chosen
        self._zoomed = False
        self._by_law = False
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        """Title, tabs, panels, lines, keys."""
        yield Static(id="title")
        with Horizontal(id="tabs"):
            for i, name in enumerate(PANELS):
                yield Tab(name, f"{i + 1} {TITLES[name]}")
        with Horizontal(id="body"):
            with Vertical(id="tables"):
                with Vertical(id="panel-points", classes="panel"):
                    yield PointTable(self.board, id="points")
                with Vertical(id="panel-trials", classes="panel"):
                    yield TrialTable(self.board, id="trials")
            with Container(id="plots"):
                for name in PLOTS:
                    with Vertical(id=f"panel-{name}", classes="panel"):
                        yield PlotView(id=name)
        yield Static(id="optimum")
        yield Static(id="warning")
        yield Static(id="progress")
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to draw."""
        for name in PANELS:
            self.query_one(f"#panel-{name}").border_title = TITLES[name]
        self.query_one(PointTable).focus()
        self.set_interval(REDRAW_SECONDS, self._tick)

    # ---- which panels are in sight ----

    def visible_panels(self) -> list[str]:
        """The panels that the size has room for, among them the one chosen."""
        width, height = self.size
        if self._zoomed or width < WIDE:
            return [self._panel]
        plots = list(PLOTS)
        count = 4 if width >= 190 and height >= 50 else 2 if height >= TALL else 1
        first = plots.index(self._plot) // count * count
        return [*(TABLES if height >= TALL else [self._table]), *plots[first : first + count]]

    def _arrange(self) -> None:
        shown = self.visible_panels()
        for name in PANELS:
            panel = self.query_one(f"#panel-{name}")
            panel.display = name in shown
            panel.set_class(len(shown) == 1, "alone")
        tables, plots = self.query_one("#tables"), self.query_one("#plots")
        tables.display = any(name in TABLES for name in shown)
        tables.set_class(len(shown) == 1, "alone")
        plots.display = any(name in PLOTS for name in shown)
        plots.set_class(sum(name in PLOTS for name in shown) == 4, "four")
        points = self.query_one("#panel-points")
        both = all(name in shown for name in TABLES)
        points.styles.height = min(self.query_one(PointTable).row_count + 3, self.size.height // 2) if both else "1fr"

    def action_panel(self, step: int) -> None:
        """The next panel, or the one before: of all when one is in sight, else of the plots."""
        names = PANELS if len(self.visible_panels()) == 1 else list(PLOTS)
        at = self._panel if self._panel in names else self._plot
        self.action_show(names[(names.index(at) + step) % len(names)])

    def action_show(self, name: str) -> None:
        """A panel by its number or a click on its tab."""
        self._panel = name
        if name in TABLES:
            self._table = name
        else:
            self._plot = name
        self.redraw()
        if name in TABLES:
            self.query_one(f"#{name}").focus()

    def action_zoom(self) -> None:
        """The chosen panel alone, or all again."""
        self._zoomed = not self._zoomed
        self.redraw()

    def action_law(self) -> None:
        """Curves of the law instead of parabolas, or back."""
        self._by_law = not self._by_law
        self.redraw()

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Enter on a trial shows it."""
        trials = self.selected()
        if trials and message.grid.id in TABLES:
            self.app.push_screen(TrialScreen(self.board, trials[0].trial.key))

    def selected(self) -> list[TrialState]:
        """The trials under the cursor of the table that has the focus, or had it last."""
        table: PointTable | TrialTable = self.query_one(f"#{self._table}")  # type: ignore[assignment]
        return table.selected()

    def on_descendant_focus(self) -> None:
        """The table with the focus is the one that keys are about."""
        if isinstance(self.focused, PointTable | TrialTable):
            self._table = self.focused.id or self._table

    # ---- drawing ----

    def _tick(self) -> None:
        """Draw when the sweep has gone on since the last time."""
        if self._drawn != (self.board.state.version, self.app.theme) or self.board.state.phase == "running":
            self.redraw()

    def draw(self) -> None:
        """Everything in sight."""
        board = self.board
        self._drawn = (board.state.version, self.app.theme)
        self._arrange()
        width, palette = self.size.width, palette_of(self.app)
        self.put("#title", title_line(board, width, palette))
        shown = self.visible_panels()
        for name in PANELS:
            self.query_one(f"#tab-{name}").set_class(name in shown, "on")
        self.put("#optimum", optimum_line(board, width, palette))
        warning = warning_line(board, width, palette)
        self.put("#warning", warning)
        self.query_one("#warning").display = bool(warning)
        self.put("#progress", progress_line(board, width, palette))
        if "points" in shown:
            self.query_one(PointTable).redraw()
        if "trials" in shown:
            self.query_one(TrialTable).redraw()
        for name in shown:
            if name in PLOTS:
                self._redraw_plot(name)

    def _redraw_plot(self, name: str) -> None:
        board, view = self.board, self.query_one(f"#{name}", PlotView)
        if name == "loss" and board.plan:
            series = partial(loss_series, board.plan, board.state.trials.values())
            view.show(board.state.version, lambda w, h, palette: loss_plot(series(w), w, h, palette))
        elif board.fitted is None:
            view.show(None, lambda *_: "")
        elif name == "isoflop":
            plot = isoflop_law_plot if self._by_law else isoflop_plot
            view.show((board.fitted.version, self._by_law), partial(plot, board.fitted.isoflop))
        elif name == "scaling":
            view.show(board.fitted.version, partial(scaling_plot, board.fitted.scaling))
        elif name == "residuals":
            view.show(board.fitted.version, partial(residual_plot, board.fitted.residuals))
