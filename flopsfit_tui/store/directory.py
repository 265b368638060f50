"""Where sweeps live: one directory each, by default below the user's data directory."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan, content_hash
from flopsfit_tui.store.sqlite import FILE


def sweeps_directory() -> Path:
    """Where sweeps lie that were given no directory of their own."""
    return user_data_path("flopsfit-tui") / "sweeps"


def sweep_directory(options: Options, plan: Plan) -> Path:
    """The directory asked for, else one named by the plan, so that the same plan finds its own sweep again."""
    return options.out or sweeps_directory() / f"{plan.workload}-{plan_key(plan)}"


def plan_key(plan: Plan) -> str:
    """Eight hex digits that change when any trial of the plan does."""
    return content_hash({"trials": sorted(t.key for t in plan.trials)})[:8]


def find_sweeps(root: Path | None = None) -> list[Path]:
    """Directories below `root` (default: where sweeps lie) that hold a sweep, the latest first."""
    root = root or sweeps_directory()
    found = [path.parent for path in root.glob(f"*/{FILE}")]
    return sorted(found, key=lambda d: (d / FILE).stat().st_mtime, reverse=True)


def sweeping_process(directory: Path) -> int | None:
    """The process on this machine that sweeps in a directory, as far as can be told; None when there is none."""
    try:
        process = int((directory / (FILE + ".lock")).read_text())
        os.kill(process, 0)
    except (OSError, ValueError):
        return None
    return process
