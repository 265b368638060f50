"""The Python API: one call from a model with a size knob to its compute-optimal size."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.arguments import check_dataset, check_loss, check_model
from flopsfit_tui.core.notebook import NotebookBar, in_notebook
from flopsfit_tui.core.options import ExecutorName, OnFull, Options, check_nproc
from flopsfit_tui.core.output import unfailing_output
from flopsfit_tui.core.sizes import Setting, check_sizes
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Compile, Goal, Plan, RateRule, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.rates import EACH
from flopsfit_tui.report.answer.recipe import RecipeCheck
from flopsfit_tui.report.files.sweeps import StoredSweep, read_sweep
from flopsfit_tui.report.result import Result
from flopsfit_tui.report.text.plan_text import estimate_text
from flopsfit_tui.report.text.progress import ProgressLog, log
from flopsfit_tui.report.text.summary import warnings_text
from flopsfit_tui.sweep.job import make_plan, remember_use
from flopsfit_tui.sweep.pickling import pickle_workload
from flopsfit_tui.sweep.prepare import make_executor


def find_optimal(
    model_cls: Callable[..., Any],
    model_size_param: str,
    model_kwargs: Mapping[str, Any] | None = None,
    dataset: Any = None,
    loss_fn: Callable[[Any, Any], Any] | None = None,
    compute_budgets: Sequence[float] | None = None,
    train: bool = True,
    mode: Literal["local", "mock"] = "local",
    output_dir: str | Path = "outputs",
    resume: bool | Literal["anyway"] = True,
    *,
    sizes: Sequence[Setting] | None = None,
    seeds: int = 1,
    val_dataset: Any = None,
    batch_size: int | None = None,
    learning_rate: float | RateRule | None = None,
    device: str = "auto",
    workers: int | None = None,
    executor: ExecutorName = "thread",
    ui: bool = False,
    resume_anyway: bool = False,
    until: float | None = None,
    target: float | None = None,
    max_flops: float | None = None,
    tune_lr: Literal["each"] | None = None,
    on_full: OnFull = "wait",
    nproc_per_trial: int = 1,
    compile: Compile = "off",  # noqa: A002 - as torch calls it
) -> Result | Plan:
    """Train an IsoFLOP sweep of a model and fit its compute-optimal size (Hoffmann et al. 2022, arXiv 2203.15556).

    For each budget C several sizes are trained, each on the D tokens (or samples) that spend C; the law
    `L = E + A/N^alpha + B/D^beta` through their held-out losses gives the best size for any budget.

    model_cls: a class or factory; `model_cls(**{model_size_param: size}, **model_kwargs)` gives a torch Module.
    dataset, val_dataset: a torch Dataset (map-style or iterable), a DataLoader, or a callable that gives batches
        (passed `batch_size` and `seed` where it takes them). A batch is (inputs, ..., targets) or a dict with "labels";
        its first dimension counts samples. Without val_dataset a tenth, at most 2048 samples, is held out.
    loss_fn: (model output, targets) -> scalar tensor, the mean loss in nats.
    compute_budgets: training FLOPs of one trial, several; None: five from 1e11 to 1.6e12.
    train: False, or no dataset or no loss_fn, returns the Plan and trains nothing.
    mode: "mock" draws losses from a known law and touches neither data nor GPU: for trying a script.
    output_dir: holds sweep.db and the CSV files. resume: go on with what is there; False puts it aside, losing nothing.
        What is there is reused only where code, data and settings are the same. Where something has changed, or cannot
        be compared, a ValueError says what; resume_anyway=True (or resume="anyway") reuses it all the same.
    sizes: settings of the knob for every budget; None: a ladder of seven for each, from sizes that the model takes.
    seeds: trials of each point. batch_size: samples a step (None: the DataLoader's own, else 32). learning_rate: peak;
        scaled by fan-in for hidden matrices of other widths (None: a default by width), or a RateRule, which changes
        it with a trial's steps. device: auto, cpu, cuda or mps.
    executor: "thread" trains here, one trial after the other, with any object; "processes" sends model and data by
        cloudpickle to `workers` processes (None: as many as there are cores). ui: open the app on it.
    nproc_per_trial: processes that train one trial together by torchrun (DistributedDataParallel), each an equal part
        of every batch; not with "thread". Losses equal those of one process but for float32 rounding.
    compile: "on" trains every size by torch.compile where that can be done, "auto" those for which it saves more time
        than it takes, as is measured before the first trial. Losses differ from those of "off" by rounding, which long
        trials amplify.
    until: instead of a fixed grid, choose trials one by one until the noise interval of N_opt at `target` FLOPs (None:
        ten times the largest budget) is within this factor from end to end, 1.3 for instance; max_flops: of all trials
        together, at which it ends in any case. The same interval takes a fraction of the FLOPs that a grid takes.
    tune_lr: "each" trains every point at half, once and twice the peak rate and fits the best of them (Porian et al.
        2024, arXiv 2406.19146), for three times the FLOPs.
    on_full: when the disk takes no more, "wait" until it does, which is said on stderr, or "stop", for batch jobs: a
        ValueError says why, and what is stored is kept.

    Prints on stderr the trials, FLOPs and time it is about to take, then each trial as it ends.
    Returns a Result, or the Plan. Raises TypeError or ValueError, before anything is trained, naming what was given and
    what is wanted: a model without the knob, a loss that is no scalar with a gradient, an empty dataset, a budget below
    one batch. A trial that fails later is listed in the result and the sweep goes on.
    """
    if mode not in ("local", "mock"):
        raise ValueError(f"mode {mode!r} is not known; give 'local' or 'mock'")
    if tune_lr not in (None, "each"):
        raise ValueError(f"tune_lr is {tune_lr!r}; give 'each' to train every point at three learning rates, or None")
    if on_full not in ("wait", "stop"):
        raise ValueError(f"on_full is {on_full!r}; give 'wait' or 'stop'")
    if compile not in ("off", "on", "auto"):
        raise ValueError(f"compile is {compile!r}; give 'off', 'on' or 'auto'")
    if resume not in (True, False, "anyway"):
        raise ValueError(f"resume is {resume!r}; give True, False or 'anyway'")
    check_model(model_cls)
    check_dataset(dataset)
    check_loss(loss_fn)
    training = train and (mode == "mock" or (dataset is not None and loss_fn is not None))
    unread = ""
    if not training and dataset is not None and loss_fn is not None:
        dataset, val_dataset, unread = _data_to_plan_with(dataset, val_dataset)
    rate = learning_rate.peak if isinstance(learning_rate, RateRule) else learning_rate
    workload = _workload(model_cls, model_size_param, model_kwargs, dataset, val_dataset, loss_fn, mode, rate)
    request = Request(
        workload,
        budgets=_budgets(compute_budgets),
        sizes=check_sizes(sizes) if sizes is not None else None,
        seeds=seeds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        goal=_goal(until, target, max_flops),
        rates=EACH if tune_lr else (1.0,),
        nproc=nproc_per_trial,
        compile=compile,
    )
    if training:
        check_nproc(Options(request, executor=executor, device=device))
    plan = make_plan(request)
    if not training:
        notes = (*plan.notes, unread) if unread else plan.notes
        return replace(plan, notes=notes, model_kwargs=dict(model_kwargs or {}))
    if executor != "thread":
        request = Request(**{**vars(request), "workload": pickle_workload(request.workload)})
    options = Options(
        request,
        Path(output_dir),
        executor,
        workers,
        device,
        fresh=not resume and not resume_anyway,
        resume_anyway=resume_anyway or resume == "anyway",
        targets=(float(target),) if target else (),
        on_full=on_full,
    )
    try:
        if ui:
            # Imported lazily by name so that the API does not depend on Textual.
            importlib.import_module("flopsfit_tui.tui.launch").run_app(options, start=True)
            sweep = read_sweep(Path(output_dir))
        else:
            sweep = _sweep(options, plan)
    finally:
        remember_use(workload)
    return Result(sweep.plan, sweep.outcomes, Path(output_dir))


def _goal(until: float | None, target: float | None, max_flops: float | None) -> Goal | None:
    """Raises ValueError for a goal that cannot be reached, and for what needs one."""
    if until is None:
        if max_flops is not None:
            raise ValueError("max_flops needs until, with which trials are chosen one by one; give until=1.3")
        return None
    if not 1 < until < math.inf:
        raise ValueError(f"until is {until!r}; give a factor above 1, e.g. 1.3")
    for name, value in (("target", target), ("max_flops", max_flops)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value!r}; give a positive number of FLOPs, e.g. 1e18")
    return Goal(float(until), target and float(target), max_flops and float(max_flops))


def check_recipe(
    workload: str | Workload,
    *,
    budgets: Sequence[float] | None = None,
    sizes: Sequence[Setting] | None = None,
    points: int | None = None,
    seeds: int = 1,
    learning_rate: float | RateRule | None = None,
    output_dir: str | Path = "outputs",
    resume: bool = True,
    executor: ExecutorName = "thread",
    workers: int | None = None,
    device: str = "auto",
) -> RecipeCheck:
    """Train three peak learning rates at the corners and the middle of a sweep, and say what the planned ones lose.

    It takes at most a quarter of the sweep's FLOPs; its files lie in `recipe` within output_dir, the sweep's directory.
    Of the result, `points` say what is lost where (`lost`, a share of the loss, and `lost_error`), `shifts` by how much
    that moves N_opt, by the law of the sweep that lies in output_dir, and `rule` which rate to use instead.

    workload: as for plan_sweep; the keywords are those of find_optimal (budgets in training FLOPs, points: sizes a
    budget). Raises ValueError or TypeError for what cannot be planned, and for an optimizer whose rate cannot be set.
    """
    request = Request(
        workload,
        budgets=_budgets(budgets),
        sizes=check_sizes(sizes) if sizes is not None else None,
        points=points,
        seeds=seeds,
        learning_rate=learning_rate,
        checks_recipe=True,
    )
    plan = make_plan(request)
    if executor != "thread" and isinstance(workload, Workload):
        request = replace(request, workload=pickle_workload(workload))
    options = Options(request, Path(output_dir), executor, workers, device, fresh=not resume)
    try:
        found = _sweep(options, plan).recipe
    finally:
        remember_use(workload)
    assert found is not None
    return found


def plan_sweep(
    workload: str | Workload | None = None,
    *,
    model_cls: Callable[..., Any] | None = None,
    size_param: str | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    compute_budgets: Sequence[float] | None = None,
    **request: Any,
) -> Plan:
    """The trials that a sweep of a workload would train, sizes measured on the `meta` device; nothing is trained.

    workload: a built-in name, `package.module:attribute`, `path/to/file.py[:attribute]`, or a Workload. Instead of one,
    model_cls, size_param and model_kwargs name a model alone, as flops-fit does: it is planned for at 6N FLOPs a token.
    Further keywords are those of Request: budgets (FLOPs; compute_budgets is the same), sizes, points (sizes a budget),
    seeds, batch_size, learning_rate. Raises ValueError or TypeError naming what cannot be planned.
    """
    if (workload is None) == (model_cls is None):
        raise TypeError("give either a workload or a model_cls")
    unknown = request.keys() - {field.name for field in fields(Request)}
    if unknown:
        raise TypeError(
            f"plan_sweep does not know {', '.join(sorted(unknown))}; it takes budgets, sizes, points (sizes a budget), "
            "seeds, batch_size and learning_rate"
        )
    if compute_budgets is not None:
        request["budgets"] = _budgets(compute_budgets)
    if workload is None:
        if size_param is None:
            raise TypeError("give size_param, the name of the model's size knob")
        check_model(model_cls)
        assert model_cls is not None
        workload = _workload(model_cls, size_param, model_kwargs, None, None, None, "mock")
    return make_plan(Request(workload, **request))


def _workload(
    model_cls: Callable[..., Any],
    model_size_param: str,
    model_kwargs: Mapping[str, Any] | None,
    dataset: Any,
    val_dataset: Any,
    loss_fn: Callable[[Any, Any], Any] | None,
    mode: str,
    learning_rate: float | None = None,
) -> Workload:
    shared: dict[str, Any] = {
        "name": re.sub(r"\W+", "-", getattr(model_cls, "__name__", type(model_cls).__name__)).strip("-") or "model",
        "model_cls": model_cls,
        "model_size_param": model_size_param,
        "model_kwargs": dict(model_kwargs or {}),
    }
    rate: dict[str, Any] = {"learning_rate": learning_rate} if learning_rate else {}
    if mode == "mock" or dataset is None or loss_fn is None:
        from flopsfit_tui.workloads.mock import mock  # nothing of the data or the loss is touched

        return mock(**shared, **rate)
    return Workload(**shared, dataset=dataset, val_dataset=val_dataset, loss_fn=loss_fn)


def _data_to_plan_with(dataset: Any, val_dataset: Any) -> tuple[Any, Any, str]:
    """The data, or what stands for them where nothing is trained, and the note that says so.

    A data set that is downloaded when first used stays unread; without one that fails when read, 6N FLOPs a token are
    planned for.
    """
    from flopsfit_tui.train.data import sources  # torch
    from flopsfit_tui.workloads.preview import preview_of

    preview = preview_of(dataset)
    if preview:
        return preview, preview, f"{preview.title} was not read: planned by the shape of its batches"
    try:
        next(iter(sources(dataset, val_dataset)[1].once(1)), None)
    except (TypeError, ValueError):
        pass  # planning says the same, in its own words
    except Exception as error:  # noqa: BLE001 - the user's data set may raise anything, such as for want of a network
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        return None, None, f"the dataset cannot be read ({said}): planned at 6N FLOPs a token"
    return dataset, val_dataset, ""


def _budgets(given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    budgets = tuple(sorted({float(budget) for budget in given}))
    if not budgets or not all(0 < budget < float("inf") for budget in budgets):
        raise ValueError(
            f"compute_budgets is {list(given)!r}; give positive numbers of FLOPs, such as [1e12, 3e12, 1e13]"
        )
    return budgets


def _sweep(options: Options, plan: Plan) -> StoredSweep:
    """Run a plan, with a run's lines on stderr, warnings last; in a notebook the lines are a bar under the cell."""
    with unfailing_output(), closing(make_executor(options)) as executor:
        prepared = prepare(options, executor, plan)
        log(*prepared.plan.notes, estimate_text(prepared.plan, prepared.left, prepared.estimate))
        sweep, progress = Sweep(prepared, options, executor), ProgressLog(options.targets)
        bar = NotebookBar(len(prepared.plan.trials), prepared.plan.workload, "trial") if in_notebook() else None
        for event in sweep:
            line = progress.take(event)
            if bar is None:
                log(line)
            elif bar.done < progress.state.ended:
                bar.update(progress.state.ended - bar.done)
                failed = progress.state.count("failed")
                bar.set_postfix(**({"failed": failed} if failed else {}), refresh=False)
    if sweep.export is None or (options.on_full == "stop" and progress.state.problem):
        raise StoreFault(progress.state.problem)
    damage = [f"warning: {sentence}" for sentence in sweep.export.damage]
    log(*damage, warnings_text(sweep.export.analysis.warnings))
    return sweep.export
