"""The terminal app: owns the board, folds what its threads say into it, and answers the keys."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import SweepEnded, SweepStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.report.summary import summary
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.ask import Ask
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.follow import follow
from flopsfit_tui.tui.keys import help_text
from flopsfit_tui.tui.lines import printable, warnings
from flopsfit_tui.tui.look import THEMES, palette_of, style
from flopsfit_tui.tui.messages import (
    Broke,
    Exported,
    Fitted,
    Happened,
    Opened,
    Planned,
    Priced,
    Refused,
    Remembered,
    WorkloadChosen,
)
from flopsfit_tui.tui.result_screen import ResultScreen
from flopsfit_tui.tui.start_screen import StartScreen
from flopsfit_tui.tui.sweep_screen import SweepScreen
from flopsfit_tui.tui.sweep_thread import SweepThread, export, export_tables, fit
from flopsfit_tui.tui.words import Words

CONDITIONAL = ("start", "pause", "resume", "stop", "optimum", "export", "warnings")
DONE, FAILED, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class FlopsfitApp(App[int]):
    """Plans on its start screen, sweeps, shows the optimum."""

    TITLE = "flopsfit"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "quit", "Quit", key_display="q"),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(self, options: Options, start: bool = False, reading: Path | None = None) -> None:
        super().__init__()
        self.board = Board(options, directory=reading, reading=reading is not None)
        self.sweeper = SweepThread(self.post_message)
        self._start = start
        self._fitting = False
        self._exporting = False
        self._allowed: tuple[bool | None, ...] = ()
        self.leaving = Control()  # stops the short threads when the app ends
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "flopsfit-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for Textual's own themes."""
        return {"muted": "#808894", "faint": "#59616e"}

    def on_mount(self) -> None:
        """Show something, then begin to measure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
                loop.add_signal_handler(number, self._leave)
        if self.board.reading and self.board.directory:
            self.push_screen(SweepScreen(self.board))
            self._background(partial(follow, self.post_message, self.board.directory, self.leaving))
            return
        self.run_worker(self.sweeper.serve, thread=True, group="sweep", exit_on_error=False)
        self.sweeper.plan(self.board.options)
        self.push_screen(StartScreen(self.board))
        if self._start:
            self.action_start()

    def on_unmount(self) -> None:
        """However the app ends, its thread and workers end with it."""
        self.leaving.stop()
        self.sweeper.quit()

    # ---- what the threads say ----

    def on_opened(self, message: Opened) -> None:
        """A sweep that is only read."""
        self.board.plan, self.board.directory, self.board.stage = message.plan, message.directory, "sweeping"
        self._redraw()

    def on_planned(self, message: Planned) -> None:
        """There is a plan."""
        if message.options is self.board.options:
            self.board.plan, self.board.directory = message.plan, message.directory
            self.board.finished_before = message.finished
            if self.board.stage == "planning":
                self.board.stage = "pricing"
            self._redraw()

    def on_priced(self, message: Priced) -> None:
        """There is a price."""
        if message.options is self.board.options:
            self.board.estimate = message.estimate
            if self.board.stage == "pricing":
                self.board.stage = "ready"
            self._redraw()

    def on_refused(self, message: Refused) -> None:
        """It cannot be planned or swept."""
        if message.options is self.board.options:
            self.board.problem, self.board.stage, self.board.starting = message.sentence, "refused", False
            if isinstance(self.screen, SweepScreen):
                self.pop_screen()
            self._redraw()

    def on_broke(self, message: Broke) -> None:
        """Something of our own broke."""
        self.board.traceback = message.traceback
        self.board.problem = message.traceback.strip().splitlines()[-1]
        self.push_screen(Words("Something broke", Text(printable(message.traceback))))
        self.board.stage, self.board.starting = "ended" if self.board.state.trials else "refused", False
        self._redraw()

    def on_happened(self, message: Happened) -> None:
        """The sweep goes on; screens draw it when their time comes."""
        before = self.board.state.phase
        for event in message.events:
            self.board.state.apply(event)
            if isinstance(event, SweepStarted):
                self.board.stage, self.board.starting = "sweeping", False
            elif isinstance(event, SweepEnded):
                self.board.stage = "ending"
        if before != self.board.state.phase:
            self.board.wish = ""
            self._redraw()
        self._refit()
        self._see_whether_ended()

    def on_remembered(self, message: Remembered) -> None:
        """Loss curves of earlier runs."""
        self.board.state.load_history(dict(message.history))

    def on_fitted(self, message: Fitted) -> None:
        """A fit is ready; another begins if more has finished since."""
        self._fitting = False
        self.board.fitted = message
        self._refit()
        self._redraw()
        self._see_whether_ended()

    def _refit(self) -> None:
        state, fitted = self.board.state, self.board.fitted
        if self._fitting or state.plan is None or (fitted and fitted.version == state.outcomes_version):
            return
        self._fitting = True
        outcomes, targets = state.outcomes(), self.board.options.targets
        self._background(partial(fit, self.post_message, state.plan, outcomes, targets, state.outcomes_version))

    def _see_whether_ended(self) -> None:
        """Once the sweep has ended and the last fit is in: show the answer, write the files."""
        state = self.board.state
        if self.board.stage != "ending" or self._fitting:
            return
        self.board.stage = "ended"
        self._redraw()
        if self.board.reading:
            return
        self.action_export()
        if state.phase == "done" and isinstance(self.screen, SweepScreen):
            self.push_screen(ResultScreen(self.board))

    def on_exported(self, message: Exported) -> None:
        """Files were written, or not."""
        if message.problem:
            self.notify(message.problem, severity="error", markup=False)
        if message.paths:
            self.board.exported = message.paths
        self._redraw()
        if message.whole or not message.paths:
            self._exporting = False
            if self.board.options.exit_when_done and self.board.stage == "ended":
                self._leave()
            elif message.paths:
                self.notify(f"wrote {len(message.paths)} files to {message.paths[0].parent}", markup=False)

    def _background(self, work: Callable[[], Any]) -> None:
        self.run_worker(work, thread=True, group="background", exit_on_error=False)

    # ---- keys ----

    def on_workload_chosen(self, message: WorkloadChosen) -> None:
        """Plan another workload."""
        options = self.board.options
        self._replan(replace(options, request=replace(options.request, workload=message.name)))

    def _replan(self, options: Options) -> None:
        board = self.board
        board.options, board.stage = options, "planning"
        board.plan = board.directory = board.estimate = None
        board.problem = board.traceback = ""
        board.finished_before = 0
        self.sweeper.plan(options)
        self._redraw()

    def action_start(self) -> None:
        """Sweep; or go on after a stop."""
        board = self.board
        board.starting, board.problem = True, ""
        self.sweeper.sweep()
        if not isinstance(self.screen, SweepScreen):
            self.push_screen(SweepScreen(board))
        self._redraw()

    def action_pause(self) -> None:
        """Hold the workers between two steps."""
        self._wish("pausing…", self.sweeper.control.pause)

    def action_resume(self) -> None:
        """Let the workers go on."""
        self._wish("resuming…", self.sweeper.control.resume)

    def _wish(self, word: str, ask: Callable[[], None]) -> None:
        ask()
        self.board.wish = word
        self._redraw()

    def action_stop(self) -> None:
        """End the sweep; what is finished is kept."""

        def answered(yes: bool | None) -> None:
            if yes and self.board.busy:
                self._wish("stopping…", self.sweeper.control.stop)

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
            "optimum": board.plan is not None,
            "export": bool(board.state.trials),
            "warnings": bool(warnings(board)),
        }
        return allowed.get(action, True)

    def action_warnings(self) -> None:
        """Everything to beware of, at length."""
        palette = palette_of(self)
        text = Text()
        for sentence in warnings(self.board):
            text.append("\n\n" if text else "").append("! ", style(palette.warn, bold=True)).append(printable(sentence))
        self.push_screen(Words("To beware of", text))

    def action_help(self) -> None:
        """Every key."""
        self.push_screen(Words("Keys", help_text(self, self.screen, self.size.width - 12, palette_of(self))))

    def action_optimum(self) -> None:
        """Show the answer as it stands."""
        self.push_screen(ResultScreen(self.board))

    def action_export(self) -> None:
        """Write the files again."""
        board = self.board
        if board.directory and board.plan and not self._exporting:
            self._exporting = True
            self._background(
                partial(export, self.post_message, board.directory, board.plan, board.options.targets, self.leaving)
            )

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

    def _leave(self) -> None:
        self.leaving.stop()
        self.sweeper.quit()
        self.exit(self.exit_code())

    def exit_code(self) -> int:
        """0 done or only looked at, 1 nothing finished, 2 refused, 3 some trials failed, 130 interrupted."""
        state = self.board.state
        if not state.trials:
            return USAGE if self.board.stage == "refused" else DONE
        if state.phase != "done":
            return INTERRUPTED
        if not state.count("finished"):
            return FAILED
        return SOME_FAILED if state.count("failed") else DONE

    def _redraw(self) -> None:
        for screen in self.screen_stack[-2:]:  # also the one that a question lies over
            if isinstance(screen, BoardScreen):
                screen.redraw()
        allowed = tuple(self.check_action(action, ()) for action in CONDITIONAL)
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()


def open_app(directory: Path, targets: tuple[float, ...] = ()) -> int:
    """Look at a sweep in the app, and follow it while another process runs it; the exit code.

    Raises ValueError when the directory holds no sweep.
    """
    store = SqliteStore(directory, read_only=True)
    plan = store.plan()
    store.close()
    options = Options(Request(plan.workload if plan else "?"), out=directory, targets=targets)
    return _run(FlopsfitApp(options, reading=directory))


def run_app(options: Options, *, start: bool = False) -> int:
    """Run the app on its start screen, or sweeping at once; the exit code."""
    return _run(FlopsfitApp(options, start))


def _run(app: FlopsfitApp) -> int:
    code = app.run()
    board = app.board
    if board.plan and board.analysis and board.analysis.optimum:
        print(summary(board.plan, board.analysis))
    if board.state.trials and board.directory and not board.reading:
        with contextlib.suppress(ValueError, OSError):  # it has been said, or the store would have failed first
            if board.plan:
                export_tables(board.directory, board.plan, board.options.targets)
        print(f"the sweep is in {board.directory}", file=sys.stderr)
    if board.problem and not board.state.trials:
        print(f"flopsfit-tui: {board.problem}", file=sys.stderr)
    return code if code is not None else app.return_code or FAILED
