"""The runs that an answer is made from, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.fit import FitWarning, TokenCost

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LeftOut:
    """A run that ended and is not fitted."""

    name: str  # as the warnings call it: "width 32 at 3e10 FLOPs"
    reason: str
    trial: str = ""  # its key
    planned: bool = False  # as the plan has it: one of several rates, of which another is fitted


@dataclass(frozen=True)
class Runs:
    """Training runs as arrays, one entry a run, and what was guessed on the way."""

    name: str  # of the file or the workload
    params: Floats  # (n,) N
    tokens: Floats  # (n,) D, in `unit`
    losses: Floats  # (n,) L; nan or inf for a run of a table that diverged
    names: tuple[str, ...]  # (n,) as the warnings call them: "line 4", "width 32 at 3e10 FLOPs"
    notes: tuple[str, ...] = ()  # which columns were taken for what, what was computed or left out; what a plan notes
    groups: NDArray[np.str_] | None = None  # (n,) labels of runs that share an error
    budgets: Floats | None = None  # (n,) FLOPs that each was planned to spend; None: no plan is known
    sizes: tuple[Setting, ...] | None = None  # (n,) the size knob, where it is known beside params
    known_sizes: tuple[tuple[Setting, float], ...] = ()  # settings of the knob that can be built, params of each
    cost: TokenCost | None = None  # FLOPs per token where they were counted; None: 6N
    warnings: tuple[FitWarning, ...] = ()  # what the table itself makes doubtful: units, grids, groups
    planned: tuple[float, ...] = ()  # every budget of the plan, ascending, also those that no run has reached
    trials: int | None = None  # of the plan, to the end; None: no sweep
    left_out: tuple[LeftOut, ...] = ()
    size_name: str = "size"
    unit: str = "tokens"
    bayes_loss: float | None = None  # nats below which no model gets, where that is known
    unique_tokens: float | None = None  # how many there are to train on; None: not known, or endless
    about: Mapping[str, Any] = field(default_factory=dict)  # of a sweep: workload, recipe, sizes


def rows_named(runs: Runs, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which runs (n,) have one of the names; a number is a line of the table."""
    wanted = {f"line {name.strip()}" if name.strip().isdigit() else name.strip() for name in names}
    return np.array([name in wanted for name in runs.names], dtype=bool)


def check_names(groups: Iterable[Runs], names: Sequence[str]) -> None:
    """Raise ValueError where no run of any group has one of the names."""
    found = list(groups)
    for name in names:
        if not any(rows_named(runs, [name]).any() for runs in found):
            known = next((runs.names[0] for runs in found if runs.names), "line 2")
            raise ValueError(
                f"no run is called {name!r}; runs are called like {known!r}, or by the number of their line"
            )
