"""A sweep from options to files, the same for every front end: prepare it, run it, export it.

    planned = plan_in_directory(options, executor)      checks the directory, plans, looks at what lies there
    prepared = add_estimate(planned, options, executor)  what is left of it will cost
    sweep = Sweep(prepared, options, executor, control)
    for event in sweep: ...                             stored before it is seen; the files are written before the last
    sweep.export                                        plan, outcomes and analysis of what is stored

This stands above `sweep` and `report` because it needs both: workers, which import `sweep`, never load the analysis.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flopsfit_tui.core.control import AddTrial, Control
from flopsfit_tui.core.events import Event, Note, PlanChanged, SweepEnded, TargetChanged
from flopsfit_tui.core.job_files import drop_all_results
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import kept
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Outcome, Plan, Trial
from flopsfit_tui.plan.compiled import undecided
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.plan.grid import keep_added, leave_out, left_out_note
from flopsfit_tui.plan.recipe_check import FOLDER as CHECK
from flopsfit_tui.plan.recipe_check import check_plan
from flopsfit_tui.plan.resume import continue_plan
from flopsfit_tui.report.answer.choose import choose, price_by
from flopsfit_tui.report.files.sweeps import StoredSweep, export_directory, read_sweep
from flopsfit_tui.store.directory import sweep_directory
from flopsfit_tui.store.lock import check_free
from flopsfit_tui.store.manifest import listed
from flopsfit_tui.store.sqlite import FILE, SqliteStore, archive_sweep
from flopsfit_tui.store.writable import check_directory
from flopsfit_tui.sweep.compiling import choose_compiled
from flopsfit_tui.sweep.control_server import ControlServer
from flopsfit_tui.sweep.control_socket import NoSocket
from flopsfit_tui.sweep.executor import Executor
from flopsfit_tui.sweep.prepare import estimate_cost, make_plan
from flopsfit_tui.sweep.run import Propose, run_sweep


@dataclass(frozen=True)
class PlannedSweep:
    """What will be run, where, and what lies there already."""

    plan: Plan  # with the trials that were added when it was run before
    directory: Path
    kept: Mapping[str, Outcome]  # outcomes by trial key that a run leaves as they are

    @property
    def left(self) -> list[Trial]:
        """The trials that a run would train."""
        return [trial for trial in self.plan.trials if trial.key not in self.kept]


@dataclass(frozen=True)
class PreparedSweep(PlannedSweep):
    """The same with what it will cost."""

    estimate: Estimate


def check_out(options: Options) -> None:
    """Raise ValueError when the directory asked for cannot be written: known before anything is measured."""
    if options.out:
        check_directory(options.out)


def plan_in_directory(options: Options, executor: Executor, plan: Plan | None = None) -> PlannedSweep:
    """Plan in a worker, unless the plan is made already, and look at its directory; writes nothing.

    Raises ValueError or TypeError with one clear sentence for what cannot be planned, and for a directory that cannot
    be written or holds a sweep whose losses are not to be reused.
    """
    check_out(options)
    plan = plan or make_plan(options.request, executor)
    directory = sweep_directory(options, plan)
    if options.request.checks_recipe:
        plan, directory = check_plan(plan), directory / CHECK
    if options.fresh or not (directory / FILE).is_file():
        return PlannedSweep(plan, directory, {})
    store = SqliteStore(directory, read_only=True)
    try:
        before = store.plan()
        if before is None:  # the file is just being made
            return PlannedSweep(plan, directory, {})
        plan = keep_added(continue_plan(plan, before, options.resume_anyway), before)
        return PlannedSweep(plan, directory, kept(store.outcomes(plan)))
    finally:
        store.close()


def add_estimate(planned: PlannedSweep, options: Options, executor: Executor) -> PreparedSweep:
    """Time a few steps to predict what the plan costs; nothing is timed when nothing is left."""
    estimate = (
        estimate_cost(planned.plan, options.request, executor, options.device)
        if planned.left
        else Estimate({}, 0.0, 0, executor.workers, "")
    )
    return PreparedSweep(planned.plan, planned.directory, planned.kept, estimate)


def change_fit(directory: Path, key: str, reason: str | None) -> tuple[PlanChanged, Note]:
    """Keep a trial of a sweep that does not run out of its fit, for a reason; with None it is fitted again.

    Returns what was written into its store. Raises ValueError where no sweep is, another process sweeps, or no trial
    has the key, and StoreFault where it cannot be written.
    """
    with _written(directory) as (store, plan):
        if all(trial.key != key for trial in plan.trials):
            raise ValueError(f"no trial of the sweep in {str(directory)!r} has the key {key!r}")
        changed = PlanChanged(leave_out(plan, key, reason), {}, of_fit=True)
        note = left_out_note(plan, key, reason)
        store.record(changed)
        store.record(note)
    return changed, note


def change_target(directory: Path, budget: float) -> None:
    """Keep the budget, in FLOPs, at which the optimum of a sweep that does not run is wanted. Raises as change_fit."""
    with _written(directory) as (store, _):
        store.record(TargetChanged(budget))


@contextlib.contextmanager
def _written(directory: Path) -> Iterator[tuple[SqliteStore, Plan]]:
    """The store of a sweep that does not run, to be written."""
    store = SqliteStore(directory)
    try:
        plan = store.plan()
        if plan is None:
            raise ValueError(f"{str(directory)!r} contains no plan yet (the sweep has not started)")
        store.begin(plan)
        yield store, plan
    finally:
        problem = store.close()
    if problem:
        raise StoreFault(problem)


def prepare(options: Options, executor: Executor, plan: Plan | None = None) -> PreparedSweep:
    """Plan and estimate; writes nothing. Raises as plan_in_directory does."""
    return add_estimate(plan_in_directory(options, executor, plan), options, executor)


class Sweep:
    """A prepared sweep; iterating over it runs it to its end, and gives its events.

    Raises ValueError when another process sweeps in the directory or it cannot be written at all; what cannot be
    written later is said by a Note and by SweepEnded. Closing the
    iterator early stops the running trials and keeps what is finished, but writes no files. Without `plots` the files
    are written in milliseconds.
    """

    def __init__(
        self,
        prepared: PreparedSweep,
        options: Options,
        executor: Executor,
        control: Control | None = None,
        *,
        plots: bool = True,
    ) -> None:
        self._prepared, self._options, self._executor, self._control = prepared, options, executor, control
        self._plots = plots
        self._target: float | None = None  # that a terminal asked for
        self.export: StoredSweep | None = None  # when the events have ended; None for a store that cannot be read

    def __iter__(self) -> Iterator[Event]:
        """Put an earlier sweep aside if asked to, open the store, run, close it, export."""
        control = self._control or Control()
        if undecided(self._prepared.plan):
            yield from self._choose_compiled(control)
            if control.stopped:
                yield SweepEnded("stopped")
                return
        prepared, options = self._prepared, self._options
        if options.fresh:
            check_free(prepared.directory)  # results that lie there may be those of a sweep that runs
            drop_all_results(prepared.directory)
        if options.fresh and (aside := archive_sweep(prepared.directory)):
            yield Note("info", f"the earlier sweep is kept as {aside}")
        store = SqliteStore(prepared.directory)
        server, why_none = _listen(prepared.directory, control)
        last, problem = SweepEnded("stopped"), ""
        try:
            if why_none:
                yield Note("warning", why_none)
            for event in run_sweep(
                prepared.plan,
                options.request.workload,
                self._executor,
                store,
                control,
                device=options.device,
                seconds=prepared.estimate.seconds,
                propose=_proposer(store, prepared) if prepared.plan.goal else None,
                target=options.targets[0] if options.targets else None,
                on_full=options.on_full,
                checkpoints=prepared.directory,
                checkpoint_seconds=options.checkpoint_seconds,
            ):
                if server is not None:
                    server.changed(event)
                if isinstance(event, SweepEnded):
                    last = event
                    continue
                if isinstance(event, TargetChanged):
                    self._target = event.budget
                yield event
        finally:
            if server is not None:
                server.close()
            problem = store.close()
        if problem:  # what lies on disk is not this sweep, or not all of it
            yield Note("error", problem)
        else:
            for note in self._export():
                problem = problem or (note.message if note.level == "error" else "")
                yield note
        yield replace(last, problem=problem or last.problem)

    def _choose_compiled(self, control: Control) -> Iterator[Note]:
        """Compile and time sizes where that may pay: what is decided is in the plan that is stored."""
        prepared, options = self._prepared, self._options
        plan, seconds = yield from choose_compiled(
            prepared.plan,
            prepared.estimate.seconds,
            options.request.workload,
            self._executor,
            options.device,
            control,
        )
        self._prepared = replace(prepared, plan=plan, estimate=replace(prepared.estimate, seconds=seconds))

    def _export(self) -> Iterator[Note]:
        """Write the files; a sweep whose files cannot be written has its answer all the same, and says so."""
        directory, targets = self._prepared.directory, self._options.targets
        if self._target is not None and self._target not in targets:
            targets = (self._target, *targets)
        try:
            self.export = export_directory(directory, targets, plots=self._plots, skip_foreign=True)
        except ValueError as error:
            yield Note("error", f"files were not written: {error}; write them with `flopsfit-tui export {directory}`")
            with contextlib.suppress(ValueError):  # the store cannot be read either, and that has been said
                self.export = read_sweep(directory, targets)
            return
        if self.export.problem:
            yield Note("warning", self.export.problem)
        if self.export.left:
            yield Note(
                "warning",
                f"left as they are, because this sweep did not write them or they were changed: "
                f"{listed(self.export.left)}; `flopsfit-tui export {directory} --force` replaces them",
            )


def _listen(directory: Path, control: Control) -> tuple[ControlServer | None, str]:
    """Let other terminals control the sweep; a sentence where they cannot."""
    try:
        return ControlServer(directory, control), ""
    except NoSocket as error:
        return None, f"other terminals can watch this sweep but not control it: {error}"


def _proposer(store: SqliteStore, prepared: PreparedSweep) -> Propose:
    """Chooses the next trial from what the store holds, at the seconds that were predicted for the first ones."""
    price = price_by(prepared.plan.trials, prepared.estimate.seconds)

    def propose(plan: Plan, running: Collection[str]) -> tuple[AddTrial | None, str]:
        choice = choose(plan, store.outcomes(), running, price)
        if choice.budget is None or choice.size is None:
            return None, choice.reason
        return AddTrial(choice.budget, choice.size.size), choice.reason

    return propose
