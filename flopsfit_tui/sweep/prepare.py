"""From a request to a plan with its price: what every front end does before it starts a sweep."""

from __future__ import annotations

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.plan.estimate import Estimate, Rehearsal, estimate
from flopsfit_tui.sweep.executor import Executor, Here
from flopsfit_tui.sweep.job import MakePlan, Rehearse
from flopsfit_tui.sweep.processes import Processes


def make_plan(request: Request, executor: Executor) -> Plan:
    """Plan in a worker. Raises ValueError or TypeError with one clear sentence for what the person can mend."""
    plan: Plan = executor.call([MakePlan(request)])[0]
    return plan


def price(plan: Plan, request: Request, executor: Executor, device: str = "auto") -> Estimate:
    """Time the smallest and the largest size, side by side where the executor has room, as the trials will be.

    A size that does not train is passed over for one further in.
    """
    sizes = sorted({t.size for t in plan.trials})
    batch_size = plan.trials[0].batch_size
    timed: list[Rehearsal] = []
    while sizes and not timed:
        jobs = [Rehearse(request.workload, s, batch_size, plan.recipe, device) for s in sorted({sizes[0], sizes[-1]})]
        timed = [rehearsal for rehearsal in executor.call(jobs) if rehearsal is not None]
        sizes = sizes[1:-1]
    return estimate(plan, timed, executor.slots)


def make_executor(options: Options, nice: int = 0) -> Executor:
    """The executor that the options name. `nice` lowers the workers' priority beside an app.

    Raises ValueError for one that is not installed.
    """
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"workers is {options.workers}; give 1 or more")
    match options.executor:
        case "processes":
            return Processes(options.workers, nice=nice)
        case "thread":
            return Here()
        case other:
            raise ValueError(f"executor {other!r} is not available; use processes or thread")
