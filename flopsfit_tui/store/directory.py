"""Where sweeps live: one directory each, by default below the user's data directory."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from platformdirs import user_data_path

from flopsfit_tui.core.checkpoint_files import drop_all
from flopsfit_tui.core.job_files import drop_jobs
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.sweep_files import DATABASE as FILE
from flopsfit_tui.core.sweep_files import HEADS, SOCKET
from flopsfit_tui.core.text import path_component
from flopsfit_tui.core.trial import Plan, content_hash
from flopsfit_tui.plan.recipe_check import FOLDER as CHECK
from flopsfit_tui.store.lock import LOCK, Lock, holder_of
from flopsfit_tui.store.manifest import delete_owned, listed
from flopsfit_tui.store.reading import read_plan_copy
from flopsfit_tui.store.schema import is_our_file


def sweeps_directory() -> Path:
    """Where sweeps lie that were given no directory of their own."""
    return user_data_path("flopsfit-tui") / "sweeps"


def sweep_directory(options: Options, plan: Plan) -> Path:
    """The directory asked for, else one named by the plan, so that the same plan finds its own sweep again."""
    return options.out or sweeps_directory() / f"{path_component(plan.workload)}-{plan_key(plan)}"


def plan_key(plan: Plan) -> str:
    """Eight hex digits that change when any trial of the plan does."""
    return content_hash({"trials": sorted(t.key for t in plan.trials)})[:8]


def find_sweeps(root: Path | None = None) -> list[Path]:
    """Directories below `root` (default: where sweeps lie) that hold a sweep, the latest first."""
    root = root or sweeps_directory()
    return sorted((path.parent for path in root.glob(f"*/{FILE}")), key=changed_at, reverse=True)


def changed_at(directory: Path) -> float:
    """When a sweep's database was last written, in seconds since the epoch; 0 when that cannot be told."""
    times = [0.0]
    for name in (FILE, f"{FILE}-wal"):
        try:
            times.append((directory / name).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def sweeping_process(directory: Path) -> int | None:
    """The process that sweeps in a directory, -1 when it is unknown; None when there is none."""
    holder = holder_of(directory)
    return None if holder is None else holder.pid or -1


def delete_sweep(directory: Path) -> list[str]:
    """Delete the files that the sweep wrote and that are as it wrote them, and the directory if nothing else is in it.

    Returns the names that are left. Raises ValueError while a process sweeps there, on whichever machine or in
    whichever container, and for a link; OSError when a file cannot be deleted.
    """
    if directory.is_symlink():
        raise ValueError(f"{str(directory)!r} is a link; delete the sweep where it lies, {str(directory.resolve())!r}")
    if not directory.is_dir():
        raise ValueError(f"{str(directory)!r} holds no sweep")
    check = directory / CHECK
    if check.is_dir() and not check.is_symlink() and is_our_file(check / FILE):
        delete_sweep(check)
    if holder := holder_of(directory):
        raise ValueError(f"{holder.name} is sweeping in {str(directory)!r}; stop it first")
    lock = Lock(directory)
    try:
        ours = is_our_file(directory / FILE) or read_plan_copy(directory) is not None
        delete_owned(directory)
        if ours:
            drop_all(directory)
            drop_jobs(directory)
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal"):
                _unlink_file(directory / name)
            _unlink_socket(directory / SOCKET)
            for name, head in HEADS.items():
                _unlink_ours(directory / name, head)
            _unlink_file(directory / LOCK)
        left = sorted(os.listdir(directory))
        if not left:
            directory.rmdir()
    finally:
        lock.release()
    return left


def _unlink_socket(path: Path) -> None:
    """Of a process that was killed; a running one's is not deleted, because it holds the lock."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def _unlink_ours(path: Path, head: bytes) -> None:
    """Delete a regular file that begins as ours do."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                ours = file.read(len(head)) == head
            if ours:
                path.unlink()


def _unlink_file(path: Path) -> None:
    """Delete a regular file; leave a link, a folder and what is not there."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
    except FileNotFoundError:
        pass


def kept_text(left: list[str]) -> str:
    """What is to be said of files that a deletion has left."""
    return f"kept what the sweep did not write, or was changed since: {listed(left)}" if left else ""
