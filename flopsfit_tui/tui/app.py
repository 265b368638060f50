"""The terminal app: screens over a session, and the keys that work everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from flopsfit_tui.core.control import Add, Workers
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.units import format_count, format_flops, parse_number
from flopsfit_tui.report.bracket import bracketing_points
from flopsfit_tui.tui.alarm import Alarm, desktop_sequence
from flopsfit_tui.tui.ask import Ask
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.config import Config
from flopsfit_tui.tui.keymap import shown_keys
from flopsfit_tui.tui.keys import help_text
from flopsfit_tui.tui.lines import printable, warnings
from flopsfit_tui.tui.look import FEW_COLORS, THEMES, palette_of, reduced, style
from flopsfit_tui.tui.machine import Machine
from flopsfit_tui.tui.news import News
from flopsfit_tui.tui.prompt import Prompt
from flopsfit_tui.tui.recent import request_of
from flopsfit_tui.tui.recent_screen import RecentScreen
from flopsfit_tui.tui.result_screen import ResultScreen
from flopsfit_tui.tui.session import Hooks, Session, What
from flopsfit_tui.tui.start_screen import StartScreen
from flopsfit_tui.tui.sweep_screen import SweepScreen
from flopsfit_tui.tui.trial_actions import TrialActions
from flopsfit_tui.tui.view_keeper import LOOK_SECONDS, ViewKeeper
from flopsfit_tui.tui.words import Words
from flopsfit_tui.workloads.builtin import BUILTIN

MACHINE_SECONDS = 2.0
CONDITIONAL = ("start", "pause", "resume", "stop", "optimum", "export", "warnings", "back")


class Told(Message):
    """News of a session, on its way from a thread to the UI thread."""

    def __init__(self, session: Session, news: News) -> None:
        super().__init__()
        self.session, self.news = session, news


class FlopsfitApp(App[int]):
    """Plans on its start screen, sweeps, shows the optimum."""

    TITLE = "flopsfit"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("question_mark", "help", "Help", id="help", key_display="?"),
    ]

    def __init__(
        self, options: Options, start: bool = False, reading: Path | None = None, config: Config | None = None
    ) -> None:
        super().__init__()
        self._config = config or Config()
        self._alarm = Alarm(self._call)
        self._views = ViewKeeper(self, with_theme=not self._config.theme)
        hooks = Hooks(
            tell=lambda session, news: self.post_message(Told(session, news)),
            run=lambda work: self.run_worker(work, thread=True, exit_on_error=False),
            changed=self._changed,
        )
        self._hooks = hooks
        self.session = Session(options, hooks, reading)  # the one that the screens show
        self._own = self.session  # the one that plans and sweeps
        self.board.keys = shown_keys(self._config)
        self._start = start
        self._machine: Machine | None = None
        self._allowed: tuple[bool | None, ...] = ()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = self._config.theme or "flopsfit-dark"

    def _fit_colors(self) -> None:
        """On a terminal of few colours: surfaces that it has, and a cursor that is seen by more than its shade."""
        system = None if self.is_headless else self.console.color_system
        for theme in THEMES.values():
            self.register_theme(reduced(theme, system))
        if system not in (None, "truecolor"):
            self.refresh_css(animate=False)
        self.set_class(system in ("standard", "windows"), FEW_COLORS)

    @property
    def board(self) -> Board:
        """What the screens draw."""
        return self.session.board

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for Textual's own themes."""
        return {"muted": "#808894", "faint": "#59616e"}

    def on_mount(self) -> None:
        """Show something, then begin to measure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
                loop.add_signal_handler(number, self._leave)
        self.set_keymap(self._config.keys)
        self._fit_colors()
        if self.board.reading:
            self._show_sweep()
        else:
            self.push_screen(StartScreen(self.board))
        self.set_interval(LOOK_SECONDS, self._views.attend)
        if not self.board.reading:
            self.set_interval(MACHINE_SECONDS, lambda: self.run_worker(self._look_at_machine, thread=True))
        self.session.open()
        if self._start:
            self.action_start()

    def _look_at_machine(self) -> None:
        """In a thread: how busy the machine is."""
        if self.board.busy:
            self._machine = self._machine or Machine()
            self.board.machine = self._machine.read()

    def on_unmount(self) -> None:
        """However the app ends, its threads and workers end with it."""
        self._close()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything that a key would do on this screen, and Textual's own."""
        seen = set()
        for active in screen.active_bindings.values():
            binding = active.binding
            words = binding.tooltip or binding.description
            if active.enabled and binding.id and binding.description and words not in seen:
                seen.add(words)
                run = partial(self.run_action, binding.action, active.node)
                yield SystemCommand(binding.description, f"{words}, by {self.get_key_display(binding)}", run)
        yield from super().get_system_commands(screen)

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Beside the sweep's files, or here while it has none: not every machine has a folder for downloads."""
        place = self.board.directory
        default = place if place is not None and place.is_dir() else Path.cwd()
        return super().deliver_screenshot(filename, path or str(default), time_format)

    # ---- what the session says ----

    def on_told(self, message: Told) -> None:
        """News has arrived in the UI thread."""
        if message.session is self.session:
            self._alarm.hear(self.board, message.news)
        message.session.take(message.news)

    def _changed(self, session: Session, what: What) -> None:
        if session is not self.session:
            return
        self._redraw()
        board = session.board
        if what == "ended":
            self._alarm.ended(board)
        if what == "refused" and isinstance(self.screen, SweepScreen) and not board.reading:
            self.pop_screen()
        elif what == "broke":
            self.push_screen(Words("Something broke", Text(printable(board.traceback))))
        elif what == "ended" and board.state.phase == "done" and isinstance(self.screen, SweepScreen):
            if not (board.reading or board.options.exit_when_done or self.screen.query_one(Prompt).open):
                self.push_screen(ResultScreen(board))
        elif what == "exported" and not session.exporting:
            if board.options.exit_when_done and board.stage == "ended":
                self._leave()
            elif board.export_problem:
                self.notify(printable(board.export_problem), severity="error", markup=False)
            elif board.exported:
                where = printable(str(board.exported[0].parent))
                self.notify(f"wrote {len(board.exported)} files to {where}", markup=False)

    def _redraw(self) -> None:
        for screen in self.screen_stack[-2:]:  # also the one that a question lies over
            if isinstance(screen, BoardScreen):
                screen.redraw()
        allowed = tuple(self.check_action(action, ()) for action in CONDITIONAL)
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()

    # ---- keys ----

    def on_start_screen_workload_chosen(self, message: StartScreen.WorkloadChosen) -> None:
        """Plan another workload."""
        options = self.board.options
        self.session.replan(replace(options, request=Request(message.name, seeds=options.request.seeds)))

    def on_start_screen_options_typed(self, message: StartScreen.OptionsTyped) -> None:
        """Plan what the fields say."""
        if message.problem:
            self.session.refuse(message.options, message.problem)
        else:
            self.session.replan(message.options)

    def action_recent(self) -> None:
        """Earlier sweeps."""
        self.push_screen(RecentScreen())

    def on_recent_screen_picked(self, message: RecentScreen.Picked) -> None:
        """Open an earlier sweep, or plan the rest of it."""
        sweep, request = message.recent, request_of(message.recent.plan)
        if message.go_on and request.workload not in BUILTIN:
            command = f"flopsfit-tui run YOUR_FILE.py --out {sweep.directory}"
            self.notify(f"its workload is your own: go on with `{command}`", severity="warning", markup=False)
            return
        self.pop_screen()
        options = Options(request, out=sweep.directory)
        if message.go_on:
            self.session.replan(options)
        else:
            self._own, self.session = self.session, Session(options, self._hooks, reading=sweep.directory)
            self.board.keys = self._own.board.keys
            self._show_sweep()
            self.session.open()

    def action_start(self) -> None:
        """Sweep; or go on after a stop."""
        self.session.start()
        if not isinstance(self.screen, SweepScreen):
            self._show_sweep()

    def _show_sweep(self) -> None:
        self.push_screen(SweepScreen(self.board, self._config.redraw_seconds))
        self.call_after_refresh(self._views.attend)

    def on_trial_actions_wished(self, message: TrialActions.Wished) -> None:
        """A wish about single trials goes to the sweep, which says by its events what came of it."""
        self.session.ask(*message.wishes)
        self.notify(message.word, timeout=3, markup=False)

    def action_bracket(self) -> None:
        """Add the sizes that would bracket the minima that lie at an edge."""
        board, analysis = self.board, self.board.analysis
        missing = bracketing_points(analysis) if analysis else []
        if missing:
            self.session.ask(*(Add(budget, params=params) for budget, params in missing))
            where = ", ".join(f"N {format_count(params)} at {format_flops(budget)}" for budget, params in missing)
            self.notify(f"joins the plan: {where}", markup=False)
        elif board.plan:
            self.notify("nothing to add: every minimum so far lies inside its sizes", markup=False)

    def action_target(self) -> None:
        """Ask the optimum at another budget."""

        def answered(text: str | None) -> None:
            if text:
                self.session.retarget(parse_number(text, "budget"))

        shown = format_flops(self.board.target) if self.board.target else ""
        check = partial(parse_number, what="budget")
        self.screen.query_one(Prompt).ask("optimum at FLOPs", answered, shown, "1e21, or 30e18", check)

    def on_result_screen_retargeted(self, message: ResultScreen.Retargeted) -> None:
        """The budget that was asked for stays the target."""
        self.session.retarget(message.budget)

    def action_workers(self, more: int) -> None:
        """Another number of trials at once."""
        count = max(1, self.board.state.slots + more)
        if count != self.board.state.slots:
            self.session.ask(Workers(count))
            self.notify(f"{count} worker{'s' * (count > 1)}", timeout=3, markup=False)

    def action_pause(self) -> None:
        """Hold the workers between two steps."""
        self.session.pause()

    def action_resume(self) -> None:
        """Let the workers go on."""
        self.session.resume()

    def action_stop(self) -> None:
        """End the sweep; what is finished is kept."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.session.stop()

        running = self.board.state.count("running")
        detail = f"Finished trials are kept; the {running} running will start over when it goes on."
        self.push_screen(Ask("Stop the sweep?", detail, "Stop", "Go on"), answered)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that would do nothing are neither shown nor obeyed."""
        board, phase = self.board, self.board.state.phase
        allowed = {
            "start": not board.busy
            and not board.reading
            and board.stage != "refused"
            and (board.left > 0 or not board.state.trials),
            "pause": board.busy and phase == "running",
            "resume": board.busy and phase == "paused",
            "stop": board.busy and phase in ("running", "paused"),
            "bracket": not board.reading and bool(board.state.trials),
            "target": board.plan is not None,
            "workers": board.busy and board.options.executor != "thread",
            "optimum": board.plan is not None,
            "export": bool(board.state.trials),
            "back": not board.busy and len(self.screen_stack) > 2,
            "warnings": bool(warnings(board)),
        }
        return allowed.get(action, True)

    def action_warnings(self) -> None:
        """Everything to beware of, at length."""
        palette = palette_of(self)
        text = Text()
        for sentence, key in warnings(self.board):
            text.append("\n\n" if text else "").append("! ", style(palette.warn, bold=True)).append(printable(sentence))
            text.append(f"  [{key}]" if key else "", style(palette.live))
        self.push_screen(Words("To beware of", text))

    def action_help(self) -> None:
        """Every key."""
        self.push_screen(Words("Keys", help_text(self, self.screen, self.size.width - 12, palette_of(self))))

    def action_optimum(self) -> None:
        """Show the answer as it stands."""
        self.push_screen(ResultScreen(self.board))

    def action_export(self) -> None:
        """Write the files again."""
        self.session.export()

    async def action_back(self) -> None:
        """From a sweep that does not run here to the start screen."""
        self._views.attend()
        await self.pop_screen()
        if self.session is not self._own:
            self.session.close()
            self.session = self._own
            self._redraw()

    async def action_quit(self) -> None:
        """Leave; asks when a sweep runs."""
        if not self.board.busy:
            self._leave()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._leave()

        if not isinstance(self.screen, Ask):
            detail = "Finished trials are kept; the same command goes on from there."
            self.push_screen(Ask("A sweep is running. Quit?", detail, "Quit", "Go on"), answered)

    def _close(self) -> None:
        self.session.close()
        self._own.close()

    def _call(self, sentence: str) -> None:
        """Call a person who looks elsewhere, in the ways that they chose."""
        if self._config.bell:
            self.bell()
        if self._config.desktop and self._driver is not None and not self.is_headless:
            self._driver.write(desktop_sequence(sentence))

    def _leave(self) -> None:
        self._views.attend()
        self._close()
        self.exit(self.board.exit_code)
