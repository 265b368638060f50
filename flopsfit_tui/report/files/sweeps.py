"""Sweeps that lie on disk: what each holds, and their files written again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flopsfit_tui.core.options import main_target
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.sweep_files import DATABASE
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit import Fit
from flopsfit_tui.report.answer.analysis import Analysis, analyse, optimum_at
from flopsfit_tui.report.answer.recipe import RecipeCheck, recipe_check
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.export import export_sweep
from flopsfit_tui.report.text.table import table
from flopsfit_tui.store.base import HistoryRow
from flopsfit_tui.store.directory import changed_at, find_sweeps, sweeping_process, sweeps_directory
from flopsfit_tui.store.event_rows import last_target
from flopsfit_tui.store.running import running_directories
from flopsfit_tui.store.sqlite import SqliteStore


@dataclass(frozen=True)
class StoredSweep:
    """What a sweep's store holds, and what that says. The plan is the store's: it has the trials that were added."""

    plan: Plan
    outcomes: Mapping[str, Outcome]
    history: Mapping[str, list[HistoryRow]]
    analysis: Analysis
    paths: Sequence[Path] = ()  # files written of it
    left: Sequence[str] = ()  # files that were not written, because another's lie there
    problem: str = ""  # why the plots were not drawn
    damage: Sequence[str] = ()  # what is left out of it, a sentence each
    recipe: RecipeCheck | None = None  # what it says, where it is the check of a recipe
    targets: Sequence[float] = ()  # budgets that were asked for, in FLOPs: the first is the one that is always shown


def read_sweep(directory: Path, targets: Sequence[float] = ()) -> StoredSweep:
    """Read and analyse the sweep in a directory; without targets at the one that it was last asked for.

    Raises ValueError where there is none.
    """
    store = SqliteStore(directory, read_only=True)
    try:
        plan = store.plan()
        if plan is None:
            raise ValueError(f"{str(directory)!r} contains no plan yet (the sweep has not started)")
        outcomes, history, damage = store.outcomes(), store.history(), store.damage(everything=True)
        asked = None if targets else last_target(store.stored_events())
    finally:
        store.close()
    targets = (asked,) if asked else tuple(targets)
    analysis = analyse(sweep_runs(plan, outcomes), targets)
    check = check_of(plan, outcomes, directory)
    return StoredSweep(plan, outcomes, history, analysis, damage=damage, recipe=check, targets=targets)


def check_of(plan: Plan, outcomes: Mapping[str, Outcome], directory: Path | None) -> RecipeCheck | None:
    """What a recipe check says, by the law of its sweep where that was run; None for a plan that is none."""
    if not plan.checks_recipe:
        return None
    return recipe_check(plan, outcomes, _fit_of_its_sweep(directory, plan) if directory else None)


def _fit_of_its_sweep(check: Path, plan: Plan) -> Fit | None:
    """The fit of the sweep whose recipe is checked, in the directory above; None where it has not been run so."""
    above = check.resolve().parent
    if not (above / DATABASE).is_file():
        return None
    try:
        store = SqliteStore(above, read_only=True)
        try:
            sweep, outcomes = store.plan(), store.outcomes()
        finally:
            store.close()
    except (ValueError, OSError):  # the check stands for itself
        return None
    same = sweep is not None and sweep.identity == plan.identity
    return analyse(sweep_runs(sweep, outcomes), full=False).fit if sweep is not None and same else None


def export_directory(
    directory: Path,
    targets: Sequence[float] = (),
    *,
    to: Path | None = None,
    plots: bool = True,
    force: bool = False,
    skip_foreign: bool = False,
) -> StoredSweep:
    """Write every file of the sweep in `directory` there, or into `to`.

    Without `plots` it takes milliseconds. Raises ValueError where there is no sweep, StoreFault where nothing can be
    written, and ForeignFile for a file in the way that the sweep did not write, unless it is skipped or `force`
    replaces it.
    """
    to, sweep = to or directory, read_sweep(directory, targets)
    target = main_target(sweep.plan, sweep.targets)
    written = export_sweep(
        to, sweep.plan, sweep.outcomes, sweep.history, sweep.analysis, plots, target, force=force,
        skip_foreign=skip_foreign, recipe=sweep.recipe,
    )  # fmt: skip
    return replace(sweep, paths=written.paths, left=written.left, problem=written.problem)


def say_damage(source: Path) -> None:
    """Say on stderr what is damaged in the sweep in a directory; nothing where there is none, and of a file.

    Raises StoreError for a sweep that cannot be read.
    """
    if (source / DATABASE).is_file():
        store = SqliteStore(source, read_only=True)
        try:
            for sentence in store.damage():
                print(printable(f"warning: {sentence}; see `flopsfit-tui check {source}`"), file=sys.stderr)
        finally:
            store.close()


def print_sweeps(style: str) -> int:
    """Print the sweeps in the data directory, damaged ones too, and those that run elsewhere; 0."""
    sweeps = [describe(directory) for directory in [*_running_elsewhere(), *find_sweeps()]]
    if style == "json":
        print(json.dumps(sweeps, indent=2))
    elif sweeps:
        head = ["workload", "finished", "failed", "trials", "budgets", "N at 10x", "changed", "runs as", "directory"]
        print_lines(table(head, [_cells(sweep) for sweep in sweeps]))
        for sweep in sweeps:
            if sweep["problem"]:
                print(printable(f"{sweep['directory']}: {sweep['problem']}"), file=sys.stderr)
    else:
        print_lines(f"no sweeps yet in {sweeps_directory()}")
    return 0


def _running_elsewhere() -> list[Path]:
    """Directories outside the data directory in which this user's processes sweep now."""
    usual = sweeps_directory().resolve()
    return [path for path in running_directories() if path.parent != usual and sweeping_process(path) is not None]


def describe(directory: Path) -> dict[str, Any]:
    """What a sweep holds, in a dozen numbers; `process` is the one that sweeps there, -1 where its number is not known.

    `problem` says what is damaged in it, or why it cannot be read.
    """
    empty = {
        "directory": str(directory), "workload": "?", "trials": 0, "finished": 0, "failed": 0, "budgets": [],
        "changed": changed_at(directory), "optimum": None, "problem": "",
        "process": sweeping_process(directory),
    }  # fmt: skip
    try:
        return empty | _describe(directory)
    except (ValueError, OSError) as error:
        return empty | {"problem": str(error)}


def _describe(directory: Path) -> dict[str, Any]:
    store = SqliteStore(directory, read_only=True)
    try:
        plan, outcomes, damage = store.plan(), store.outcomes(), store.damage()
    finally:
        store.close()
    if plan is None:
        return {}
    best = optimum_at(analyse(sweep_runs(plan, outcomes), full=False), main_target(plan))
    return {
        "workload": plan.workload,
        "trials": len(plan.trials),
        "finished": sum(o.status == "finished" for o in outcomes.values()),
        "failed": sum(o.status == "failed" for o in outcomes.values()),
        "budgets": list(plan.budgets),
        "optimum": {"budget": best.budget, "params": best.params, "tokens": best.tokens} if best else None,
        "problem": "; ".join(damage),
    }


def _cells(sweep: dict[str, Any]) -> list[str]:
    budgets, optimum = sweep["budgets"], sweep.get("optimum")
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep["changed"])) if sweep["changed"] else "?"
    return [
        f"{sweep['workload']} (damaged)" if sweep["problem"] else sweep["workload"],
        str(sweep["finished"]),
        str(sweep["failed"]),
        str(sweep["trials"]),
        f"{format_flops(budgets[0])} to {format_flops(budgets[-1])}" if budgets else "?",
        format_count(optimum["params"]) if optimum else "–",
        changed,
        ("?" if sweep["process"] < 0 else str(sweep["process"])) if sweep["process"] else "–",
        sweep["directory"],
    ]
