"""Where the jobs of a batch system leave what they have done, in a sweep's directory.

slurm/results/KEY.json    a sealed outcome, until it is in the store
slurm/NAME/               one submission: what was submitted, orders to its jobs, what they say, their logs
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

FOLDER = "slurm"
RESULTS = "results"
RECORD = "submission.json"  # marks a folder as a submission's
PREFIX = "flopsfit-"  # of the names of submissions, which are their jobs' names too


def result_path(directory: Path, key: str) -> Path:
    """The sealed outcome of a trial."""
    return directory / FOLDER / RESULTS / f"{key}.json"


def drop_results(directory: Path, keys: Iterable[str]) -> None:
    """Delete the outcomes of these trials, which are in the store; never raises."""
    for key in keys:
        path = result_path(directory, key)
        for file in (path, *path.parent.glob(f".{path.name}.*.part")):  # of a job that was killed as it wrote
            with contextlib.suppress(OSError):
                file.unlink()


def drop_all_results(directory: Path) -> None:
    """Delete every outcome that is not in the store; never raises."""
    drop_results(directory, [path.stem for path in (directory / FOLDER / RESULTS).glob("*.json")])


def drop_jobs(directory: Path) -> None:
    """Delete all that jobs have left in a sweep's directory, but nothing of the user's; never raises."""
    folder = directory / FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in folder.glob(f"{PREFIX}*"):
        drop_submission(path)
    drop_all_results(directory)
    drop_empty(directory)


def drop_empty(directory: Path) -> None:
    """Delete the folders of jobs when nothing lies in them; never raises."""
    for folder in (directory / FOLDER / RESULTS, directory / FOLDER):
        if not folder.is_symlink():
            with contextlib.suppress(OSError):
                folder.rmdir()


def drop_submission(folder: Path) -> None:
    """Delete one submission's folder; never raises."""
    if (folder / RECORD).is_file() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
