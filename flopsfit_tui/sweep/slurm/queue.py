"""The batch system, as far as the executor needs it: submit, look, cancel. Here Slurm's, through submitit."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flopsfit_tui.sweep.slurm.pack import Pack

MOST_REQUEUES = 10_000  # of one job, at its time limit; each goes on from checkpoints
SIGNAL_SECONDS = 90  # before the time limit
LAST_BYTES = 3000  # of what a job that died has written
OURS = {
    *("array", "output", "error", "open_mode", "job_name", "nodes", "ntasks", "ntasks_per_node"),
    *("wrap", "parsable", "test_only", "wait", "requeue", "no_requeue", "chdir"),
}


@dataclass(frozen=True)
class JobState:
    """One job in the queue."""

    id: str  # such as 12_3
    name: str  # of its submission
    state: str  # Slurm's word, such as PENDING
    reason: str = ""  # why it waits

    @property
    def index(self) -> int:
        """Its place in its array."""
        return int(self.id.partition("_")[2] or 0)

    @property
    def runs(self) -> bool:
        """Whether it is on a node."""
        return self.state not in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SUSPENDED")


class CannotSubmit(RuntimeError):
    """The batch system took no jobs; its own words."""


class Queue(Protocol):
    """A batch system."""

    def submit(self, folder: Path, name: str, packs: Sequence[Pack], minutes: int) -> None:
        """Queue one job a pack, as an array, under a name that finds them again. Raises CannotSubmit."""
        ...

    def jobs(self) -> list[JobState] | None:
        """This user's jobs that wait or run; None when that cannot be told now."""
        ...

    def cancel(self, ids: Sequence[str]) -> None:
        """End jobs: each is told first, and has a while to write its checkpoint. Never raises."""
        ...


class SlurmQueue:
    """Slurm, of which this machine is a login node; `settings` are options of sbatch."""

    def __init__(self, settings: Mapping[str, str | bool], cpus: int = 1, gpus: int = 0) -> None:
        self._settings = {name.replace("-", "_"): value for name, value in settings.items()}
        if wrong := sorted(self._settings.keys() & OURS):
            raise ValueError(f"--slurm {wrong[0].replace('_', '-')} is set by the executor itself; leave it out")
        if not str(self._settings.get("signal", "USR2@")).startswith("USR2@"):
            raise ValueError(f"--slurm signal={self._settings['signal']}: give USR2@SECONDS, which jobs answer")
        self._cpus, self._gpus = cpus, gpus

    def submit(self, folder: Path, name: str, packs: Sequence[Pack], minutes: int) -> None:
        """Queue the packs as one array."""
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        given: dict[str, Any] = {"cpus_per_task": self._cpus, "srun_args": ["--cpus-per-task", str(self._cpus)]}
        if self._gpus:
            given["gpus_per_node"] = self._gpus
        executor = SlurmExecutor(folder, max_num_timeout=MOST_REQUEUES)
        executor.update_parameters(
            job_name=name,
            time=minutes,
            array_parallelism=len(packs),
            signal_delay_s=SIGNAL_SECONDS,
            additional_parameters={"requeue": True, **self._settings},
            **given,
        )
        try:
            with executor.batch():
                for pack in packs:
                    executor.submit(pack)
        except (FailedJobError, FailedSubmissionError, OSError, subprocess.SubprocessError) as error:
            raise CannotSubmit(" ".join(str(error).split())) from error

    def jobs(self) -> list[JobState] | None:
        """What squeue says."""
        command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%i|%j|%T|%r"]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            return None
        found = [line.split("|", 3) for line in said.splitlines()]
        return [JobState(*parts) for parts in found if len(parts) == 4]

    def cancel(self, ids: Sequence[str]) -> None:
        """scancel: SIGTERM to the job, and SIGKILL after the site's KillWait."""
        if ids:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(["scancel", "--quiet", *ids], capture_output=True, timeout=60, check=False)


def last_words(folder: Path, index: int) -> str:
    """The end of what a job of a submission has written on stderr; "" where it has not."""
    for path in sorted(folder.glob("*_log.err"), key=lambda path: path.name):
        parts = path.name.split("_")  # ID_0_log.err, or ID_INDEX_0_log.err
        if len(parts) == 4 and parts[1] != str(index):
            continue
        with contextlib.suppress(OSError), open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
            return file.read().decode(errors="replace").strip()
    return ""
