"""The Python door: one call from a model with a size knob to its compute-optimal size."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flopsfit_tui.core.options import ExecutorName, Options
from flopsfit_tui.core.trial import Outcome, Plan, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.report.analysis import analyse
from flopsfit_tui.report.export import export_sweep
from flopsfit_tui.report.result import Result
from flopsfit_tui.store.sqlite import SqliteStore, put_aside
from flopsfit_tui.sweep.executor import Executor
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.sweep.prepare import make_executor
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.travel import pack


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
    resume: bool = True,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 1,
    val_dataset: Any = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    device: str = "auto",
    workers: int | None = None,
    executor: ExecutorName = "thread",
    ui: bool = False,
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
    sizes: settings of the knob for every budget; None: a ladder of seven for each, from sizes that the model takes.
    seeds: trials of each point. batch_size: samples a step (None: the DataLoader's own, else 32). learning_rate: peak;
        scaled by fan-in for hidden matrices of other widths (None: a default by width). device: auto, cpu, cuda or mps.
    executor: "thread" trains here, one trial after the other, with any object; "processes" sends model and data by
        cloudpickle to `workers` processes (None: as many as there are cores). ui: open the app on it.

    Returns a Result, or the Plan. Raises TypeError or ValueError, before anything is trained, naming what was given and
    what is wanted: a model without the knob, a loss that is no scalar with a gradient, an empty dataset, a budget below
    one batch. A trial that fails later is listed in the result and the sweep goes on.
    """
    if mode not in ("local", "mock"):
        raise ValueError(f"mode {mode!r} is not known; give 'local' or 'mock'")
    if not callable(model_cls):
        raise TypeError(
            f"model_cls is a {type(model_cls).__name__}; give a class or a callable that gives a torch Module"
        )
    request = Request(
        _workload(model_cls, model_size_param, model_kwargs, dataset, val_dataset, loss_fn, mode),
        budgets=_budgets(compute_budgets),
        sizes=tuple(sorted({int(size) for size in sizes})) if sizes is not None else None,
        seeds=seeds,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
    plan = make_plan(request)
    if not train or (mode == "local" and (dataset is None or loss_fn is None)):
        return plan
    if executor != "thread":
        request = Request(**{**vars(request), "workload": pack(request.workload)})
    options = Options(request, Path(output_dir), executor, workers, device, fresh=not resume)
    if ui:
        return _in_the_app(options, plan)
    outcomes = _sweep(options, plan, make_executor(options))
    return Result(plan, outcomes, Path(output_dir))


def plan_sweep(workload: str | Workload, **request: Any) -> Plan:
    """The trials that a sweep of a workload would train, sizes measured on the `meta` device; nothing is trained.

    workload: a built-in name, `package.module:attribute`, `path/to/file.py[:attribute]`, or a Workload. Keywords are
    those of Request: budgets (FLOPs), sizes, points (sizes a budget), seeds, batch_size, learning_rate. Raises
    ValueError or TypeError naming what cannot be planned.
    """
    return make_plan(Request(workload, **request))


def _workload(
    model_cls: Callable[..., Any],
    model_size_param: str,
    model_kwargs: Mapping[str, Any] | None,
    dataset: Any,
    val_dataset: Any,
    loss_fn: Callable[[Any, Any], Any] | None,
    mode: str,
) -> Workload:
    shared: dict[str, Any] = {
        "name": re.sub(r"\W+", "-", getattr(model_cls, "__name__", type(model_cls).__name__)).strip("-") or "model",
        "model_cls": model_cls,
        "model_size_param": model_size_param,
        "model_kwargs": dict(model_kwargs or {}),
    }
    if mode == "mock" or dataset is None or loss_fn is None:
        from flopsfit_tui.workloads.mock import mock  # nothing of the data or the loss is touched

        return mock(**shared)
    return Workload(**shared, dataset=dataset, val_dataset=val_dataset, loss_fn=loss_fn)


def _budgets(given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    budgets = tuple(sorted({float(budget) for budget in given}))
    if not budgets or not all(0 < budget < float("inf") for budget in budgets):
        raise ValueError(
            f"compute_budgets is {list(given)!r}; give positive numbers of FLOPs, such as [1e12, 3e12, 1e13]"
        )
    return budgets


def _sweep(options: Options, plan: Plan, executor: Executor) -> Mapping[str, Outcome]:
    from tqdm.auto import tqdm

    from flopsfit_tui.core.events import TrialEnded

    assert options.out is not None
    if options.fresh:
        put_aside(options.out)
    store = SqliteStore(options.out)
    try:
        with tqdm(total=len(plan.trials), desc=plan.workload, unit="trial", disable=None) as bar:
            bar.update(len(plan.trials) - _left(plan, store))
            for event in run_sweep(plan, options.request.workload, executor, store, device=options.device):
                if isinstance(event, TrialEnded):
                    bar.update()
                    bar.set_postfix(loss=f"{event.outcome.loss:.4f}", refresh=False)
        outcomes = store.outcomes()
        export_sweep(options.out, plan, outcomes, store.history(), analyse(plan, outcomes))
    finally:
        executor.close()
        store.close()
    return outcomes


def _left(plan: Plan, store: SqliteStore) -> int:
    finished = (
        {key for key, outcome in store.outcomes().items() if outcome.status == "finished"} if store.plan() else set()
    )
    return sum(trial.key not in finished for trial in plan.trials)


def _in_the_app(options: Options, plan: Plan) -> Result:
    # The app and this door are strangers: it is looked up by name, and only at a person's wish.
    importlib.import_module("flopsfit_tui.tui.launch").run_app(options, start=True)
    assert options.out is not None
    store = SqliteStore(options.out, read_only=True)
    try:
        return Result(plan, store.outcomes(), options.out)
    finally:
        store.close()
