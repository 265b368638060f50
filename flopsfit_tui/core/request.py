"""What is wanted of a plan: Request, and the Goal of one that grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the start screen is painted without what a plan is made of
    from flopsfit_tui.core.sizes import Setting
    from flopsfit_tui.core.trial import Compile, RateRule


@dataclass(frozen=True)
class Goal:
    """When a sweep whose trials are chosen one by one has said enough."""

    factor: float  # upper by lower end of the noise interval of N_opt at the target
    target: float | None = None  # FLOPs; None: ten times the largest budget
    most_flops: float | None = None  # of all trials together; None: no limit


@dataclass(frozen=True)
class Request:
    """What the user asks to be planned; what is None, the workload decides."""

    workload: Any  # a name, a reference, or a Workload
    budgets: tuple[float, ...] | None = None
    sizes: tuple[Setting, ...] | None = None  # None: a ladder for each budget
    points: int | None = None  # sizes a budget
    seeds: int = 1
    batch_size: int | None = None
    learning_rate: float | RateRule | None = None
    rates: tuple[float, ...] = (1.0,)  # times that rate, each trained at every point
    checks_recipe: bool = False  # instead of the sweep, the trials that tell how good its recipe is
    goal: Goal | None = None  # choose the trials one by one until it is reached
    nproc: int = 1  # processes that train a trial together
    compile: Compile = "off"
