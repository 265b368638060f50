"""A pack: the trials that one job trains, one after the other; and how trials are put into packs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flopsfit_tui.sweep.job import Job, Train, with_workload, workload_of
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.surroundings import Surroundings

PACK_SECONDS = 600.0  # trials are packed into a job up to so many predicted seconds: sites forbid many short jobs
UNKNOWN_SECONDS = 60.0  # of a trial that was not timed


@dataclass(frozen=True)
class Pack:
    """What a job is given; submitit pickles it for the node, and nothing comes back that way."""

    directory: str  # of the sweep, where results and checkpoints lie
    folder: str  # of the submission
    index: int  # in its array
    jobs: tuple[Job, ...]
    path: tuple[str, ...]  # sys.path of the sweeping process
    threads: int
    silent_after: float
    surroundings: Surroundings

    def __call__(self) -> None:
        """Do the jobs on the node where this is called."""
        from flopsfit_tui.sweep.slurm.node import run_pack

        run_pack(self)

    def checkpoint(self) -> Any:
        """What submitit requeues: the same pack, which goes on from the trials' checkpoints."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    @property
    def said(self) -> Path:
        """Where the job says what happens."""
        return said_path(Path(self.folder), self.index)

    @property
    def orders(self) -> Path:
        """Where it reads what it is to do."""
        return Path(self.folder) / ORDERS


ORDERS = "orders.json"


def said_path(folder: Path, index: int) -> Path:
    """Where a job of a submission says what happens."""
    return folder / f"{index}.said"


def call_path(folder: Path, index: int) -> Path:
    """Where a job leaves the result of a short job."""
    return folder / f"{index}.json"


def make_pack(
    directory: Path, folder: Path, index: int, jobs: Sequence[Job], threads: int, silent_after: float
) -> Pack:
    """A pack as a node can read it, wherever it starts. Raises OSError."""
    return Pack(
        directory=str(directory),
        folder=str(folder),
        index=index,
        jobs=tuple(_for_node(job, folder) for job in jobs),
        path=tuple(p for p in sys.path if p),
        threads=threads,
        silent_after=silent_after,
        surroundings=Surroundings.here(workload_of(jobs[0])),
    )


def _for_node(job: Job, folder: Path) -> Job:
    """The job with its pickled workload in the submission's folder, and no path that depends on where a node starts."""
    if isinstance(job, Train) and job.checkpointing:
        job = replace(job, checkpointing=replace(job.checkpointing, path=job.checkpointing.path.absolute()))
    workload = workload_of(job)
    if isinstance(workload, str) and (file := Surroundings.here(workload).file) and Path(file).is_file():
        return with_workload(job, file + workload.rpartition(".py")[2])
    if not isinstance(workload, PickledWorkload):
        return job
    path = folder / f"{workload.digest}.workload"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file_there:
            file_there.write(Path(workload.path).read_bytes())
        Path(file_there.name).replace(path)
    return with_workload(job, PickledWorkload(str(path), workload.digest))


def pack(jobs: Sequence[Train], most_seconds: float = PACK_SECONDS) -> list[list[Train]]:
    """Jobs in their order, as many together as take at most `most_seconds`; one that takes longer is alone."""
    packs: list[list[Train]] = []
    left = 0.0
    for job in jobs:
        seconds = predicted(job)
        if not packs or seconds > left:
            packs.append([])
            left = most_seconds
        packs[-1].append(job)
        left -= seconds
    return packs


def predicted(job: Job) -> float:
    """Seconds that a job is expected to take."""
    return job.seconds if isinstance(job, Train) and job.seconds is not None else UNKNOWN_SECONDS
