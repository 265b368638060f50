"""From a request to a plan with its estimate: what every front end does before it starts a sweep."""

from __future__ import annotations

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.plan.estimate import Estimate, Timing, estimate
from flopsfit_tui.sweep.executor import Executor, InThread
from flopsfit_tui.sweep.job import MakePlan, TimeSteps
from flopsfit_tui.sweep.processes import Processes


def make_plan(request: Request, executor: Executor) -> Plan:
    """Plan in a worker. Raises ValueError or TypeError with one clear sentence for user errors."""
    plan: Plan = executor.call([MakePlan(request)])[0]
    return plan


def estimate_cost(plan: Plan, request: Request, executor: Executor, device: str = "auto") -> Estimate:
    """Time the smallest and the largest size, side by side where the executor has room, as the trials will be.

    A size that does not train is passed over for one further in.
    """
    sizes = plan.settings()
    batch_size = plan.trials[0].batch_size
    timed: list[Timing] = []
    while sizes and not timed:
        ends = dict.fromkeys([sizes[0], sizes[-1]])
        jobs = [TimeSteps(request.workload, s, batch_size, plan.recipe, device) for s in ends]
        timed = [timing for timing in executor.call(jobs) if timing is not None]
        sizes = sizes[1:-1]
    return estimate(plan, timed, executor.workers)


def executor_options(options: Options) -> tuple[object, ...]:
    """What of the options decides the executor: two that are equal here can use the same one."""
    return (
        *(options.executor, options.workers, options.silent_after),
        *(options.ray_address, options.cpus_per_trial, options.gpus_per_trial),
    )


def make_executor(options: Options, nice: int = 0) -> Executor:
    """The executor that the options name. `nice` lowers the workers' priority beside an app.

    Raises ValueError for one that is not installed.
    """
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"workers is {options.workers}; give 1 or more")
    match options.executor:
        case "processes":
            return Processes(options.workers, nice=nice, silent_after=options.silent_after)
        case "thread":
            return InThread()
        case "ray":
            try:
                from flopsfit_tui.sweep.ray_executor import OnRay

                return OnRay(
                    options.workers,
                    options.ray_address,
                    options.cpus_per_trial,
                    options.gpus_per_trial,
                    options.silent_after,
                )
            except ImportError:
                raise ValueError("executor 'ray' needs Ray: pip install 'flopsfit-tui[ray]'") from None
            except ConnectionError as error:
                said = " ".join(str(error).split())[:200]
                raise ValueError(
                    f"no Ray cluster answers at {options.ray_address!r} ({said}); start one with `ray start --head`, "
                    "or leave --ray-address out to start Ray here"
                ) from None
        case other:
            raise ValueError(f"executor {other!r} is not available; use processes, thread or ray")
