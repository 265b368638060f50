"""How the user wants a sweep run, beside what they want planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flopsfit_tui.core.request import Request

if TYPE_CHECKING:  # the start screen is painted before there is one
    from flopsfit_tui.core.trial import Plan

CHECKPOINT_SECONDS = 120.0  # of training between two checkpoints of a trial
BEYOND = (10.0, 100.0)  # the optimum is also given at so many times the largest budget
OnFull = Literal["wait", "stop"]
ExecutorName = Literal["processes", "thread", "ray", "slurm"]


@dataclass(frozen=True)
class Options:
    """A request and where, with what and how it is run."""

    request: Request
    out: Path | None = None  # None: a directory of the plan's own, below the user's data directory
    executor: ExecutorName = "processes"
    workers: int | None = None  # None: as many as there are cores
    device: str = "auto"
    fresh: bool = False  # put an earlier sweep in the same directory aside
    resume_anyway: bool = False  # reuse an earlier sweep's losses though something that decides them has changed
    targets: tuple[float, ...] = ()  # budgets, in FLOPs, at which the optimum is also wanted
    ray_address: str | None = None  # of a cluster; "auto": this machine's; None starts Ray here
    slurm: tuple[tuple[str, str | bool], ...] = ()  # options of sbatch, by name; True for one without a value
    cpus_per_trial: float = 1.0  # on Ray and Slurm
    gpus_per_trial: float = 0.0
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    silent_after: float = 60.0  # seconds without a word, at least, until a worker is replaced; 0: never
    exit_when_done: bool = False  # the app closes itself at the end
    on_full: OnFull = "wait"  # when the store cannot be written: wait until it can, or stop


def main_target(plan: Plan, targets: Sequence[float] = ()) -> float:
    """The budget whose optimum is always shown: the first of `targets`, else ten times the plan's largest."""
    return targets[0] if targets else plan.budgets[-1] * BEYOND[0]


def parse_setting(text: str) -> tuple[str, str | bool]:
    """Read KEY=VALUE, or KEY alone for an option without a value. Raises ValueError."""
    name, equals, value = text.strip().removeprefix("--").partition("=")
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"--slurm {text!r}: give KEY=VALUE, an option of sbatch, e.g. partition=gpu or time=2:00:00")
    return name, value if equals else True


def check_nproc(options: Options) -> None:
    """Raise ValueError for an executor that cannot train a trial in several processes, or not with its CPUs or GPUs."""
    nproc = options.request.nproc
    if nproc < 1:
        raise ValueError(f"nproc_per_trial is {nproc}; give 1 or more")
    if nproc == 1:
        return
    if options.executor == "thread":
        raise ValueError(
            f"nproc_per_trial is {nproc}, and executor 'thread' trains in this process; use processes, ray or slurm"
        )
    if options.device == "mps":
        raise ValueError(f"nproc_per_trial is {nproc}, and device 'mps' is one accelerator; leave it out")
    if options.executor in ("ray", "slurm"):
        if options.cpus_per_trial < nproc:
            raise ValueError(
                f"nproc_per_trial is {nproc}, and a trial has {options.cpus_per_trial:g} CPUs; give "
                f"--cpus-per-trial {nproc} or more"
            )
        if options.gpus_per_trial not in (0, nproc):
            raise ValueError(
                f"nproc_per_trial is {nproc}, and a trial has {options.gpus_per_trial:g} GPUs; give --gpus-per-trial "
                f"{nproc}, one for each process, or none"
            )


def check_cluster(options: Options) -> None:
    """Raise ValueError for an option of an executor that was not asked for, and for a trial that takes nothing."""
    trial = (options.cpus_per_trial, options.gpus_per_trial) != (1.0, 0.0)
    if options.executor != "ray" and options.ray_address:
        raise ValueError("--ray-address needs --executor ray")
    if options.executor != "slurm" and options.slurm:
        raise ValueError("--slurm needs --executor slurm")
    if options.executor not in ("ray", "slurm") and trial:
        raise ValueError("--cpus-per-trial and --gpus-per-trial need --executor ray or slurm")
    if not (options.cpus_per_trial or options.gpus_per_trial):
        raise ValueError("a trial that takes no CPU and no GPU has no place to run; give --cpus-per-trial 1")
