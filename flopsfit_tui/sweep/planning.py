"""From a workload that is ready to a plan: measure the sizes, lay out ladders, name every trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.options import BEYOND
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Compile, Goal, Plan, RateRule, Recipe, Request, Size, Trial, content_hash
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.grid import expected_params, plan_point
from flopsfit_tui.plan.nproc import share_batch
from flopsfit_tui.plan.sequential import budgets_to_choose_from, first_points
from flopsfit_tui.sweep.ladders import candidates_for, check_knob, lay_ladders, nearest_setting, reach_of
from flopsfit_tui.sweep.measured import MeasuredSizes

if TYPE_CHECKING:
    from flopsfit_tui.train.measure import Looks


def build_plan(workload: Workload, request: Request, content: Identity) -> Plan:
    """The plan that a request means for a workload whose hooks are all filled in; `content` is what was declared.

    Raises ValueError naming the budget or size that cannot be planned, TypeError for a model or loss that breaks what a
    workload promises; both say what would have worked.
    """
    from flopsfit_tui.train.loss import form_notes
    from flopsfit_tui.train.plan_notes import plan_notes  # torch

    assert workload.budgets, "a ready workload leaves nothing open"
    assert workload.batch_size
    assert workload.unit
    batch_size = request.batch_size or workload.batch_size
    budgets = request.budgets or tuple(sorted(workload.budgets))
    if request.goal:
        budgets = budgets_to_choose_from(budgets)
    looks, sample = _looks(workload)
    candidates = candidates_for(workload, looks, request.sizes, reach_of(workload, budgets))
    recipe, defaults = _recipe(workload, request, looks, candidates.settings)
    if len(request.rates) > 1 or request.checks_recipe:
        from flopsfit_tui.train.rate import check_rate  # torch

        check_rate(workload, candidates.settings[0], recipe)
    ladders = lay_ladders(workload, request, budgets, looks, candidates)
    recipe, tried = _with_form(workload, looks, ladders.planned, batch_size, recipe)
    recipe, shared = share_batch(recipe, request.nproc, batch_size, workload.simulate is not None)
    compiles, uncompiled = _compile_mode(request, workload.simulate is not None)
    sizes, failed = _measure(workload, looks, sample, recipe, ladders.planned, ladders.beyond, content)
    check_knob([sizes[size] for size in ladders.planned], workload.model_size_param)
    tokens_per_sample = workload.dataset.tokens_per_sample
    ladders.keep_affordable(
        sizes, lambda size: size.flops_per_token * tokens_per_sample * batch_size, workload.model_size_param
    )
    notes = (
        *_with_defaults(workload.notes, defaults),
        *ladders.notes,
        *form_notes(recipe, workload, batch_size),
        *tried,
        *shared,
        *uncompiled,
        *failed,
        *plan_notes(workload, [sizes[size] for size in ladders.planned]),
        *content.notes(),
    )
    content = replace(content, parts={**content.parts, "recipe": content_hash(recipe.content)})
    identity = _identity(workload, content)
    goal = request.goal and replace(request.goal, target=request.goal.target or budgets[-1] * BEYOND[0])
    trials: list[Trial] = []
    begun = first_points(ladders.by_budget) if request.goal else ladders.by_budget
    for budget, ladder in begun.items():
        for size in ladder:
            trials += plan_point(
                budget, sizes[size], request.seeds, batch_size, tokens_per_sample, recipe, identity, request.rates
            )
    return Plan(
        workload=workload.name,
        identity=identity,
        size_name=workload.model_size_param,
        unit=workload.unit,
        tokens_per_sample=tokens_per_sample,
        dataset_samples=workload.dataset.samples,
        recipe=recipe,
        budgets=budgets,
        expected=tuple(expected_params(c, workload.first_guess) for c in budgets),
        sizes=tuple(sorted(sizes.values(), key=lambda s: (s.params, str(s.size)))),
        trials=tuple(trials),
        notes=(*notes, *_goal_notes(goal, len(trials)), *_rate_notes(request.rates)),
        content=content,
        goal=goal,
        rates=request.rates,
        bayes_loss=workload.bayes_loss,
        model_cls_name=getattr(workload.model_cls, "__name__", type(workload.model_cls).__name__),
        model_kwargs={name: _plain(value) for name, value in workload.model_kwargs.items()},
        compile=compiles,
    )


def _compile_mode(request: Request, simulated: bool) -> tuple[Compile, list[str]]:
    """What of `compile` can be done, and a note where that is less than was asked for."""
    if request.compile == "off":
        return "off", []
    if not (simulated or request.nproc > 1):
        which = "each size" if request.compile == "on" else "a size for which that saves time"
        return request.compile, [
            f"before the first trial {which} is compiled; losses differ by rounding, more in long trials"
        ]
    why = "a simulated workload trains nothing" if simulated else "several processes train a trial together"
    return "off", [f"compile is off: {why}"]


def _goal_notes(goal: Goal | None, begun: int) -> list[str]:
    if goal is None or goal.target is None:
        return []
    most = f", of at most {format_flops(goal.most_flops)} FLOPs in all" if goal.most_flops else ""
    return [
        f"begins with {begun} trials; further ones are chosen one by one{most}, until the noise interval of the best "
        f"size for {format_flops(goal.target)} FLOPs is within x{goal.factor:.3g} from end to end"
    ]


def _rate_notes(rates: Sequence[float]) -> list[str]:
    if len(rates) < 2:
        return []
    tried = ", ".join(f"x{rate:g}" for rate in rates)
    return [f"every point is trained at {len(rates)} peak rates ({tried} of the planned one); the best is fitted"]


def _plain(value: Any) -> Any:
    """A value that any process and any store can keep; its text where it is none."""
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def measure_one(workload: Workload, size: Setting | None, params: float | None) -> Size:
    """One more size, by its setting or by the params it should be nearest to.

    Raises ValueError for a size that the model refuses, TypeError for one on which a batch fails.
    """
    assert workload.budgets
    assert workload.batch_size
    looks, sample = _looks(workload)
    if size is None:
        wanted = params or 1.0
        size = nearest_setting(looks, candidates_for(workload, looks, None, 4 * wanted), wanted)
    recipe, _ = _recipe(workload, Request(workload), looks, (size,))
    recipe, _ = _with_form(workload, looks, (size,), workload.batch_size, recipe)
    return _measure(workload, looks, sample, recipe, (size,), ())[0][size]


def _looks(workload: Workload) -> tuple[Looks, tuple[Any, Any]]:
    from flopsfit_tui.train.measure import Looks
    from flopsfit_tui.train.model import first_batch

    sample = first_batch(workload)
    return Looks(workload, sample), sample


def _recipe(
    workload: Workload, request: Request, looks: Looks, candidates: Sequence[Setting]
) -> tuple[Recipe, list[str]]:
    """How trials are trained, and the defaults taken for it."""
    from flopsfit_tui.train.ready import choose_base, choose_wider, default_rate

    defaults = []
    base = workload.base_size if workload.scale_learning_rate else None
    if workload.scale_learning_rate and base is None:
        base = choose_base(looks, candidates)
        if base is not None:
            defaults.append(f"base_size {base}")
    wider = None if base is None else choose_wider(looks, candidates, base)
    rate = request.learning_rate or workload.learning_rate
    if rate is None:
        rate = default_rate(looks, base, wider)
        defaults.append(f"learning_rate {rate:g}")
    rule = rate if isinstance(rate, RateRule) else RateRule(rate, 0.0)
    betas: Any = workload.betas  # a user's; Recipe refuses what is no pair of numbers
    recipe = Recipe(
        rule.peak,
        base if wider is not None else None,
        wider,
        betas=tuple(betas) if isinstance(betas, Sequence) else betas,
        weight_decay=workload.weight_decay,
        warmup_steps=workload.warmup_steps,
        steps_power=rule.power,
        base_steps=rule.base_steps if rule.power else 1000,
    )
    return recipe, defaults


def _with_defaults(notes: Sequence[str], defaults: Sequence[str]) -> list[str]:
    """Notes with further defaults named in the note that names some, or in one of their own."""
    first = "left to defaults: "
    if defaults and notes and notes[-1].startswith(first):
        return [*notes[:-1], ", ".join([notes[-1], *defaults])]
    return [*notes, *([first + ", ".join(defaults)] if defaults else [])]


def _with_form(
    workload: Workload, looks: Looks, sizes: Sequence[Setting], batch_size: int, recipe: Recipe
) -> tuple[Recipe, list[str]]:
    """The recipe with how the loss is taken, as one real step at the smallest size tells."""
    from flopsfit_tui.train.check import check_step

    if workload.simulate is not None:
        return recipe, []
    ascending = sorted(sizes, key=lambda size: (looks.params(size), str(size)))
    form, notes = check_step(workload, ascending, looks, batch_size, recipe)
    return replace(recipe, pass_labels=form.pass_labels, reduction=form.reduction), notes


def _measure(
    workload: Workload,
    looks: Looks,
    sample: tuple[Any, Any],
    recipe: Recipe,
    planned: Sequence[Setting],
    further: Sequence[Setting],
    content: Identity | None = None,
) -> tuple[dict[Setting, Size], list[str]]:
    """Every size with its FLOPs; with `content`, as they were measured before where they were.

    One on which a batch fails is still planned, at interpolated FLOPs: its trials will say what is wrong, and the
    others are not lost. TypeError when it fails on all.
    """
    from flopsfit_tui.train.data import batch_length, shapes
    from flopsfit_tui.train.measure import measure_size
    from flopsfit_tui.train.model import ContractError, quote

    tokens = batch_length(sample) * workload.dataset.tokens_per_sample
    found: dict[Setting, Size] = {}
    failed: dict[Setting, str] = {}
    measured = MeasuredSizes(workload, recipe, content, shapes(sample))
    for size in dict.fromkeys([*planned, *further]):
        try:
            known = measured.get(size, looks.params(size))
            found[size] = known or measure_size(workload, size, sample, tokens, recipe)
        except ContractError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's model may raise anything
            failed[size] = quote(error)
    measured.keep(list(found.values()))
    if not found:
        size, said = next(iter(failed.items()))
        raise TypeError(f"no size trains on a batch; at {workload.model_size_param}={size} the model says {said}")
    missing = [size for size in planned if size in failed]
    for size in missing:
        found[size] = _interpolate(size, looks.params(size), list(found.values()))
    knob = workload.model_size_param
    return found, [f"{knob} {s} fails on a batch ({failed[s]}); its FLOPs are interpolated" for s in missing]


def _interpolate(size: Setting, params: int, known: list[Size]) -> Size:
    """FLOPs a token in proportion to a power of N, through the nearest two sizes known."""
    near = sorted(known, key=lambda s: abs(math.log(s.params / params)))[:2]
    slope = 1.0
    if len(near) == 2 and near[0].params != near[1].params:
        (a, b) = near
        slope = math.log(a.flops_per_token / b.flops_per_token) / math.log(a.params / b.params)
    return Size(size, params, near[0].flops_per_token * (params / near[0].params) ** slope)


def _identity(workload: Workload, content: Identity) -> str:
    named = {"name": workload.name, "size_param": workload.model_size_param}
    return content_hash({**named, "parts": dict(content.parts), "versions": dict(content.versions)})
