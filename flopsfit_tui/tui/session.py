"""One sweep in the app: its board, its threads, and what they say folded in. Knows no screen.

screens --- keys ---> app --- start, pause, ... ---> session --- orders ---> sweep thread, or follower
   ^                   ^                               |  ^
   '---- redraw -------'------ changed(what) ----------'  '--- news (through the app's message queue)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from flopsfit_tui.core.control import Control, Wish
from flopsfit_tui.core.events import PlanChanged, SweepEnded, SweepStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.report.analysis import points_of
from flopsfit_tui.report.series import isoflop_dots
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.follow import follow
from flopsfit_tui.tui.log import entry_of
from flopsfit_tui.tui.news import (
    Broke,
    Exported,
    Fitted,
    Happened,
    Logged,
    News,
    Opened,
    Planned,
    Priced,
    Refused,
    Remembered,
)
from flopsfit_tui.tui.sweep_thread import SweepThread, export, fit

What = Literal["board", "refused", "broke", "ended", "exported"]


@dataclass(frozen=True)
class Hooks:
    """What a session needs of the app around it."""

    tell: Callable[[Session, News], object]  # from any thread: bring this to session.take() in the UI thread
    run: Callable[[Callable[[], None]], object]  # run this in a thread
    changed: Callable[[Session, What], object]  # in the UI thread: something to draw, or to react to


class Session:
    """Planned and swept here, or only read from a directory. All methods are for the UI thread, and none waits."""

    def __init__(self, options: Options, hooks: Hooks, reading: Path | None = None) -> None:
        self.board = Board(options, directory=reading, reading=reading is not None)
        self._hooks = hooks
        self._post = partial(hooks.tell, self)
        self._closing = Control()  # stops the short threads
        self._fitting = self._exporting = self._export_again = False
        self._fitted: object = None  # what the last fit was begun for
        self._fits = 0
        self.sweeper = None if reading else SweepThread(self._post)

    def open(self) -> None:
        """Begin to plan, or to read."""
        board = self.board
        if self.sweeper is not None:
            self._hooks.run(self.sweeper.serve)
            self.sweeper.plan(board.options)
        elif board.directory is not None:
            self._hooks.run(partial(follow, self._post, board.directory, self._closing))

    def close(self) -> None:
        """Stop what runs; every thread and worker is gone a moment later."""
        self._closing.stop()
        if self.sweeper is not None:
            self.sweeper.quit()

    # ---- what a person asks ----

    def replan(self, options: Options) -> None:
        """Plan something else."""
        assert self.sweeper is not None
        self.board.reset(options)
        self.sweeper.plan(options)
        self._hooks.changed(self, "board")

    def refuse(self, options: Options, sentence: str) -> None:
        """What was typed cannot be planned: there is no plan until something else is."""
        if self.sweeper is not None:
            self.sweeper.forget()
        self.board.reset(options)
        self.take(Refused(options, sentence))

    def start(self) -> None:
        """Sweep; or go on after a stop."""
        self._begin(())

    def _begin(self, wishes: Sequence[Wish]) -> None:
        assert self.sweeper is not None
        self.board.starting, self.board.problem = True, ""
        self.sweeper.sweep(wishes)
        self._hooks.changed(self, "board")

    def pause(self) -> None:
        """Hold the workers between two steps."""
        if self.sweeper is not None:
            self.sweeper.control.pause()
            self._wish("pausing…")

    def resume(self) -> None:
        """Let the workers go on."""
        if self.sweeper is not None:
            self.sweeper.control.resume()
            self._wish("resuming…")

    def stop(self) -> None:
        """End the sweep; what is finished is kept."""
        if self.sweeper is not None and self.board.busy:
            self.sweeper.control.stop()
            self._wish("stopping…")

    def ask(self, *wishes: Wish) -> None:
        """Wish something about single trials; a sweep that has ended goes on for it."""
        if self.sweeper is None or self.board.plan is None:
            return
        if self.board.busy:
            for wish in wishes:
                self.sweeper.control.ask(wish)
        elif self.board.stage in ("ready", "ended"):
            self._begin(wishes)

    def retarget(self, budget: float) -> None:
        """Show the optimum at another budget."""
        self.board.asked_target = budget
        self._refit()
        self._hooks.changed(self, "board")

    def _wish(self, word: str) -> None:
        self.board.wish = word
        self._hooks.changed(self, "board")

    def export(self) -> None:
        """Write the files again; asked while they are written, once more after that."""
        board = self.board
        self._export_again = self._exporting
        if board.directory and board.plan and not self._exporting:
            self._exporting = board.exporting = True
            self._hooks.run(partial(export, self._post, board.directory, board.plan, board.targets, self._closing))

    # ---- what the threads say ----

    def take(self, news: News) -> None:
        """Fold one piece of news in."""
        board = self.board
        what: What = "board"
        match news:
            case Opened(directory, plan):
                board.plan, board.directory, board.stage = plan, directory, "sweeping"
            case Planned(options, plan, directory, finished) if options is board.options:
                board.plan, board.directory, board.finished_before = plan, directory, finished
                board.stage = "pricing"
            case Priced(options, estimate) if options is board.options:
                board.estimate = estimate
                board.stage = "ready"
            case Refused(options, sentence) if options is None or options is board.options:
                board.problem, board.stage, board.starting = sentence, "refused", False
                what = "refused"
            case Broke(text):
                board.traceback, board.problem = text, text.strip().splitlines()[-1]
                board.stage, board.starting = "ended" if board.state.trials else "refused", False
                what = "broke"
            case Happened():
                self._happened(news)
                return
            case Logged(entries) if not board.told_before:
                board.told_before = True
                board.log.extendleft(reversed(entries))
            case Remembered(history):
                board.state.load_history(history)
            case Fitted():
                self._fitting = False
                board.fitted = news
                self._refit()
            case Exported(paths, problem, whole):
                board.export_problem = problem
                board.exported = paths or board.exported
                self._exporting = board.exporting = self._exporting and not (whole or not paths)
                if self._export_again and not self._exporting:
                    self.export()
                self._hooks.changed(self, "exported")
        self._hooks.changed(self, what)
        self._see_whether_ended()

    def _happened(self, news: Happened) -> None:
        """Screens draw the state when their time comes; only another phase is shown at once."""
        board = self.board
        before = board.state.phase
        for event in news.events:
            board.state.apply(event)
            if isinstance(event, SweepStarted):
                board.stage, board.starting = "sweeping", False
            if isinstance(event, SweepStarted | PlanChanged):
                board.plan = event.plan
            elif isinstance(event, SweepEnded):
                board.stage = "ending"
            if board.reading and isinstance(event, SweepStarted | SweepEnded):
                continue  # of the reading, not of the sweep
            if board.plan and (entry := entry_of(event, board.plan)):
                board.log.append(entry)
        self._refit()
        if before != board.state.phase:
            board.wish = ""
            self._hooks.changed(self, "board")
        self._see_whether_ended()

    def _refit(self) -> None:
        """Fit in a thread of its own, one at a time, until every outcome is in."""
        board, state = self.board, self.board.state
        wanted = (state.outcomes_version, board.targets)
        if self._fitting or state.plan is None or (board.fitted and wanted == self._fitted):
            return
        self._fitting, self._fitted = True, wanted
        outcomes = state.outcomes()
        if board.fitted is None:
            board.dots = isoflop_dots(state.plan, points_of(state.plan, outcomes))
        work = partial(fit, self._post, state.plan, outcomes, board.targets, self._fits)
        self._fits += 1
        self._hooks.run(work)

    def _see_whether_ended(self) -> None:
        """Once the sweep has ended and the last fit is in: write the files, say so."""
        board = self.board
        if board.stage == "ending" and not self._fitting:
            board.stage = "ended"
            if not board.reading:
                self.export()
            self._hooks.changed(self, "ended")

    @property
    def exporting(self) -> bool:
        """Whether files are still being written."""
        return self._exporting
