"""One submission, seen from the process that sweeps: an array of jobs, each with a pack of trials."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flopsfit_tui.core.job_files import FOLDER, PREFIX, RECORD, drop_submission
from flopsfit_tui.sweep.slurm.files import Damaged, Heard, read_sealed, write_sealed
from flopsfit_tui.sweep.slurm.pack import ORDERS, said_path
from flopsfit_tui.sweep.slurm.queue import JobState


@dataclass
class PackJob:
    """A job that waits or runs, and what is known of it."""

    submission: Submission
    index: int
    keys: list[str]  # of its trials that have not ended
    heard: Heard
    id: str = ""  # in the queue; "" until it was seen there
    begun: bool = False  # on a node, in this attempt
    left: bool = False  # by a signal, in good order
    paused: bool = False
    started: str = ""  # the trial that it trains
    missing_since: float | None = None  # not in the queue any more
    told: set[str] = field(default_factory=set)  # reasons for waiting that were said
    stepped: bool = False  # a trial began in this attempt
    in_vain: int = 0  # attempts, one after the other, in which none did
    why: str = ""  # it was ended here

    def see(self, state: JobState) -> None:
        """It is in the queue."""
        self.id, self.missing_since = state.id, None
        if not state.runs:
            self.begun = self.paused = False


class Submission:
    """A folder of the sweep's directory with what was submitted together."""

    def __init__(self, directory: Path, name: str, packs: Sequence[Sequence[str]]) -> None:
        self.directory, self.name = directory, name
        self.folder = directory / FOLDER / name
        self.jobs = [
            PackJob(self, index, list(keys), Heard(said_path(self.folder, index))) for index, keys in enumerate(packs)
        ]
        self._cancelled: set[str] = set()
        self._pause = 0  # the number of the pause that is on

    @classmethod
    def new(cls, directory: Path, packs: Sequence[Sequence[str]]) -> Submission:
        """Write down what is about to be submitted: a process that comes back finds its jobs by the name. OSError."""
        made = cls(directory, PREFIX + uuid.uuid4().hex[:12], packs)
        made.folder.mkdir(parents=True)
        made._write_orders()
        write_sealed(made.folder / RECORD, {"name": made.name, "packs": [list(keys) for keys in packs]})
        return made

    @classmethod
    def found(cls, directory: Path) -> list[Submission]:
        """What an earlier process has submitted for this sweep."""
        there = []
        for path in sorted((directory / FOLDER).glob(f"{PREFIX}*/{RECORD}")):
            with contextlib.suppress(Damaged, KeyError):
                content = read_sealed(path)
                if content is not None and content["name"] == path.parent.name:
                    there.append(cls(directory, content["name"], content["packs"]))
        return there

    def order(self, *, pause: int | None = None, cancel: str = "") -> None:
        """Tell the jobs to stand still (the number of the pause), to go on (0), or to leave a trial."""
        self._pause = self._pause if pause is None else pause
        self._cancelled |= {cancel} if cancel else set()
        self._write_orders()

    def _write_orders(self) -> None:
        with contextlib.suppress(OSError):  # the folder has gone, and its jobs with it
            write_sealed(self.folder / ORDERS, {"pause": self._pause, "cancelled": sorted(self._cancelled)})

    def drop(self) -> None:
        """Its jobs are over: delete its folder."""
        drop_submission(self.folder)
