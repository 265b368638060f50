"""The only place that imports torch: what a worker can be asked to do, and the doing of it.

Jobs are plain data, so that the app, the headless run and the command line can plan and train without loading torch
themselves; `run_job` loads it where the job is done.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from typing import Any

from flopsfit_tui.core.checkpoint_files import Checkpointing
from flopsfit_tui.core.events import Event, Note, TrialEnded
from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.text import cut_middle
from flopsfit_tui.core.trial import Plan, Recipe, Request, Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.compiled import CompileTiming
from flopsfit_tui.plan.estimate import Timing
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.planning import build_plan, measure_one
from flopsfit_tui.sweep.surroundings import Surroundings


@dataclass(frozen=True)
class MakePlan:
    """Measure the model's sizes and lay out the trials; the result is a Plan."""

    request: Request


@dataclass(frozen=True)
class Measure:
    """Measure one more size: that setting of the knob, or the one nearest to `params`; the result is a Size."""

    workload: Any
    size: Setting | None
    params: float | None


@dataclass(frozen=True)
class TimeSteps:
    """Time a few steps of one size; the result is a Timing, or None when that size does not train."""

    workload: Any
    size: Setting
    batch_size: int
    recipe: Recipe
    device: str


@dataclass(frozen=True)
class TimeCompiled:
    """Compile a step of one size, and time it beside the model as it is written; the result is a CompileTiming."""

    workload: Any
    size: Setting
    batch_size: int
    recipe: Recipe
    device: str


@dataclass(frozen=True)
class Train:
    """Train a trial, from its checkpoint where there is one; yields its events, the last a TrialEnded."""

    workload: Any
    trial: Trial
    recipe: Recipe
    device: str
    checkpointing: Checkpointing | None = None
    seconds: float | None = None  # predicted; None: not timed
    content: Identity | None = None  # of the plan's workload, for another machine to compare its own with


@dataclass(frozen=True)
class Compare:
    """Compare this machine with the sweep's; the result is a sentence on what differs, "" where nothing does."""

    workload: Any
    surroundings: Surroundings
    content: Identity | None  # of the plan's workload


Job = MakePlan | Measure | TimeSteps | TimeCompiled | Train | Compare


def workload_of(job: Job) -> Any:
    """What a job is about."""
    return job.request.workload if isinstance(job, MakePlan) else job.workload


def with_workload(job: Job, workload: Any) -> Job:
    """The same job about another form of the same workload."""
    if isinstance(job, MakePlan):
        return replace(job, request=replace(job.request, workload=workload))
    return replace(job, workload=workload)


def run_job(job: Job, own_process: bool = False) -> Generator[Event, None, Any]:
    """Do a job here. Yields events; the generator's return value is the job's result, for a trial why the process is
    not to train another ("" when it may).

    What the user's code sets for the whole process is put back at the end; more of it is looked at when this process
    is the worker's own. Raises ValueError or TypeError with one clear sentence for user errors, MemoryError when a
    trial finds no memory.
    """
    match job:
        case MakePlan(request):
            return make_plan(request)
        case Measure(workload, size, params):
            ready = resolve(workload)
            with _isolated():
                return measure_one(ready, size, params)
        case TimeSteps():
            try:
                ready = resolve(job.workload)
                with _isolated():
                    return time_steps(job)
            except Exception:  # noqa: BLE001 - such as out of memory: its trials will say so, with a traceback
                return None
        case TimeCompiled():
            return _time_compiled(job)
        case Compare():
            return difference(job)
        case Train():
            return (yield from _train(job, own_process))


def _train(job: Train, own_process: bool) -> Generator[Event, None, str]:
    """The trial's events; its end comes when the process is as it was before."""
    from flopsfit_tui.train.isolation import LossState, ProcessState
    from flopsfit_tui.train.loop import train_trial
    from flopsfit_tui.train.peak import with_peak
    from flopsfit_tui.train.simulated import leaves_no_trace

    workload = resolve(job.workload)
    if leaves_no_trace(workload.simulate):  # comparing would take ten times as long as the trial
        yield from train_trial(workload, job.trial, job.recipe, job.device)
        return ""
    if job.recipe.nproc > 1 and workload.simulate is None:
        from flopsfit_tui.sweep.ranks import train_in_ranks  # which imports this

        yield from train_in_ranks(job)
        return ""
    if job.trial.compiled:
        from flopsfit_tui.train.compiled import prepare_compiler

        prepare_compiler()
    state, loss_state = ProcessState(own_process), LossState(workload.loss_fn)
    ended: TrialEnded | None = None
    try:
        with closing(train_trial(workload, job.trial, job.recipe, job.device, job.checkpointing)) as events:
            for event in events:
                if isinstance(event, TrialEnded):
                    ended = event
                else:
                    yield event
    finally:
        loss_state.restore()
        traces = state.restore()
    if traces.restored:
        where = f"the trial at {workload.model_size_param} {job.trial.size}"
        yield Note("warning", f"{where} changed {', '.join(traces.restored)} for its whole process; put back")
    assert ended is not None
    yield ended if workload.simulate is not None else with_peak(ended)
    return traces.renew


def difference(job: Compare) -> str:
    """What this machine has otherwise than the sweep's, as a sentence; "" where nothing differs.

    Versions and the workload's file come first, then all that decides a loss; a pickled workload comes whole.
    """
    if said := job.surroundings.difference():
        return said
    if job.content is None or not job.content.parts or not isinstance(job.workload, str):
        return ""
    ready = _resolve(job.workload, identified=True)
    assert ready.content is not None
    parts = {
        name: digest for name, digest in job.content.parts.items() if name != "recipe"
    }  # which comes with the trial
    changes = ready.content.changes(replace(job.content, parts=parts))
    if not changes:
        return ""
    return (
        f"node {platform.node()} has other code or data than the sweep ({', '.join(changes)}); give every node the same"
    )


def _isolated() -> AbstractContextManager[None]:
    from flopsfit_tui.train.isolation import isolated  # torch

    return isolated()


def make_plan(request: Request) -> Plan:
    """The plan that a request means, with every size measured on the `meta` device.

    Raises ValueError or TypeError naming what cannot be planned, and what would have worked.
    """
    ready = _resolve(request.workload, identified=True)
    assert ready.content is not None
    with _isolated():
        plan = build_plan(ready.workload, request, ready.content)
    remember_use(request.workload)
    return plan


def remember_use(reference: Any) -> None:
    """Take note of what planning and training changed in a workload's own objects, such as a data set's counter.

    The same object is the same data to the next call in this process, unless something else has changed it since.
    """
    ready = _RESOLVED.get(id(reference))
    if ready is None or ready.content is None or not isinstance(reference, Workload):
        return
    from flopsfit_tui.train.identity import identify

    for name, digest in identify(reference).parts.items():
        before = ready.content.parts.get(name)
        if before is not None and digest != before:
            _USED[name, digest] = before


@dataclass(frozen=True)
class _Ready:
    reference: Any  # what was given; kept, so that no other object takes its id
    workload: Workload
    content: Identity | None  # of what was declared, before anything was drawn; None where no plan was asked for


def resolve(reference: Any) -> Workload:
    """The workload meant by a name, a reference, a packed one or itself, ready to train; made ready once a process."""
    return _resolve(reference).workload


def _resolve(reference: Any, identified: bool = False) -> _Ready:
    """`identified` with the identity, for a plan; a worker that only trains need not hash a data set."""
    key = reference if isinstance(reference, str | PickledWorkload) else id(reference)
    ready = _RESOLVED.get(key)
    if ready is None or (identified and ready.content is None):
        from flopsfit_tui.train.identity import identify
        from flopsfit_tui.train.ready import fill_defaults
        from flopsfit_tui.workloads import resolve as resolve_name

        while len(_RESOLVED) >= KEPT:
            del _RESOLVED[next(iter(_RESOLVED))]
        declared = reference.load() if isinstance(reference, PickledWorkload) else resolve_name(reference)
        content = _unused(identify(declared)) if identified else None
        with _isolated():
            ready = _RESOLVED[key] = _Ready(reference, fill_defaults(declared), content)
    return ready


def _unused(content: Identity) -> Identity:
    """The identity from before this process used the objects."""
    return replace(content, parts={name: _USED.get((name, x), x) for name, x in content.parts.items()})


KEPT = 4
ENOUGH_STEPS = 50  # of a few milliseconds each: a tenth more tells nothing
_RESOLVED: dict[str | int | PickledWorkload, _Ready] = {}
_USED: dict[tuple[str, str], str] = {}  # by a part's name and its digest after it was used: the digest before


def time_steps(job: TimeSteps, at_least: float = 0.5) -> Timing:
    """Time training steps of one size for about `at_least` seconds, fewer where steps are short, and one batch of the
    held-out data.

    The steps are made on held-out batches: what trials draw from the training data stays exactly what they report.
    """
    from flopsfit_tui.train import simulated
    from flopsfit_tui.train.device import free_memory, peak_memory, pick_device
    from flopsfit_tui.train.evaluate import EVAL_BATCH, evaluate
    from flopsfit_tui.train.peak import known_peak
    from flopsfit_tui.train.timing import HeldOut
    from flopsfit_tui.train.training import Training

    workload = resolve(job.workload)
    if workload.simulate is not None:
        return Timing(job.size, 0.0, simulated.SECONDS, 0, simulated.DEVICE)
    device = pick_device(job.device)
    held_out = HeldOut(workload.val_dataset)
    training = Training(replace(workload, dataset=held_out), job.size, job.batch_size, 0, job.recipe, device)
    for _ in range(3):
        training.step(1e-3)
    held_out.drawn = steps = 0
    began = time.perf_counter()
    while steps < 2 or (steps < ENOUGH_STEPS and time.perf_counter() - began < at_least):
        training.step(1e-3)
        steps += 1
    per_step = (time.perf_counter() - began) / held_out.drawn * job.batch_size
    evaluate(training.model, workload, device, job.recipe, batches=1)
    began = time.perf_counter()
    evaluate(training.model, workload, device, job.recipe, batches=1)
    samples = workload.val_dataset.samples or EVAL_BATCH
    eval_seconds = (time.perf_counter() - began) * samples / min(samples, EVAL_BATCH)
    memory = peak_memory(device)
    return Timing(job.size, per_step, eval_seconds, memory, device, known_peak(device), free_memory(device))


def _time_compiled(job: TimeCompiled) -> CompileTiming:
    """Of a size that cannot be compiled or does not train, why."""
    try:
        from flopsfit_tui.train.compiled import prepare_compiler
        from flopsfit_tui.train.timing import time_compiled

        workload = resolve(job.workload)
        prepare_compiler()
        with _isolated():
            return time_compiled(workload, job.size, job.batch_size, job.recipe, job.device)
    except Exception as error:  # noqa: BLE001 - its trials train as the model is written, or say with a traceback why not
        return CompileTiming(job.size, problem=cut_middle(" ".join(str(error).split()) or type(error).__name__, 300))
