"""From a workload that is ready to a plan: measure the sizes, lay out ladders, name every trial."""

from __future__ import annotations

import ast
import hashlib
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from flopsfit_tui.core.trial import Plan, Recipe, Request, Size, Trial, content_hash
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.grid import Knob, expected_params, plan_point

BEYOND = (1, 10, 100)  # sizes are also measured around the optimum expected at so many times the largest budget
AROUND = (0.5, 0.7, 1.0, 1.4, 2.0)


def lay_out(workload: Workload, request: Request) -> Plan:
    """The plan that a request means for a workload whose hooks are all filled in.

    Raises ValueError naming the budget or size that cannot be planned, TypeError for a model or loss that breaks what a
    workload promises; both say what would have worked.
    """
    rate, base = request.learning_rate or workload.learning_rate, workload.base_size
    assert rate, "a ready workload leaves nothing open"
    assert workload.sizes
    assert workload.budgets
    assert workload.batch_size
    assert workload.unit
    recipe = Recipe(rate, base if workload.scale_learning_rate else None)
    batch_size = request.batch_size or workload.batch_size
    budgets = request.budgets or tuple(sorted(workload.budgets))
    knob = _knob(workload, request.sizes or workload.sizes)
    expected = tuple(expected_params(c, workload.first_guess) for c in budgets)
    points = request.points or workload.points
    ladders = [request.sizes or knob.ladder(centre, points) for centre in expected]
    sizes, notes = _measure(
        workload, knob, {size for ladder in ladders for size in ladder}, _further(request, knob, workload)
    )
    identity = _identity(workload, recipe)
    trials: list[Trial] = []
    tokens_per_sample = workload.dataset.tokens_per_sample
    for budget, ladder in zip(budgets, ladders, strict=True):
        for size in ladder:
            trials += plan_point(budget, sizes[size], request.seeds, batch_size, tokens_per_sample, recipe, identity)
    return Plan(
        workload=workload.name,
        identity=identity,
        size_name=workload.model_size_param,
        unit=workload.unit,
        tokens_per_sample=tokens_per_sample,
        dataset_samples=workload.dataset.samples,
        recipe=recipe,
        budgets=budgets,
        expected=expected,
        sizes=tuple(sizes[size] for size in sorted(sizes)),
        trials=tuple(trials),
        notes=(*workload.notes, *notes),
        bayes_loss=workload.bayes_loss,
    )


def measure_one(workload: Workload, size: int | None, params: float | None) -> Size:
    """One more size, by its setting or by the params it should be nearest to.

    Raises ValueError for a size that the model refuses, TypeError for one on which a batch fails.
    """
    assert workload.sizes
    knob = _knob(workload, workload.sizes)
    setting = size if size is not None else knob.settings[knob.nearest(params or 1.0)]
    return _measure(workload, knob, {setting}, ())[0][setting]


def _further(request: Request, knob: Knob, workload: Workload) -> set[int]:
    """Sizes beyond the ladders, so that what is recommended there is a size that can be built."""
    if request.sizes:
        return set()
    assert workload.budgets
    largest = max(request.budgets or workload.budgets)
    centres = [expected_params(largest * times, workload.first_guess) for times in BEYOND]
    return {knob.settings[knob.nearest(centre * factor)] for centre in centres for factor in AROUND}


def _knob(workload: Workload, settings: Sequence[int]) -> Knob:
    from flopsfit_tui.train.measure import build_model, count_params

    @cache
    def params(size: int) -> int:
        return count_params(build_model(workload, size, "meta"))

    return Knob(settings, params)


def _measure(
    workload: Workload, knob: Knob, planned: Iterable[int], further: Iterable[int]
) -> tuple[dict[int, Size], list[str]]:
    """Every size with its FLOPs. One on which a batch fails is still planned, at interpolated FLOPs: its trials will
    say what is wrong, and the others are not lost. TypeError when it fails on all.
    """
    from flopsfit_tui.train.data import batch_length
    from flopsfit_tui.train.measure import ContractError, measure_size

    data = workload.val_dataset
    sample = next(iter(data.once(getattr(data, "batch_size", None) or 2)))
    tokens = batch_length(sample) * workload.dataset.tokens_per_sample
    found: dict[int, Size] = {}
    failed: dict[int, str] = {}
    for size in sorted({*planned, *further}):
        knob.params(size)  # one that the model refuses is the person's to mend
        try:
            found[size] = measure_size(workload, size, sample, tokens)
        except ContractError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's model may raise anything
            failed[size] = f"{type(error).__name__}: {error}"
    if not found:
        size, said = next(iter(failed.items()))
        raise TypeError(f"no size trains on a batch; at {workload.model_size_param}={size} the model says {said}")
    for size in failed.keys() & set(planned):
        found[size] = _interpolate(size, knob.params(size), list(found.values()))
    knob_name = workload.model_size_param
    notes = [f"{knob_name} {s} fails on a batch ({said}); its FLOPs are interpolated" for s, said in failed.items()]
    return found, notes


def _interpolate(size: int, params: int, known: list[Size]) -> Size:
    """FLOPs a token in proportion to a power of N, through the nearest two sizes known."""
    near = sorted(known, key=lambda s: abs(math.log(s.params / params)))[:2]
    slope = 1.0
    if len(near) == 2 and near[0].params != near[1].params:
        (a, b) = near
        slope = math.log(a.flops_per_token / b.flops_per_token) / math.log(a.params / b.params)
    return Size(size, params, near[0].flops_per_token * (params / near[0].params) ** slope)


def _identity(workload: Workload, recipe: Recipe) -> str:
    return content_hash(
        {
            "name": workload.name,
            "size_param": workload.model_size_param,
            "model_kwargs": dict(workload.model_kwargs),
            "settings": dict(workload.settings),
            "data": [workload.dataset.fingerprint, workload.val_dataset.fingerprint],
            "code": [code_hash(f) for f in (workload.model_cls, workload.loss_fn, workload.optimizer) if f],
            "recipe": vars(recipe),
        }
    )


def code_hash(thing: Callable[..., Any]) -> str:
    """A hash of what a function or class says, without comments and layout; of its name where it has no source."""
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    try:
        tree = ast.dump(ast.parse(textwrap.dedent(inspect.getsource(thing))))
    except (OSError, TypeError, SyntaxError):
        return name
    return f"{name} {hashlib.sha256(tree.encode()).hexdigest()[:12]}"
