"""The sweep: trials, plots, the optimum as it stands, progress. Redrawn twice a second where something changed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widgets import Static

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Status
from flopsfit_tui.report.plots.series import loss_series
from flopsfit_tui.report.plots.terminal import (
    NOTHING_YET,
    isoflop_law_plot,
    isoflop_plot,
    loss_plot,
    residual_plot,
    scaling_plot,
)
from flopsfit_tui.tui.session.session import Session
from flopsfit_tui.tui.sweep.log_table import LogTable, when
from flopsfit_tui.tui.sweep.panels import ABOUT, PANELS, PLOTS, TABLES, TITLES, TRIAL_TABLES, Panels
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.sweep_actions import SweepActions
from flopsfit_tui.tui.sweep.tabs import Tabs
from flopsfit_tui.tui.sweep.trial_filter import EXAMPLE, complete_terms, parse_filter
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.active_keys import key_of
from flopsfit_tui.tui.widgets.base_screen import is_low
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.plot_actions import PlotActions
from flopsfit_tui.tui.widgets.plot_view import PlotState, PlotView
from flopsfit_tui.tui.widgets.prompt import Prompt
from flopsfit_tui.tui.widgets.status import optimum_line, phase_text, progress_line, title_line, warning_line
from flopsfit_tui.tui.widgets.table import Table
from flopsfit_tui.tui.widgets.text_dialog import TextDialog

REDRAW_SECONDS = 0.5  # two a second cost a small sweep an eighth of its speed, eight two fifths


class SweepScreen(SweepActions, PlotActions):
    """One panel at a time when narrow; the table beside one, two or four plots when there is room."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["screen.tcss", "../widgets/prompt.tcss"]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.start", "Start", id="go_on"),
        Binding("tab", "panel(1)", "Next plot", id="next_panel", show=False),
        Binding("shift+tab", "panel(-1)", "Previous plot", id="previous_panel", show=False),
        *(
            Binding(str(i + 1), f"show('{name}')", TITLES[name], id=f"panel_{name}", show=False, tooltip=ABOUT[name])
            for i, name in enumerate(PANELS)
        ),
        Binding("z", "zoom", "Maximise panel", id="zoom", show=False),
        Binding("L", "law", "IsoFLOP curves by parabola or by law", id="law", show=False),
        Binding("o", "app.optimum", "Optimum", id="optimum"),
        Binding("e", "app.export", "Export", id="export"),
        Binding("escape", "app.back", "Back to the plan", id="back", show=False),
        Binding("w", "app.warnings", "Warnings", id="warnings", show=False),
        Binding(
            "slash",
            "filter",
            "Filter trials",
            id="filter",
            key_display="/",
            show=False,
            tooltip="Show only some trials, or find in the log",
        ),
        Binding("exclamation_mark", "go_failed", "Next failed trial", id="go_failed", key_display="!", show=False),
        Binding("R", "go_running", "Next running trial", id="go_running", show=False),
        Binding("i", "pin", "Pin the trial's loss curve", id="pin", show=False),
    ]

    def __init__(self, session: Session, redraw_seconds: float = REDRAW_SECONDS) -> None:
        super().__init__(session)
        self._redraw_seconds = redraw_seconds
        self._panels = Panels()
        self._by_law = False
        self._drawn: object = None
        self._pinned: set[str] = set()  # trials whose curves stay in front
        self._pictures = {name: PlotState() for name in PLOTS}

    def compose(self) -> ComposeResult:
        """Title, tabs, panels, lines, keys."""
        yield Static(id="title")
        yield Tabs({name: key_of(self, f"panel_{name}") for name in PANELS})
        with Horizontal(id="body"):
            with Vertical(id="tables"):
                yield PointTable(self.app_state, id="points", classes="panel")
                yield TrialTable(self.app_state, id="trials", classes="panel")
                yield LogTable(self.app_state, id="log", classes="panel")
            with Container(id="plots"):
                for place in range(len(PLOTS)):  # any plot hangs in any place: nothing is laid out again for another
                    yield PlotView(id=f"plot-{place}", classes="panel")
        yield Static(id="optimum")
        yield Static(id="warning")
        yield Static(id="progress")
        yield Footer()
        yield Prompt()

    def on_mount(self) -> None:
        """Begin to draw."""
        self._name_panels()
        self.query_one(PointTable).focus()
        self.set_interval(self._redraw_seconds, self._tick)

    # ---- what is kept until the sweep is looked at again ----

    def view(self) -> dict[str, object]:
        """What the user has chosen to see, as JSON holds it."""
        table = self.query_one(TrialTable)
        return {
            **self._panels.view(),
            "by_law": self._by_law,
            "filter": table.filter,
            "sorted_by": table.sorted_by,
            "descending": table.descending,
        }

    def restore(self, view: Mapping[str, object]) -> None:
        """See it again; what makes no sense is left as it is."""
        if not view:
            return
        self._panels.restore(view)
        self._by_law = view.get("by_law", self._by_law) is True
        table = self.query_one(TrialTable)
        table.sort(str(view.get("sorted_by", "")), view.get("descending") is True)
        with contextlib.suppress(ValueError):  # written by another version
            table.show_only(str(view.get("filter", "")))
        self._name_panels()
        if not self.query_one(Prompt).open:
            self.set_focus(self.query_one(f"#{self._panels.table}"))
        self.redraw()

    # ---- which panels are in sight ----

    def visible_panels(self) -> list[str]:
        """The panels that the size has room for, among them the one chosen."""
        return self._panels.visible(*self.size)

    def _hung(self) -> list[str]:
        """The plots among them, each in its place."""
        return [name for name in self.visible_panels() if name in PLOTS]

    def _arrange(self) -> None:
        shown, hung = self.visible_panels(), self._hung()
        for name in TABLES:
            table = self.query_one(f"#{name}")
            table.display = name in shown
            if name in shown:
                table.set_class(len(shown) == 1, "alone")
        for place in range(len(PLOTS)):
            plot = self.query_one(f"#plot-{place}", PlotView)
            plot.display = place < len(hung)
            if place < len(hung):
                plot.set_class(len(shown) == 1, "alone")
                plot.set_class(hung[place] == self._panels.panel, "chosen")
                plot.set_plot(self._pictures[hung[place]], TITLES[hung[place]])
        tables, plots = self.query_one("#tables"), self.query_one("#plots")
        tables.display = len(hung) < len(shown)
        tables.set_class(len(shown) == 1, "alone")
        plots.display = bool(hung)
        plots.set_class(len(hung) == len(PLOTS), "four")
        points = self.query_one(PointTable)
        both = sum(name in TABLES for name in shown) == 2
        points.styles.height = min(points.row_count + 3, self.size.height // 2) if both else "1fr"

    def action_panel(self, step: int) -> None:
        """The next panel, or the one before: of all when one is in sight, else of the plots."""
        self._panels.step(step, alone=len(self.visible_panels()) == 1)
        self.action_show(self._panels.panel)

    def action_show(self, name: str) -> None:
        """A panel by its number or a click on its tab."""
        before = self.plot_chosen
        self._panels.choose(name)
        if self.plot_chosen != before:
            self.refresh_bindings()  # the focus stays where it is: other keys come first in the footer all the same
        self.redraw()
        if name in TABLES:
            self.set_focus(self.query_one(f"#{name}"))  # at once: the next key may be the table's

    def action_zoom(self) -> None:
        """The chosen panel alone, or all again."""
        self._panels.zoomed = not self._panels.zoomed
        self.redraw()

    def action_law(self) -> None:
        """Curves of the law instead of parabolas, or back."""
        self._by_law = not self._by_law
        self.redraw()

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """Enter on a trial shows it; on a line of the log all of it."""
        if isinstance(message.table, LogTable):
            entry = message.table.entry(message.row)
            self.app.push_screen(TextDialog(when(entry), Text(printable(entry.text))))
            return
        trials = self.selected()
        if trials and message.table.id in TRIAL_TABLES:
            self.app.push_screen(TrialScreen(self.session, trials[0].trial.key))

    @property
    def plot_chosen(self) -> bool:
        """Whether the panel chosen last is a plot: the footer then shows the keys of plots."""
        return self._panels.panel in PLOTS

    def active_plot(self) -> PlotView:
        """The plot that was chosen last."""
        if self._panels.plot not in self.visible_panels():
            self.action_show(self._panels.plot)
        return self.plot_view(self._panels.plot)

    def plot_view(self, name: str) -> PlotView:
        """Where a plot that is in sight hangs."""
        return self.query_one(f"#plot-{self._hung().index(name)}", PlotView)

    def action_smoothing(self) -> None:
        """The losses, whichever plot was in hand."""
        self.action_show("loss")
        super().action_smoothing()

    def action_pin(self) -> None:
        """Keep the selected trials' curves in front, or let them go."""
        keys = {now.trial.key for now in self.selected()}
        self._pinned = self._pinned - keys if keys <= self._pinned else self._pinned | keys
        self.action_show("loss")

    CONDITIONAL: ClassVar[tuple[str, ...]] = (*SweepActions.CONDITIONAL, "go_failed", "go_running")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Jumping takes a trial to jump to."""
        if action in ("go_failed", "go_running"):
            return bool(self.app_state.state.count("failed" if action == "go_failed" else "running"))
        return super().check_action(action, parameters)

    def action_go_failed(self) -> None:
        """To the next failed trial, in the table of trials."""
        self._go("failed")

    def action_go_running(self) -> None:
        """To the next trial that runs."""
        self._go("running")

    def _go(self, status: Status) -> None:
        self.action_show("trials")
        table = self.query_one(TrialTable)
        if not table.go_to(status) and table.filter:
            table.show_only("")
            self._name_panels()
            table.go_to(status)

    def _find_in_log(self) -> None:
        table = self.query_one(LogTable)
        before = table.search

        def answered(text: str | None) -> None:
            table.show_only(before if text is None else text)

        self.query_one(Prompt).show("find in the log", answered, before, "words of a line", typed=table.show_only)

    def action_filter(self) -> None:
        """Show only some of the trials; the table follows the terms that are typed to their end. In the log: only lines
        with some words."""
        if self._panels.panel == "log":
            self._find_in_log()
            return
        self.action_show("trials")
        table = self.query_one(TrialTable)
        before = table.filter

        def answered(text: str | None) -> None:
            table.show_only(before if text is None else text)
            self._name_panels()

        plan = self.app_state.plan
        names = {"size_name": plan.size_name, "unit": plan.unit} if plan else {}

        def typed(text: str) -> None:
            with contextlib.suppress(ValueError):  # the line says what is wrong
                table.show_only(complete_terms(text, **names))

        check = partial(parse_filter, **names)
        self.query_one(Prompt).show("show only", answered, before, EXAMPLE, check, typed)

    def _name_panels(self) -> None:
        only = printable(self.query_one(TrialTable).filter)
        trials = f"Trials: {only}" if only else "Trials"
        for name, title in (TABLES | {"trials": trials}).items():
            self.query_one(f"#{name}").border_title = title
        self.query_one(Tabs).titles["trials"] = trials
        self.redraw()

    def on_table_moved(self) -> None:
        """Other keys make sense for other trials."""
        self.refresh_keys()

    def selected(self) -> list[TrialState]:
        """The trials under the cursor of the table that has the focus, or had it last; none while the screen goes."""
        try:
            table = self.query_one(f"#{self._panels.table}")
        except NoMatches:
            return []
        return table.selected() if isinstance(table, PointTable | TrialTable) else []

    def on_descendant_focus(self) -> None:
        """The table with the focus is the one that keys are about."""
        if isinstance(self.focused, PointTable | TrialTable):
            self._panels.table = self.focused.id or self._panels.table

    # ---- drawing ----

    def _tick(self) -> None:
        """Draw when the sweep has gone on since the last time."""
        if self._drawn != (self.app_state.state.version, self.app.theme) or self.app_state.state.phase == "running":
            self.redraw()

    def draw(self) -> None:
        """Everything in sight."""
        app_state = self.app_state
        self._drawn = (app_state.state.version, self.app.theme)
        self._arrange()
        width, palette = self.size.width, palette_of(self.app)
        self.put("#title", title_line(app_state, width, palette))
        shown = self.visible_panels()
        low = is_low(self.size)
        phase = phase_text(app_state, palette, width) if low else Text()
        self.query_one(Tabs).show(shown, width, phase, style(palette.live, bold=True))
        self.put("#optimum", optimum_line(app_state, width, palette))
        warning = warning_line(app_state, width, palette)
        self.put("#warning", warning)
        self.query_one("#warning").display = bool(warning) and not low
        self.put("#progress", progress_line(app_state, width, palette, warned=low))
        if "points" in shown:
            self.query_one(PointTable).redraw()
        if "trials" in shown:
            self.query_one(TrialTable).redraw()
        if "log" in shown:
            self.query_one(LogTable).redraw()
        for name in shown:
            if name in PLOTS:
                self._redraw_plot(name)
        self.refresh_keys()
        self.show_proposal()

    def _redraw_plot(self, name: str) -> None:
        app_state, view = self.app_state, self.plot_view(name)
        fitted = app_state.fitted
        if name == "loss" and app_state.plan:
            pinned, plan, trials = frozenset(self._pinned), app_state.plan, app_state.state.trials
            view.show(
                app_state.state.version,
                lambda width: partial(loss_plot, loss_series(plan, trials.values(), width, pinned)),
                chosen=pinned,
            )
        elif name == "isoflop":
            curves = fitted.isoflop if fitted else app_state.dots
            draw = partial(isoflop_law_plot if self._by_law else isoflop_plot, curves)
            view.show((fitted and fitted.version, len(curves)), lambda _: draw, chosen=self._by_law)
        elif fitted is None:
            view.show("nothing", lambda _: lambda *_: NOTHING_YET[name])
        elif name == "scaling":
            view.show(fitted.version, lambda _: partial(scaling_plot, fitted.scaling))
        elif name == "residuals":
            view.show(fitted.version, lambda _: partial(residual_plot, fitted.residuals))
