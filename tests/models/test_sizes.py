"""Any model and any knob: sizes are found within bounds, or refused in one sentence."""

import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.sweep.job import make_plan, measure_one, resolve
from flopsfit_tui.train.loop import train_trial
from flopsfit_tui.train.measure import measure_size

X = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(X, (X.sum(1) > 0).long())


def mlp(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))


def declared(model, knob="width", **changes):
    given = {"model_cls": model, "model_size_param": knob, "dataset": DATA, "loss_fn": F.cross_entropy}
    return Workload(**{"name": "mine", "budgets": (1e7, 2e7), **given, **changes})


def plan_of(model, knob="width", **changes):
    return make_plan(Request(declared(model, knob, **changes)))


@pytest.mark.parametrize("budget", [1e7, pytest.param(1e15, marks=pytest.mark.slow)])
def test_a_depth_knob_ends_in_a_ladder_or_a_sentence_within_seconds(budget):
    most = []

    def deep(num_layers):
        most.append(num_layers)
        return nn.Sequential(nn.Linear(8, 16), *(nn.Linear(16, 16) for _ in range(num_layers)), nn.Linear(16, 2))

    began = time.monotonic()
    plan = plan_of(deep, "num_layers", budgets=(budget,), points=5)
    assert time.monotonic() - began < 60
    assert len(plan.ladder(budget)) == 5
    assert any("sizes found by building" in note for note in plan.notes)
    assert max(most) < 100_000


@pytest.mark.slow
def test_a_slow_constructor_is_built_few_times():
    built = []

    def slow(width):
        built.append(width)
        time.sleep(0.4)
        return mlp(width)

    plan = plan_of(slow)
    assert len(plan.ladder(1e7)) >= 3
    assert len(built) < 45


def test_given_sizes_are_not_searched():
    built = []

    def model(width):
        built.append(width)
        return mlp(width)

    make_plan(Request(declared(model), sizes=(4, 8, 16)))
    assert set(built) <= {4, 8, 16, 32}  # 32: twice the base size, to tell the matrices that grow


class Items(nn.Module):
    """What the `meta` device cannot do, chosen by name."""

    def __init__(self, width, how):
        super().__init__()
        if how == "item":
            self.rate = torch.linspace(0, 0.1, 3)[1].item()
        elif how == "bool" and bool(torch.ones(3).sum() > 2):
            self.rate = 1
        elif how == "cpu":
            self.register_buffer("mask", torch.ones(8).to("cpu"))
        elif how == "numpy":
            self.start = torch.ones(3).numpy().sum()
        elif how == "list":
            self.rates = torch.linspace(0, 1, 3).tolist()
        self.net = mlp(width)

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize("how", ["item", "bool", "cpu", "numpy", "list"])
def test_what_meta_cannot_build_is_counted_on_the_cpu(how):
    plan = plan_of(Items, model_kwargs={"how": how}, sizes=(4, 8))
    plain = plan_of(mlp, sizes=(4, 8))
    assert [(s.params, s.flops_per_token) for s in plan.sizes] == [(s.params, s.flops_per_token) for s in plain.sizes]


def test_the_cpu_counts_an_lstm_as_meta_does():
    class Both(nn.Module):
        def __init__(self, width, item):
            super().__init__()
            self.rate = torch.ones(1).item() if item else 1.0
            self.lstm, self.head = nn.LSTM(8, width, batch_first=True), nn.Linear(width, 2)

        def forward(self, x):
            return self.head(self.lstm(x[:, None])[0][:, 0])

    here, there = (plan_of(Both, model_kwargs={"item": item}, sizes=(4, 8)).sizes for item in (True, False))
    assert here == there


def test_gradients_of_grouped_convolutions_are_counted_once():
    class Separable(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first = nn.Conv2d(3, width, 1, bias=False)
            self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            self.head = nn.Linear(width, 2, bias=False)

        def forward(self, x):
            return self.head(self.depthwise(self.first(x)).mean((2, 3)))

    sample = (torch.randn(2, 3, 6, 6), torch.zeros(2, dtype=torch.int64))
    w, places = 4, 36
    size = measure_size(declared(Separable, dataset=None), w, sample, 2)
    assert size.flops_per_token == 2 * (2 * 3 * w * places + 3 * 9 * w * places + 3 * 2 * w)


@pytest.mark.parametrize("sizes", [(0.25, 0.5, 1, 2), ("s", "m", "l"), ((1, 4), (1, 8), (2, 8)), np.array([4, 8])])
def test_the_knob_reaches_the_model_unchanged(sizes):
    seen = []

    def model(knob):
        seen.append(knob)
        width = {"s": 4, "m": 8, "l": 16}.get(knob, 16 * knob if isinstance(knob, float) else knob)
        return mlp(max(2, int(width[0] * width[1] if isinstance(width, tuple) else width)))

    plan = plan_of(model, "knob", sizes=sizes, budgets=(4e5,))
    assert {type(x) for x in seen} <= {type(x.item() if hasattr(x, "item") else x) for x in sizes} | {int}
    assert set(plan.settings()) == set(sizes if isinstance(sizes, tuple) else sizes.tolist())


@pytest.mark.parametrize("kind", [AssertionError, KeyError, RuntimeError, ZeroDivisionError])
def test_what_a_constructor_raises_belongs_to_its_size(kind):
    def model(width):
        if width == 8:
            raise kind("not eight")
        return mlp(width)

    plan = plan_of(model, sizes=(4, 8, 16))
    assert plan.settings() == (4, 16)
    assert any(f"width 8 is left out: the model refuses width=8: {kind.__name__}" in note for note in plan.notes)
    with pytest.raises(ValueError, match=f"the model refuses width=8: {kind.__name__}.*not eight"):
        make_plan(Request(declared(model), sizes=(4, 8, 16)))
    with pytest.raises(ValueError, match="none of the sizes declared"):
        plan_of(model, sizes=(8,))


def test_a_knob_of_names_that_is_searched_is_one_sentence():
    with pytest.raises(ValueError, match="no size of .* was found by trying .*declare the sizes that it takes"):
        plan_of(lambda preset: mlp({"tiny": 4}[preset]), "preset")


def test_lazy_layers_have_sizes_and_train():
    workload = declared(
        lambda width: nn.Sequential(nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(2)), sizes=(4, 8), budgets=(4e5,)
    )
    plan = make_plan(Request(workload))
    assert [s.params for s in plan.sizes] == [s.params for s in plan_of(mlp, sizes=(4, 8), budgets=(4e5,)).sizes]
    outcome = list(train_trial(resolve(workload), plan.trials[0], plan.recipe, "cpu"))[-1].outcome
    assert outcome.status == "finished", outcome.error


def test_a_chosen_ladder_leaves_out_what_a_budget_cannot_pay_for():
    plan = plan_of(mlp, sizes=(4, 8, 4096), budgets=(1e5, 1e9))
    assert plan.ladder(1e5) == (4, 8)
    assert plan.ladder(1e9) == (4, 8, 4096)
    assert any("4096 at 100000 FLOPs left out" in note for note in plan.notes)
    with pytest.raises(ValueError, match="does not pay for one batch"):
        make_plan(Request(declared(mlp, budgets=(1e5,)), sizes=(4, 4096)))


def test_a_size_is_added_by_its_params_or_its_name():
    named = declared(lambda preset: mlp({"s": 4, "m": 8, "l": 16}[preset]), "preset", sizes=("s", "m", "l"))
    assert measure_one(resolve(named), None, 300).size == "l"
    assert measure_one(resolve(named), "m", None).params == 90
