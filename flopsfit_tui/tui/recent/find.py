"""Earlier sweeps on disk: what each holds, found in a thread of its own; and putting one away for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.options import main_target
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.report.answer.analysis import OptimumRow, analyse, optimum_at
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.store.directory import changed_at, find_sweeps, sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore

MOST = 200


@dataclass(frozen=True)
class Recent:
    """A sweep found on disk."""

    directory: Path
    plan: Plan | None  # None where it cannot be read
    finished: int
    failed: int
    changed: float  # seconds since the epoch
    running: int | None  # the process that sweeps there
    optimum: OptimumRow | None  # at ten times the largest budget

    problem: str = ""  # what is damaged in it, or why it cannot be read

    @property
    def state(self) -> str:
        if self.running:
            return "running"
        if self.plan is None or self.problem:
            return "damaged"
        return "finished" if self.finished == len(self.plan.trials) else "failed" if self.failed else "stopped"


def find_recent(found: Callable[[Recent], object], root: Path | None = None) -> None:
    """Tell each sweep as it is read, the latest first; one that is damaged says so."""
    for directory in find_sweeps(root)[:MOST]:
        for recent in _read(directory):
            found(recent)


def _read(directory: Path) -> Iterator[Recent]:
    changed, running = changed_at(directory), sweeping_process(directory)
    try:
        store = SqliteStore(directory, read_only=True)
        try:
            plan, outcomes, damage = store.plan(), dict(store.outcomes()), store.damage()
        finally:
            store.close()
    except (ValueError, OSError) as error:
        yield Recent(directory, None, 0, 0, changed, running, None, str(error))
        return
    if plan is None:
        return
    best = optimum_at(analyse(sweep_runs(plan, outcomes), full=False), main_target(plan))
    statuses = [outcome.status for outcome in outcomes.values()]
    finished, failed = statuses.count("finished"), statuses.count("failed")
    yield Recent(directory, plan, finished, failed, changed, running, best, "; ".join(damage))


def request_of(plan: Plan) -> Request:
    """The request that gives a plan again, as far as one can: the same budgets, ladders and seeds."""
    ladders = {plan.ladder(budget) for budget in plan.budgets}
    same = next(iter(ladders)) if len(ladders) == 1 and len(plan.budgets) > 1 else None
    seeds = max(t.seed for t in plan.trials) + 1
    points = None if same else max(map(len, ladders))
    nproc = plan.recipe.nproc
    return Request(
        *(plan.workload, plan.budgets, same, points, seeds),
        rates=plan.rates,
        goal=plan.goal,
        nproc=nproc,
        compile=plan.compile,
    )


def age(then: float) -> str:
    """Time since `then`, in one unit: ``3 h``."""
    seconds = max(0.0, time.time() - then)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name} ago"
    return "just now"
