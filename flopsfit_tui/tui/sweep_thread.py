"""The app's threads: one that plans and sweeps, and short ones that fit and export.

    UI thread  --- orders (a queue), Control --->  sweep thread: owns the executor and the store that is written
               <--- messages (post_message) ----/   \\__ trains in child processes

The UI thread never waits for any of them. When the app ends it says quit(), and the sweep thread is gone within a
fraction of a second, its workers with it.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flopsfit_tui.core.control import Control, Wish
from flopsfit_tui.core.events import Event, PlanChanged, SweepStarted, TrialProgress
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.analysis import analyse
from flopsfit_tui.report.export import export_sweep
from flopsfit_tui.report.series import isoflop_series, residual_series, scaling_series
from flopsfit_tui.store.base import check_same_workload
from flopsfit_tui.store.directory import sweep_directory
from flopsfit_tui.store.sqlite import FILE, SqliteStore, check_directory, put_aside
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.prepare import make_executor, make_plan, price
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.log import earlier
from flopsfit_tui.tui.news import Broke, Exported, Fitted, Happened, Logged, News, Planned, Priced, Refused, Remembered

POST_SECONDS = 0.1  # progress is posted at most this often; everything else at once
NICE = 10  # workers stand back, so that a key is answered while every core trains

Post = Callable[[News], object]


class SweepThread:
    """Plans and sweeps, one thing after the other, as ordered from the UI thread."""

    def __init__(self, post: Post) -> None:
        self.control = Control()  # of the sweep that runs or runs next
        self._post_message = post
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._quitting = False
        self._executor: Executor | None = None
        self._wanted: object = None  # what the executor was made for
        self._aside: Options | None = None  # whose earlier sweep was put aside
        self._options: Options | None = None  # latest planned or being planned
        self._plan: Plan | None = None
        self._directory: Path | None = None  # of the plan as it was made: trials that are added do not move it
        self._estimate: Estimate | None = None

    # ---- called by the UI thread ----

    def plan(self, options: Options) -> None:
        """Plan and price; a plan that is still waiting its turn is forgotten."""
        self._options = options
        self._orders.put(lambda: self._prepare(options))

    def forget(self) -> None:
        """Let go of what is being planned: it is not wanted any more."""
        self._options = None

    def sweep(self, wishes: Sequence[Wish] = ()) -> None:
        """Run what was planned last, when it has been planned; what is wished is done first."""
        control = self.control = Control()
        for wish in wishes:
            control.ask(wish)
        self._orders.put(lambda: self._sweep(control))

    def quit(self) -> None:
        """End: stop what runs, let the workers go."""
        self._quitting = True
        self.control.stop()
        if self._executor is not None:
            self._executor.interrupt()
        self._orders.put(lambda: None)

    # ---- in the thread ----

    def serve(self) -> None:
        """The thread's whole life."""
        try:
            while not self._quitting:
                order = self._orders.get()
                if not self._quitting:
                    self._obey(order)
        finally:
            if self._executor is not None:
                self._executor.close()

    def _obey(self, order: Callable[[], None]) -> None:
        try:
            order()
        except Interrupted:
            pass
        except (ValueError, TypeError) as error:
            if self._options is not None:
                self._post(Refused(self._options, str(error)))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            if not self._quitting:
                self._post(Broke(traceback.format_exc()))

    def _post(self, message: News) -> None:
        with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
            self._post_message(message)

    def _prepare(self, options: Options) -> None:
        if options is not self._options:
            return
        self._plan = self._estimate = None
        if options.out:
            check_directory(options.out)
        executor = self._take_executor(options)
        plan = make_plan(options.request, executor)
        directory = sweep_directory(options, plan)
        self._post(Planned(options, plan, directory, _finished(directory, plan, options.fresh)))
        if options is not self._options:
            return
        estimate = price(plan, options.request, executor, options.device)
        self._plan, self._estimate, self._directory = plan, estimate, directory
        self._post(Priced(options, estimate))

    def _take_executor(self, options: Options) -> Executor:
        """The executor of these options, kept from plan to sweep, its workers loading torch already."""
        wanted = (options.executor, options.workers)
        if self._executor is None or wanted != self._wanted:
            if self._executor is not None:
                self._executor.close()
            self._executor, self._wanted = make_executor(options, nice=NICE), wanted
            if isinstance(self._executor, Processes):
                self._executor.warm_up()
        return self._executor

    def _sweep(self, control: Control) -> None:
        options, plan, estimate, directory = self._options, self._plan, self._estimate, self._directory
        if options is None or plan is None or estimate is None or directory is None:
            return  # the plan was refused, and the app knows
        if options.fresh and self._aside is not options:  # once, not when it goes on after a stop
            put_aside(directory)
            self._aside = options
        store = SqliteStore(directory)
        try:
            executor = self._take_executor(options)
            events = run_sweep(
                plan,
                options.request.workload,
                executor,
                store,
                control,
                device=options.device,
                seconds=estimate.seconds,
            )
            sent, batch = 0.0, list[Event]()
            for event in events:
                batch.append(event)
                if not isinstance(event, TrialProgress) or time.monotonic() - sent > POST_SECONDS:
                    self._post(Happened(tuple(batch)))
                    sent, batch = time.monotonic(), []
                if isinstance(event, SweepStarted | PlanChanged):
                    self._plan = event.plan
                if isinstance(event, SweepStarted):
                    self._post(Logged(earlier(event.plan, store.attempts(), dict(event.outcomes), store.notes())))
                    self._post(Remembered(dict(store.curves())))
        finally:
            store.close()
            if self._executor is not None:
                self._executor.close()


def _finished(directory: Path, plan: Plan, fresh: bool) -> int:
    """How many trials of the plan lie finished in a directory. Raises ValueError for another workload's directory."""
    if fresh or not (directory / FILE).is_file():
        return 0
    store = SqliteStore(directory, read_only=True)
    try:
        check_same_workload(store.plan(), plan)
        keys = {t.key for t in plan.trials}
        return sum(o.status == "finished" for key, o in store.outcomes().items() if key in keys)
    finally:
        store.close()


def fit(post: Post, plan: Plan, outcomes: Mapping[str, Outcome], targets: tuple[float, ...], version: int) -> None:
    """In a thread of its own: fit, and lay out what the plots draw of it."""
    analysis = analyse(plan, outcomes, targets)
    post(
        Fitted(
            version,
            analysis,
            isoflop_series(plan, analysis),
            scaling_series(analysis),
            residual_series(plan, analysis),
        )
    )


def export(post: Post, directory: Path, plan: Plan, targets: tuple[float, ...], control: Control) -> None:
    """In a thread of its own: write every file again from what is on disk, also while a sweep runs.

    Tables at once; plots by a child process, because drawing them would hold up the screen for seconds. The child is
    ended when `control` stops, so that quitting does not wait for it.
    """
    try:
        paths = export_tables(directory, plan, targets)
    except (ValueError, OSError) as error:
        post(Exported((), f"nothing was exported: {error}"))
        return
    post(Exported(paths))
    command = [sys.executable, "-m", "flopsfit_tui", "export", str(directory)]
    command += [word for target in targets for word in ("--target", repr(target))]
    with (
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        ) as child,
    ):
        while child.poll() is None:
            if control.stopped:
                child.terminate()
                return
            control.wait(0.05)
        out.seek(0)
        said = out.read().strip()
    problem = "" if child.returncode == 0 else f"the plots were not drawn: {said.splitlines()[-1] if said else '?'}"
    post(Exported(paths if problem else [Path(line) for line in said.splitlines()], problem, whole=True))


def export_tables(directory: Path, plan: Plan, targets: tuple[float, ...]) -> list[Path]:
    """The files that take milliseconds. Raises ValueError or OSError when they cannot be written."""
    store = SqliteStore(directory, read_only=True)
    try:
        outcomes = store.outcomes()
        analysis = analyse(plan, outcomes, targets)
        return export_sweep(
            directory, plan, outcomes, store.history(), analysis, plots=False, target=next(iter(targets), None)
        )
    finally:
        store.close()
