"""One sweep in the app: its app state, its threads, and what they say folded in. Knows no screen.

screens --- keys ---> app --- start, pause, ... ---> session --- jobs ---> sweep thread, or follower
   ^                   ^                               |  ^
   '---- redraw -------'------ changed(what) ----------'  '--- message (through the app's message queue)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flopsfit_tui.core.control import Command, Control, LeaveOut, Pause, Resume, Sent, SetTarget, Stop
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.terminal_name import terminal_name
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.session.inbox import Inbox
from flopsfit_tui.tui.session.undo import undo_of

if TYPE_CHECKING:  # the first paint comes before what it needs
    from flopsfit_tui.core.events import Event
    from flopsfit_tui.sweep.control_client import ControlClient
    from flopsfit_tui.tui.session.messages import Events, SessionMessage

ChangeKind = Literal["app_state", "refused", "broke", "ended", "exported", "noticed"]
PENDING: dict[type[Command], str] = {Pause: "pausing…", Resume: "resuming…", Stop: "stopping…"}


@dataclass(frozen=True)
class Hooks:
    """What a session needs of the app around it."""

    post: Callable[[Session, SessionMessage], object]  # from any thread: bring this to session.apply() in the UI thread
    run_in_thread: Callable[[Callable[[], None]], object]  # run this in a thread
    on_change: Callable[[Session, ChangeKind], object]  # in the UI thread: something to draw, or to react to


class Session:
    """Planned and swept here, or read from a directory in which another process sweeps, and controlled.

    All methods are for the UI thread, and none waits. What plans, fits and reads is imported by the first method that
    needs it: the first paint comes before numpy.
    """

    def __init__(self, options: Options, hooks: Hooks, reading: Path | None = None, *, read_only: bool = False) -> None:
        self.app_state = AppState(options, directory=reading, reading=reading is not None, read_only=read_only)
        self._hooks = hooks
        self._post = partial(hooks.post, self)
        self._closing = Control()  # stops the short threads
        self._fitting = self._exporting = self._export_again = False
        self._fitted: object = None  # what the last fit was begun for
        self._fits = 0
        self._given: set[str] = set()  # ids of the commands given here
        self.sweeper = None if reading else Inbox(self._post)
        self._client: ControlClient | None = None
        if reading and not read_only:
            from flopsfit_tui.sweep.control_client import ControlClient  # the start screen does without
            from flopsfit_tui.tui.session.messages import Answered

            self._client = ControlClient(reading, lambda _id, problem: self._post(Answered(problem)))
        elif reading:
            self.app_state.no_control = "it was opened with --read-only"

    def open(self) -> None:
        """Begin to plan, or to read."""
        app_state = self.app_state
        if self.sweeper is not None:
            self._hooks.run_in_thread(self.sweeper.serve)
            self.sweeper.plan(app_state.options)
        elif app_state.directory is not None:
            self._hooks.run_in_thread(partial(self._follow, app_state.directory))

    def _follow(self, directory: Path) -> None:
        """In a thread of its own."""
        from flopsfit_tui.tui.session.follow_thread import follow_sweep  # imported there, after the first paint

        follow_sweep(self._post, directory, self._closing, self._client)

    def close(self) -> None:
        """Stop what runs; every thread and worker is gone a moment later."""
        self._closing.stop()
        if self._client is not None:
            self._client.close()
        if self.sweeper is not None:
            self.sweeper.quit()

    # ---- what the user asks ----

    def replan(self, options: Options) -> None:
        """Plan something else."""
        assert self.sweeper is not None
        self.app_state.reset(options)
        self.sweeper.plan(options)
        self._hooks.on_change(self, "app_state")

    def refuse(self, options: Options, sentence: str) -> None:
        """What was typed cannot be planned: there is no plan until something else is."""
        if self.sweeper is not None:
            self.sweeper.forget()
        self.app_state.reset(options)
        self._reject(options, sentence)

    def _reject(self, options: Options, sentence: str, runs_in: Path | None = None) -> None:
        from flopsfit_tui.tui.session.messages import Rejected

        self.apply(Rejected(options, sentence, runs_in=runs_in))

    def cancel_planning(self) -> None:
        """Plan nothing until the user asks for it; a start that waits for the plan is taken back."""
        if self.sweeper is not None and self.app_state.planning:
            self.sweeper.cancel_planning()
            options = replace(self.app_state.options)  # another object: what is still said of the old ones is ignored
            self.app_state.reset(options)
            self.app_state.cancelled = True
            self._reject(options, "planning was cancelled; enter plans again")

    def start(self) -> None:
        """Sweep; or go on after a stop. Where another process was sweeping, and is no more, plan anew: what lies there
        has changed."""
        directory = self.app_state.runs_in
        if directory is not None:
            from flopsfit_tui.store.lock import SweepRuns, check_free  # the first paint comes before them

            try:
                check_free(directory)
            except SweepRuns as error:
                self._reject(self.app_state.options, str(error), directory)
                return
            self.replan(replace(self.app_state.options))  # another object, so that --fresh still holds
        self._begin(())

    def _begin(self, commands: Sequence[Command]) -> None:
        assert self.sweeper is not None
        self.app_state.start_requested, self.app_state.problem, self.app_state.runs_in = True, "", None
        if self.app_state.user_target:
            commands = [*commands, SetTarget(self.app_state.user_target)]
        self.sweeper.sweep([self._signed(command) for command in commands])
        self._hooks.on_change(self, "app_state")

    def pause(self) -> None:
        """Hold the workers between two steps."""
        self._give(Pause())

    def resume(self) -> None:
        """Let the workers go on."""
        self._give(Resume())

    def stop(self) -> None:
        """End the sweep; what is finished is kept."""
        self._give(Stop())

    def send(self, *commands: Command) -> None:
        """Command something about single trials; a sweep that has ended goes on for it."""
        if not self.app_state.commandable or self.app_state.plan is None:
            return
        self.app_state.undo = undo_of(commands, self.app_state.state) or self.app_state.undo
        self._send(commands)

    def undo(self) -> str:
        """Take back what was asked last; what came of it, in words."""
        undo, app_state = self.app_state.undo, self.app_state
        if undo is None or not app_state.can_undo:
            return "too late to undo"
        commands = undo.reverse(app_state.state)
        if not commands and undo.too_late(app_state.state):
            app_state.undo = None
            return "too late to undo: it has been trained already"
        if not commands:
            return "it is only being added: once more, in a moment"
        app_state.undo = None
        self._send(commands)
        return "undone"

    def _send(self, commands: Sequence[Command]) -> None:
        if self.app_state.running:
            for command in commands:
                self._put(command)
        elif self.sweeper is not None and self.app_state.stage in ("ready", "ended"):
            self._begin(commands)

    def propose(self) -> None:
        """Find the trial that would narrow the interval at the target most; the answer is a Proposed."""
        app_state, state = self.app_state, self.app_state.state
        if state.plan is None or app_state.target is None:
            return
        coming = [key for key, now in state.trials.items() if now.status in ("pending", "running")]
        timed = {key: outcome.seconds for key, outcome in state.outcomes().items() if outcome.status == "finished"}
        seconds = {**state.predicted, **timed}
        from flopsfit_tui.tui.session.short_threads import propose

        work = partial(propose, self._post, state.plan, state.outcomes(), coming, seconds, app_state.target)
        self._hooks.run_in_thread(work)

    def change_fit(self, keys: Sequence[str], reason: str | None) -> None:
        """Keep trials out of the fit, for a reason; with None fit them again. Kept in the store of the sweep."""
        app_state = self.app_state
        if app_state.running:
            self._send([LeaveOut(key, reason) for key in keys])
        elif app_state.directory is not None:
            from flopsfit_tui.tui.session.short_threads import store_fit

            self._hooks.run_in_thread(partial(store_fit, self._post, app_state.directory, keys, reason))

    def _give(self, command: Command) -> None:
        """Command the whole sweep; until its events say so, that is what goes on."""
        if self.app_state.running:
            self._put(command)
            self.app_state.pending_command = PENDING[type(command)]
            self._hooks.on_change(self, "app_state")

    def _put(self, command: Command) -> None:
        if self._client is not None:
            self._given.add(self._client.send(command))
        elif self.sweeper is not None:
            self.sweeper.control.send(self._signed(command))

    def _signed(self, command: Command) -> Sent:
        sent = Sent(command, terminal_name())
        self._given.add(sent.id)
        return sent

    def retarget(self, budget: float) -> None:
        """Show the optimum at another budget: here, in every terminal while the sweep runs, and when it goes on."""
        app_state = self.app_state
        app_state.user_target = budget
        if app_state.running:
            self._put(SetTarget(budget))
        elif app_state.directory is not None and app_state.state.trials and not app_state.read_only:
            from flopsfit_tui.tui.session.short_threads import store_target

            self._hooks.run_in_thread(partial(store_target, self._post, app_state.directory, budget))
        self._refit()
        self._hooks.on_change(self, "app_state")

    def export(self) -> None:
        """Write the files again; asked while they are written, once more after that."""
        app_state = self.app_state
        self._export_again = self._exporting
        if app_state.directory and app_state.plan and not self._exporting:
            from flopsfit_tui.tui.session.short_threads import export

            self._exporting = app_state.exporting = True
            self._hooks.run_in_thread(
                partial(export, self._post, app_state.directory, app_state.targets, self._closing)
            )

    # ---- what the threads say ----

    def apply(self, message: SessionMessage) -> None:
        """Fold one piece of message in."""
        from flopsfit_tui.tui.session import messages

        app_state = self.app_state
        what: ChangeKind = "app_state"
        match message:
            case messages.Planned(options, sweep) if options is app_state.options:
                app_state.planned, app_state.plan, app_state.directory = sweep, sweep.plan, sweep.directory
                app_state.stage, app_state.since = "pricing", time.monotonic()
            case messages.Estimated(options, sweep) if options is app_state.options:
                app_state.estimate = sweep.estimate
                app_state.stage = "ready"
            case messages.Rejected(options, sentence) if options is None or options is app_state.options:
                app_state.problem, app_state.start_requested = sentence, False
                app_state.earlier_differs, app_state.runs_in = message.earlier_differs, message.runs_in
                app_state.stage = "ready" if app_state.runs_in and app_state.plan else "refused"
                what = "refused"
            case messages.Crashed(text):
                app_state.traceback, app_state.problem = text, text.strip().splitlines()[-1]
                app_state.stage, app_state.start_requested = "ended" if app_state.state.trials else "refused", False
                what = "broke"
            case messages.Events():
                self._on_events(message)
                return
            case messages.Linked(connected, problem):
                app_state.controlled, app_state.no_control, app_state.pending_command = connected, problem, ""
            case messages.Answered(problem) if problem:
                app_state.pending_command = ""
                app_state.notices.append(problem)
                what = "noticed"
            case messages.Logged(entries, printed) if not app_state.history_logged:
                app_state.history_logged = True
                app_state.log.extendleft(reversed(entries))
                app_state.state.load_printed(printed)
            case messages.CurvesLoaded(history):
                app_state.state.load_history(history)
            case messages.Fitted():
                self._fitting = False
                app_state.fitted, app_state.recipe = message, message.recipe
                self._refit()
            case messages.Proposed(choice):
                app_state.proposal = choice
            case messages.Exported(paths, problem, whole):
                app_state.export_problem = problem
                app_state.exported = paths or app_state.exported
                self._exporting = app_state.exporting = self._exporting and not (whole or not paths)
                if self._export_again and not self._exporting:
                    self.export()
                self._hooks.on_change(self, "exported")
        self._hooks.on_change(self, what)
        self._see_whether_ended()

    def _on_events(self, message: Events) -> None:
        """Screens draw the state when their time comes; only another phase is shown at once."""
        from flopsfit_tui.core.events import PlanChanged, SweepEnded, SweepStarted
        from flopsfit_tui.report.text.log import entry_of

        app_state = self.app_state
        before, begun = app_state.state.phase, any(isinstance(event, SweepStarted) for event in message.events)
        for event in message.events:
            app_state.state.apply(event)
            if isinstance(event, SweepStarted):
                app_state.stage, app_state.start_requested = "sweeping", False
            self._on_command(event, at_first=app_state.reading and begun)
            if isinstance(event, SweepStarted | PlanChanged):
                app_state.plan = event.plan
            elif isinstance(event, SweepEnded):
                app_state.stage = "ending"
            if app_state.reading and isinstance(event, SweepStarted | SweepEnded):
                continue  # of the reading, not of the sweep
            if app_state.plan and (entry := entry_of(event, app_state.plan)):
                app_state.log.append(entry)
        self._refit()
        if app_state.stage == "ended" and any(isinstance(e, PlanChanged) and e.of_fit for e in message.events):
            self.export()
        if before != app_state.state.phase:
            app_state.pending_command = ""
        if before != app_state.state.phase or any(map(_commanded, message.events)):
            self._hooks.on_change(self, "noticed" if app_state.notices else "app_state")
        self._see_whether_ended()

    def _on_command(self, event: Event, at_first: bool) -> None:
        """What another terminal has asked of the sweep is said; a target that it set is the target here too, unless
        the user gave another when this was opened."""
        from flopsfit_tui.core.events import CommandGiven, TargetChanged

        app_state = self.app_state
        if isinstance(event, TargetChanged) and not (at_first and app_state.options.targets):
            app_state.user_target = event.budget
        elif isinstance(event, CommandGiven) and event.id not in self._given and app_state.plan:
            from flopsfit_tui.report.text.log import command_text

            app_state.notices.append(f"{event.by}: {command_text(event.command, app_state.plan)}")
            app_state.pending_command = PENDING.get(type(event.command), app_state.pending_command)

    def _refit(self) -> None:
        """Fit in a thread of its own, one at a time, until every outcome is in."""
        app_state, state = self.app_state, self.app_state.state
        wanted = (state.outcomes_version, app_state.targets)
        if self._fitting or state.plan is None or (app_state.fitted and wanted == self._fitted):
            return
        from flopsfit_tui.tui.session.short_threads import dots, fit

        self._fitting, self._fitted = True, wanted
        outcomes = state.outcomes()
        if app_state.fitted is None:
            app_state.dots = dots(state.plan, outcomes)
        work = partial(fit, self._post, state.plan, outcomes, app_state.targets, self._fits, app_state.directory)
        self._fits += 1
        self._hooks.run_in_thread(work)

    def _see_whether_ended(self) -> None:
        """Once the sweep has ended and the last fit is in: write the files, say so."""
        app_state = self.app_state
        if app_state.stage == "ending" and not self._fitting:
            app_state.stage = "ended"
            if not app_state.reading:
                self.export()
            self._hooks.on_change(self, "ended")

    @property
    def exporting(self) -> bool:
        """Whether files are still being written."""
        return self._exporting


def _commanded(event: Event) -> bool:
    """Whether somebody waits to see this: it is drawn at once, not when the screen's time comes."""
    from flopsfit_tui.core import events

    if isinstance(event, events.TrialEnded):
        return event.outcome.status == "skipped"
    commanded = events.CommandGiven | events.CommandDone | events.PlanChanged | events.WorkersChanged
    return isinstance(event, commanded | events.TargetChanged | events.TrialRequeued)
