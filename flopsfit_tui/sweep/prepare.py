"""From a request to a plan with its estimate: what every front end does before it starts a sweep."""

from __future__ import annotations

import shutil

from flopsfit_tui.core.options import Options, check_nproc
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.plan.estimate import Estimate, Timing, estimate
from flopsfit_tui.store.directory import sweeps_directory
from flopsfit_tui.sweep.executor import Executor, InThread
from flopsfit_tui.sweep.job import MakePlan, TimeSteps
from flopsfit_tui.sweep.placement import visible_gpus
from flopsfit_tui.sweep.processes import Processes

PLANNING = 2  # workers that a plan and its timing keep busy


def make_plan(request: Request, executor: Executor) -> Plan:
    """Plan in a worker. Raises ValueError or TypeError with one clear sentence for user errors."""
    plan: Plan = executor.call([MakePlan(request)])[0]
    return plan


def estimate_cost(plan: Plan, request: Request, executor: Executor, device: str = "auto") -> Estimate:
    """Time the smallest and the largest size, side by side where the executor has room, as the trials will be.

    A size that does not train is passed over for one further in.
    """
    sizes = plan.settings()
    batch_size = plan.trials[0].batch_size // plan.recipe.nproc  # of one process; their exchange is not timed
    timed: list[Timing] = []
    while sizes and not timed:
        ends = dict.fromkeys([sizes[0], sizes[-1]])
        jobs = [TimeSteps(request.workload, s, batch_size, plan.recipe, device) for s in ends]
        timed = [timing for timing in executor.call(jobs) if timing is not None]
        sizes = sizes[1:-1]
    if isinstance(executor, Processes):
        executor.fit_gpus(timed, max(trial.params for trial in plan.trials))
    return estimate(plan, timed, executor.workers)


def warm_up(executor: Executor, most: int) -> None:
    """Start at most so many worker processes now: they load torch while something else is done."""
    if isinstance(executor, Processes) and most:
        executor.warm_up(most)


def executor_options(options: Options) -> tuple[object, ...]:
    """What of the options decides the executor: two that are equal here can use the same one."""
    return (
        *(options.executor, options.workers, options.silent_after),
        *(options.ray_address, options.slurm, options.cpus_per_trial, options.gpus_per_trial),
        *(options.request.nproc, options.device),
    )


def make_executor(options: Options, nice: int = 0) -> Executor:
    """The executor that the options name. `nice` lowers the workers' priority beside an app.

    Raises ValueError for one that is not installed, or cannot train trials as they are wanted.
    """
    check_nproc(options)
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"workers is {options.workers}; give 1 or more")
    match options.executor:
        case "processes":
            gpus = visible_gpus() if options.device in ("auto", "cuda") else ()
            return Processes(
                options.workers, nice=nice, silent_after=options.silent_after, gpus=gpus, nproc=options.request.nproc
            )
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
        case "slurm":
            return _on_slurm(options)
        case other:
            raise ValueError(f"executor {other!r} is not available; use processes, thread, ray or slurm")


def _on_slurm(options: Options) -> Executor:
    try:
        import submitit  # noqa: F401 - to say at once where it is missing

        from flopsfit_tui.sweep.slurm.executor import OnSlurm
        from flopsfit_tui.sweep.slurm.queue import SlurmQueue
    except ImportError:
        raise ValueError("executor 'slurm' needs submitit: pip install 'flopsfit-tui[slurm]'") from None
    if missing := [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]:
        raise ValueError(
            f"executor 'slurm' needs {missing[0]}, which this machine has not; run it on a login node of the cluster"
        )
    cpus, gpus = options.cpus_per_trial, options.gpus_per_trial
    if not (cpus.is_integer() and gpus.is_integer()) or cpus < 1:
        raise ValueError(f"a Slurm job takes whole CPUs and GPUs, not {cpus:g} and {gpus:g}; give 1 CPU or more")
    queue = SlurmQueue(dict(options.slurm), int(cpus), int(gpus))
    shared = sweeps_directory().parent / "slurm"
    return OnSlurm(queue, shared, options.workers, int(cpus), options.silent_after)
