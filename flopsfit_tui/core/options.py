"""How a person wants a sweep run, beside what they want planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flopsfit_tui.core.trial import Request

ExecutorName = Literal["processes", "thread", "ray"]


@dataclass(frozen=True)
class Options:
    """A request and where, with what and how it is run."""

    request: Request
    out: Path | None = None  # None: a directory of the plan's own, below the user's data directory
    executor: ExecutorName = "processes"
    workers: int | None = None  # None: as many as there are cores
    device: str = "auto"
    fresh: bool = False  # put an earlier sweep in the same directory aside
    targets: tuple[float, ...] = ()  # budgets, in FLOPs, at which the optimum is also wanted
    exit_when_done: bool = False  # the app closes itself at the end
