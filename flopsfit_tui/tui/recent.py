"""Earlier sweeps on disk: what each holds, found in a thread of its own; and putting one away for good."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.report.analysis import OptimumRow, analyse
from flopsfit_tui.store.directory import find_sweeps, sweeping_process
from flopsfit_tui.store.sqlite import FILE, SqliteStore

MOST = 200
FILES = (  # what a sweep writes; whatever else lies in its directory is not ours to delete
    "sweep*.db", "sweep.db-journal", "sweep.db.lock", "trials.csv", "history.csv", "optimum.csv", "fit.json",
    "summary.txt", "isoflop.*", "loss_curves.*", "scaling.*", "residuals.*", "report.md", "view.json",
)  # fmt: skip


@dataclass(frozen=True)
class Recent:
    """A sweep on disk."""

    directory: Path
    plan: Plan
    finished: int
    failed: int
    changed: float  # seconds since the epoch
    running: int | None  # the process that sweeps there
    optimum: OptimumRow | None  # at the first budget beyond the largest

    @property
    def state(self) -> str:
        """In a word."""
        if self.running:
            return "running"
        return "finished" if self.finished == len(self.plan.trials) else "failed" if self.failed else "stopped"


def find_recent(found: Callable[[Recent], object], root: Path | None = None) -> None:
    """Tell each sweep as it is read, the latest first; what cannot be read is left out."""
    for directory in find_sweeps(root)[:MOST]:
        for recent in _read(directory):
            found(recent)


def _read(directory: Path) -> Iterator[Recent]:
    try:
        store = SqliteStore(directory, read_only=True)
        try:
            plan, outcomes = store.plan(), dict(store.outcomes())
        finally:
            store.close()
    except (ValueError, sqlite3.Error, OSError):
        return
    if plan is None:
        return
    beyond = [row for row in analyse(plan, outcomes).optimum if row.kind == "extrapolated"]
    statuses = [outcome.status for outcome in outcomes.values()]
    yield Recent(
        directory,
        plan,
        statuses.count("finished"),
        statuses.count("failed"),
        (directory / FILE).stat().st_mtime,
        sweeping_process(directory),
        beyond[0] if beyond else None,
    )


def request_of(plan: Plan) -> Request:
    """The request that gives a plan again, as far as one can: the same budgets, ladders and seeds."""
    ladders = {plan.ladder(budget) for budget in plan.budgets}
    same = next(iter(ladders)) if len(ladders) == 1 and len(plan.budgets) > 1 else None
    seeds = max(t.seed for t in plan.trials) + 1
    points = None if same else max(map(len, ladders))
    return Request(plan.workload, plan.budgets, same, points, seeds)


def delete_sweep(directory: Path) -> None:
    """Delete a sweep's files, and its directory if nothing else lies in it.

    Raises ValueError while a process sweeps there, OSError when a file cannot be deleted.
    """
    if process := sweeping_process(directory):
        raise ValueError(f"process {process} is sweeping in {str(directory)!r}; stop it first")
    for pattern in FILES:
        for path in directory.glob(pattern):
            path.unlink()
    if not any(directory.iterdir()):
        directory.rmdir()


def age(then: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0.0, time.time() - then)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name} ago"
    return "just now"
