"""The start: which workload, what will be run, what it will cost, where it goes; enter starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import DescendantFocus
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.text import printable
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.start.field import FieldInput, Fields
from flopsfit_tui.tui.start.fields import FIELDS, defaults_of, options_of, texts_of
from flopsfit_tui.tui.start.plan_text import plan_of_another, plan_table, plan_totals, problem_text
from flopsfit_tui.tui.text import shorten, without_marks
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.base_screen import BaseScreen, is_low, is_narrow
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.status import title_line
from flopsfit_tui.workloads.builtin import BUILTIN
from flopsfit_tui.workloads.discover import own_workloads

if TYPE_CHECKING:
    from flopsfit_tui.core.trial import Plan
    from flopsfit_tui.report.plots.viewport import View

SHORT = 30  # rows below which there are no headings
WAITING_SECONDS = 0.5  # between two drawings of how long it has been waited
CHECK = "Instead of the sweep, what its learning rates lose at its corners; again: the sweep"
TYPING_SECONDS = 0.4  # so long after the last key a field's text is planned


class StartScreen(BaseScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,s", "start", "Start", id="start", key_display="enter", tooltip="Start the sweep"),
        Binding("enter,s", "plan_marked", "Plan", id="start", key_display="enter", tooltip="Plan the marked workload"),
        Binding("x", "cancel_planning", "Cancel planning", id="stop"),
        Binding("r", "app.recent", "Earlier sweeps", id="recent"),
        Binding("c", "check_recipe", "Check the recipe", id="check_recipe", tooltip=CHECK),
        Binding("tab", "app.focus_next", "Next field", id="next_field", key_display="tab", show=False),
    ]

    class WorkloadChosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class OptionsTyped(Message):
        """The fields say something else; `problem` when it cannot be meant."""

        def __init__(self, options: Options, problem: str = "") -> None:
            super().__init__()
            self.options, self.problem = options, problem

    class PlanningCancelled(Message):
        pass

    def __init__(self, app_state: AppState) -> None:
        super().__init__(app_state)
        self._typing: Timer | None = None
        self._marking: Timer | None = None
        self._defaults: dict[str, str] = {}  # what the fields show where nothing is asked for
        wanted = str(app_state.options.request.workload)
        own = dict.fromkeys(own_workloads(Path()), "your own")
        self._workloads = {b.name: b.about for b in BUILTIN.values()} | own  # what each is about
        self._workloads.setdefault(wanted, "your own")
        self._named_for = 0  # the width that their lines were made for
        self._filled_for: object = None  # the options that the fields were filled from
        self._ordered = False, False  # for which the parts stand as they do: a low window, no plan
        self._planned: object = None  # the keys were last shown for: they differ while something is planned

    def compose(self) -> ComposeResult:
        self._defaults, self._filled_for = defaults_of(self.app_state), self.app_state.options
        asked = texts_of(self.app_state.options)
        texts = {name: asked[name] or default for name, default in self._defaults.items()}
        self._named_for = self.app.size.width
        lines = self._workload_lines(self._named_for - 8)
        with self.prevent(Input.Changed):  # nothing was typed
            rows = Fields(FIELDS[:2], texts, "wide-fields"), Fields(FIELDS[2:], texts, "more-fields")
        yield Static(id="title")
        with VerticalScroll(id="start", can_focus=False):
            yield Static("Workload", classes="heading", markup=False)
            options = (Option(line, id=name) for name, line in lines.items())
            yield OptionList(*options, id="workloads", markup=False, compact=True)
            with Vertical(id="fields"):
                yield from rows
                yield Static(id="syntax", markup=False)
            yield Static(id="problem")
            yield Static("Plan", classes="heading", markup=False, id="plan-heading")
            with VerticalScroll(id="plan", can_focus=False):
                yield Static(id="ladders")
            yield Static(id="totals")
        yield Footer()

    def on_mount(self) -> None:
        """Choose the workload that is asked for."""
        workloads = self.query_one(OptionList)
        workloads.highlighted = list(self._workloads).index(str(self.app_state.options.request.workload))
        workloads.focus()
        self.set_interval(WAITING_SECONDS, self._count)

    def _workload_lines(self, room: int) -> dict[str, Text]:
        """A line for each, however wide the screen."""
        width = max(map(len, self._workloads))
        lines = {}
        for name, about in self._workloads.items():
            text = Text().append(shorten(name, width), "bold").append(" " * (width + 3 - len(name)))
            lines[name] = text.append(shorten(about, max(1, room - width - 3), front=False))
        return lines

    def _count(self) -> None:
        """How long it has been waited for, while something is."""
        if self.app_state.stage in ("planning", "pricing"):
            self.redraw()

    # ---- choosing ----

    @property
    def marked(self) -> str:
        """The workload under the cursor: the plan in sight is its, or there is none."""
        option = next((workloads.highlighted_option for workloads in self.query(OptionList)), None)
        return (option.id if option else None) or str(self.app_state.options.request.workload)

    @property
    def _own(self) -> bool:
        """Whether the marked workload is the one that is planned."""
        return self.marked == str(self.app_state.options.request.workload)

    def on_option_list_option_highlighted(self) -> None:
        """Plan what is marked, once the cursor rests; enter does that for what would be downloaded or imported."""
        if self._marking is not None:
            self._marking.stop()
        self._marking = self.set_timer(TYPING_SECONDS, self._plan_marked)
        self.refresh_bindings()
        self.redraw()

    def _plan_marked(self) -> None:
        builtin = BUILTIN.get(self.marked)
        if not self._own and builtin and not builtin.downloads:
            self.action_plan_marked()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Starting is the app's to allow; what was cancelled is planned again by it."""
        if action == "start":
            return self._own and (self.app_state.cancelled or self.app.check_action(action, parameters))
        if action == "plan_marked":
            return not self._own
        if action == "check_recipe":
            return self.app_state.plan is not None or self.app_state.options.request.checks_recipe
        return self.app_state.planning if action == "cancel_planning" else True

    async def action_start(self) -> None:
        """Start what is planned; plan again what was cancelled."""
        if self.app_state.cancelled:
            self.post_message(self.OptionsTyped(self.app_state.options))
        else:
            await self.run_action("app.start")

    def action_plan_marked(self) -> None:
        """Plan another workload than the one that is planned."""
        self.post_message(self.WorkloadChosen(self.marked))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter starts what is planned; on another workload it plans that."""
        if event.option.id and self._own:
            await self.action_start()
        elif event.option.id:
            self.action_plan_marked()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """What the field understands stands below the fields."""
        if isinstance(event.widget, FieldInput):
            self._say_syntax(f"{event.widget.spec.name}: {event.widget.spec.about}")

    def on_descendant_blur(self) -> None:
        self._say_syntax("")

    def _say_syntax(self, words: str) -> None:
        narrow = is_narrow(self.size)  # where it takes several lines
        text = printable(words) if narrow else shorten(words, self.size.width - 5, front=False)
        self.query_one("#syntax", Static).update(text, layout=narrow)
        self.set_class(bool(words), "typing")

    def on_input_changed(self) -> None:
        """Plan again once the typing pauses."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_SECONDS, self._typed)

    def _typed(self) -> None:
        base = self.app_state.options
        if self._typing is not None:
            self._typing.stop()
        if self.app_state.busy:  # what runs, or waits for its plan, stays what it is
            return
        try:
            options = self._asked({spec.name: self.query_one(f"#field-{spec.name}", Input).value for spec in FIELDS})
        except ValueError as error:
            self.post_message(self.OptionsTyped(base, str(error)))
            return
        if options != self._asked(texts_of(base)) or self.app_state.stage == "refused":
            self._filled_for = options
            self.post_message(self.OptionsTyped(options))

    def _asked(self, texts: Mapping[str, str]) -> Options:
        """The options that texts ask for: one that is the default asks for nothing. Raises ValueError."""
        asked = {name: "" if text.strip() == self._defaults.get(name) else text for name, text in texts.items()}
        return options_of(asked, self.app_state.options)

    async def on_input_submitted(self) -> None:
        """Enter in a field starts, once what it says is planned."""
        self._typed()
        self.call_later(self.app.call_later, self._start_typed)  # behind what was typed, in both queues

    async def _start_typed(self) -> None:
        """Start, and leave the field: a key typed when the screen comes back is a key again."""
        if self.app.check_action("start", ()):
            self.action_leave_field()
            await self.run_action("app.start")

    def action_cancel_planning(self) -> None:
        """End a planning that takes too long"""
        self.post_message(self.PlanningCancelled())

    def action_check_recipe(self) -> None:
        """Plan the check of the recipe instead of the sweep, or the sweep again."""
        options = self.app_state.options
        request = replace(options.request, checks_recipe=not options.request.checks_recipe)
        self.post_message(self.OptionsTyped(replace(options, request=request)))

    def action_leave_field(self) -> None:
        self.query_one(OptionList).focus()

    # ---- drawing ----

    def draw(self) -> None:
        """Take up what the app state says now: the plan of the marked workload, or what is waited for."""
        app_state, width, palette = self.app_state, self.size.width, palette_of(self.app)
        self.put("#title", title_line(app_state, width, palette))
        self._fill()
        if self._planned != (app_state.planning, app_state.cancelled, self._own):
            self._planned = app_state.planning, app_state.cancelled, self._own
            self.refresh_bindings()
        if width != self._named_for:
            self._named_for = width
            for name, line in self._workload_lines(width - 8).items():
                self.query_one(OptionList).replace_option_prompt(name, line)
        self.set_class(self.size.height < SHORT, "short")
        own = self._own
        table = plan_table(app_state, width - 5, palette) if own else plan_of_another(self.marked, palette)
        self.put("#ladders", table, layout=True)
        self.put("#totals", plan_totals(app_state, width - 5, palette) if own else Text(), layout=True)
        problem = problem_text(app_state) if own else ""
        self.put("#problem", Text(without_marks(problem, width - 5), style(palette.bad)), layout=True)
        self.query_one("#problem").display = bool(problem)
        refused = bool(problem) and app_state.stage != "ready"
        self.set_class(refused, "refused")
        self.set_class(not own or app_state.plan is None, "unplanned")  # margins would take what a low window has
        self._order(is_low(self.size), refused)
        self._draw_picture(app_state.plan if own else None)

    def _draw_picture(self, plan: Plan | None) -> None:
        """The plan as a plot, where there is room for it; its widget comes with the first plan."""
        picture = self.query("#picture")
        if plan and self.size.height >= 27 + max(5, 2 * len(plan.budgets)):
            from flopsfit_tui.tui.widgets.plot_view import PlotView  # the first paint comes before it

            if not picture:
                self.query_one("#start").mount(PlotView(id="picture"))
            draw = partial(_low_plan_plot, plan)
            self.query_one(PlotView).show(0, lambda _: draw, chosen=id(plan))
            self.query_one(PlotView).display = True
        elif picture:
            picture.first().display = False

    def _order(self, low: bool, refused: bool) -> None:
        """In a low window the plan, its cost first, comes before the fields: they are scrolled to when used. What is
        wrong comes first there."""
        if (low, refused) == self._ordered:
            return
        self._ordered = low, refused
        body, workloads, fields, plan, totals, problem = (
            self.query_one(f"#{name}") for name in ("start", "workloads", "fields", "plan", "totals", "problem")
        )
        if low:
            body.move_child(totals, before=plan)
        else:
            body.move_child(totals, after=plan)
        body.move_child(fields, after=plan if low and not refused else workloads)
        body.move_child(problem, after=workloads if low else fields)
        if isinstance(self.focused, FieldInput):
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def _fill(self) -> None:
        """Show the options in the fields when they are not what was typed there."""
        defaults, anew = defaults_of(self.app_state), self._filled_for is not self.app_state.options
        self._filled_for = self.app_state.options
        with self.prevent(Input.Changed):
            for name, text in texts_of(self.app_state.options).items():
                field = self.query_one(f"#field-{name}", Input)
                untouched = field.value == self._defaults.get(name, "") and not field.has_focus
                if (anew or untouched) and field.value != (text or defaults[name]):
                    field.value = text or defaults[name]
        self._defaults = defaults


def _low_plan_plot(plan: Plan, width: int, height: int, palette: Palette, view: View) -> str:
    """No higher than its ladders need."""
    from flopsfit_tui.report.plots.terminal import plan_plot  # the first paint comes before it

    return plan_plot(plan, width, min(height, 2 * len(plan.budgets) + 6), palette, view)
