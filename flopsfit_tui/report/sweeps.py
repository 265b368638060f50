"""Sweeps that lie on disk: what each holds, and their files written again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.analysis import analyse
from flopsfit_tui.report.export import export_sweep
from flopsfit_tui.report.summary import table
from flopsfit_tui.store.directory import find_sweeps, sweeps_directory
from flopsfit_tui.store.sqlite import FILE, SqliteStore


def export_again(directory: Path, to: Path, targets: Sequence[float] = ()) -> list[Path]:
    """Write every file of the sweep in `directory` into `to`; the paths. Raises ValueError where there is no sweep."""
    store = SqliteStore(directory, read_only=True)
    try:
        plan = store.plan()
        if plan is None:
            raise ValueError(f"{str(directory)!r} holds no plan yet; a sweep writes one as it starts")
        outcomes = store.outcomes()
        analysis = analyse(plan, outcomes, targets)
        return export_sweep(to, plan, outcomes, store.history(), analysis, target=next(iter(targets), None))
    except OSError as error:
        raise ValueError(f"{str(to)!r} cannot be written ({error.strerror}); give --to another directory") from None
    finally:
        store.close()


def print_sweeps(style: str) -> int:
    """Print the sweeps in the data directory; 0."""
    sweeps = [describe(directory) for directory in find_sweeps()]
    if style == "json":
        print(json.dumps(sweeps, indent=2))
    elif sweeps:
        head = ["workload", "finished", "failed", "trials", "budgets", "N at 10x", "changed", "directory"]
        print(table(head, [_cells(sweep) for sweep in sweeps]))
    else:
        print(f"no sweeps yet in {sweeps_directory()}")
    return 0


def describe(directory: Path) -> dict[str, Any]:
    """What a sweep holds, in a dozen numbers."""
    store = SqliteStore(directory, read_only=True)
    try:
        plan = store.plan()
        outcomes = store.outcomes()
    finally:
        store.close()
    if plan is None:
        return {"directory": str(directory), "workload": "?", "trials": 0, "finished": 0, "failed": 0, "budgets": []}
    far = [row for row in analyse(plan, outcomes).optimum if row.kind == "extrapolated"]
    return {
        "directory": str(directory),
        "workload": plan.workload,
        "trials": len(plan.trials),
        "finished": sum(o.status == "finished" for o in outcomes.values()),
        "failed": sum(o.status == "failed" for o in outcomes.values()),
        "budgets": list(plan.budgets),
        "changed": (directory / FILE).stat().st_mtime,
        "optimum": {"budget": far[0].budget, "params": far[0].params, "tokens": far[0].tokens} if far else None,
    }


def _cells(sweep: dict[str, Any]) -> list[str]:
    budgets, optimum = sweep["budgets"], sweep.get("optimum")
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep["changed"])) if "changed" in sweep else "?"
    return [
        sweep["workload"],
        str(sweep["finished"]),
        str(sweep["failed"]),
        str(sweep["trials"]),
        f"{format_flops(budgets[0])} to {format_flops(budgets[-1])}" if budgets else "?",
        format_count(optimum["params"]) if optimum else "–",
        changed,
        sweep["directory"],
    ]
