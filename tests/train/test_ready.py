"""Hooks that were left out get defaults that are said, and contracts are checked before anything is trained."""

import pytest
import torch
import torch.nn.functional as F
from tiny import Clouds, make
from torch import nn
from torch.utils.data import TensorDataset

from flopsfit_tui.core.trial import Recipe, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.train.loop import train_trial
from flopsfit_tui.train.ready import fill_defaults


def mlp(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))


def data(count=400):
    return TensorDataset(torch.randn(count, 8), torch.randint(4, (count,)))


def declared(**changes):
    given = {
        "name": "mine",
        "model_cls": mlp,
        "model_size_param": "width",
        "dataset": data(),
        "loss_fn": F.cross_entropy,
    }
    return Workload(**{**given, **changes})


def planned(*, budgets=(1e7,), **changes):
    return make_plan(Request(declared(**changes), budgets=budgets))


def test_every_default_is_named():
    plan = planned()
    assert {t.batch_size for t in plan.trials} == {32}
    assert plan.unit == "samples"
    assert 40 <= plan.recipe.base_size <= 80
    assert plan.recipe.learning_rate == pytest.approx(0.512 / plan.recipe.base_size, rel=0.01)
    note = plan.notes[0]
    for name in ("batch_size 32", "unit samples", "base_size", "learning_rate"):
        assert name in note
    assert "sizes found by building" in plan.notes[1]


def test_what_is_declared_is_kept():
    plan = planned(batch_size=4, unit="samples", base_size=16, learning_rate=0.1, sizes=(8, 16, 32))
    assert {t.batch_size for t in plan.trials} == {4}
    assert (plan.recipe.base_size, plan.recipe.wider_size, plan.recipe.learning_rate) == (16, 32, 0.1)
    assert plan.settings() == (8, 16, 32)
    assert plan.notes == ()
    assert fill_defaults(make()).notes == ()


@pytest.mark.parametrize("step", [1, 2, 8])
def test_sizes_are_found_by_trying(step):
    built = []

    def model(width):
        built.append(width)
        if width % step:
            raise ValueError("no")
        return mlp(width)

    plan = planned(model_cls=model, budgets=(1e9, 1e10))
    assert len(plan.ladder(1e9)) == 7
    assert all(size % step == 0 for size in plan.settings())
    assert min(t.params for t in plan.trials) < plan.expected[0] < plan.expected[1] < max(t.params for t in plan.trials)
    assert max(built) < 2000  # no further than the budgets ask


def test_a_depth_knob_has_sizes_too_and_one_rate():
    def deep(depth):
        return nn.Sequential(nn.Linear(8, 16), *(nn.Linear(16, 16) for _ in range(depth)), nn.Linear(16, 4))

    plan = planned(model_cls=deep, model_size_param="depth", sizes=tuple(range(1, 50)))
    assert plan.recipe.base_size is None
    assert plan.recipe.learning_rate == 3e-3


def test_tokens_are_counted_where_a_target_is_a_row_of_whole_numbers():
    class LM(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.embed, self.head = nn.Embedding(11, width), nn.Linear(width, 11)

        def forward(self, x):
            return self.head(self.embed(x))

    rows = torch.randint(11, (300, 17))
    workload = declared(
        model_cls=LM,
        dataset=TensorDataset(rows[:, :-1], rows[:, 1:]),
        loss_fn=lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten()),
    )
    plan = make_plan(Request(workload, budgets=(1e6,), sizes=(4, 8)))
    assert (plan.unit, plan.tokens_per_sample) == ("tokens", 16)
    assert all(t.tokens == 16 * t.samples for t in plan.trials)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"model_size_param": "depth"}, TypeError, "could not be made with"),
        ({"model_cls": lambda width: width}, TypeError, "gave a int; it must give a torch.nn.Module"),
        ({"loss_fn": lambda out, y: 1.0}, TypeError, "loss_fn gave a float; it must give a scalar tensor"),
        ({"loss_fn": lambda out, y: out.mean(1)}, TypeError, r"tensor of shape \(32,\); it must give a scalar"),
        ({"loss_fn": lambda out, y: F.cross_entropy(out, y).detach()}, TypeError, "has no gradient"),
        ({"dataset": TensorDataset(torch.zeros(0, 8), torch.zeros(0))}, ValueError, "give at least two"),
        ({"dataset": ["a", "b", "c"]}, TypeError, "a batch is a str without a tensor"),
        (
            {"dataset": [1, 2, 3]},
            TypeError,
            r"no size trains on a batch: at width=8, a batch of 1 \(inputs int64 \(1,\)",
        ),
        ({"val_dataset": []}, ValueError, "val_dataset is empty"),
        ({"dataset": None}, TypeError, "dataset is a NoneType"),
        ({"loss_fn": lambda out, y: F.cross_entropy(out, y[:1])}, TypeError, "no size trains on a batch"),
    ],
)
def test_broken_contracts_are_found_before_anything_is_trained(changes, kind, message):
    with pytest.raises(kind, match=message):
        make_plan(Request(declared(**changes), budgets=(1e7,), sizes=(8, 16)))


def test_a_size_on_which_a_batch_fails_is_planned_all_the_same():
    class Sometimes(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.width, self.inner = width, mlp(width)

        def forward(self, x):
            if self.width == 16:
                raise RuntimeError("not today")
            return self.inner(x)

    plan = make_plan(Request(declared(model_cls=Sometimes), budgets=(1e7,), sizes=(8, 16, 32)))
    assert [t.size for t in plan.trials] == [8, 16, 32]
    flops = [plan.flops_per_token(s) for s in (8, 16, 32)]
    assert flops == sorted(flops)
    assert "width 16 fails on a batch (RuntimeError: not today)" in plan.notes[-1]
    plan = make_plan(Request(declared(model_cls=Sometimes), budgets=(1e7,), sizes=(16, 32)))
    assert "width=16 trains on no batch, so its trials fail: RuntimeError: not today" in " ".join(plan.notes)


def test_a_model_that_cannot_run_on_the_meta_device_is_counted_on_the_cpu():
    class Peeks(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.inner = mlp(width)

        def forward(self, x):
            return self.inner(x) * (1.0 if x.sum().item() > -1e9 else 2.0)

    plain, peeking = (
        make_plan(Request(declared(model_cls=m), budgets=(1e7,), sizes=(8,))).flops_per_token(8) for m in (mlp, Peeks)
    )
    assert plain == peeking


def test_own_flops_and_own_optimizer_are_used():
    made = []

    def optimizer(model, rate):
        made.append(rate)
        return torch.optim.SGD(model.parameters(), lr=2 * rate)

    workload = declared(flops_per_sample=lambda width: 1000.0 * width, optimizer=optimizer, learning_rate=0.25)
    plan = make_plan(Request(workload, budgets=(1e6,), sizes=(8,)))
    (trial,) = plan.trials
    assert plan.flops_per_token(8) == 8000
    events = list(train_trial(fill_defaults(workload), trial, plan.recipe, "cpu"))
    assert events[-1].outcome.status == "finished"
    assert set(made) == {0.25}  # the step that is tried before, and the trial


def test_out_of_memory_begins_anew_with_smaller_parts_and_the_same_result():
    class Hungry(nn.Module):
        most = 8

        def __init__(self, width):
            super().__init__()
            self.inner = mlp(width)

        def forward(self, x):
            if len(x) > self.most and not x.is_meta:
                raise torch.OutOfMemoryError("CUDA out of memory (in play)")
            return self.inner(x)

    workload = fill_defaults(declared(model_cls=Hungry, batch_size=32, base_size=8, learning_rate=0.01, unit="samples"))
    plan = make_plan(Request(workload, budgets=(4e6,), sizes=(8,)))
    (trial,) = plan.trials
    events = list(train_trial(workload, trial, plan.recipe, "cpu"))
    notes = [e.message for e in events if hasattr(e, "message")]
    assert [n.split("over ")[-1] for n in notes] == ["2 micro-batches", "4 micro-batches"]
    Hungry.most = 10**6
    (whole,) = list(train_trial(workload, trial, plan.recipe, "cpu"))[-1:]
    assert events[-1].outcome.status == whole.outcome.status == "finished"
    assert events[-1].outcome.loss == pytest.approx(whole.outcome.loss, rel=1e-3)
    assert events[-1].outcome.samples == trial.samples
    Hungry.most = 0
    failed = list(train_trial(workload, trial, plan.recipe, "cpu"))[-1].outcome
    assert failed.status == "failed"
    assert "OutOfMemoryError" in failed.error


def test_a_source_without_held_out_data_is_refused():
    with pytest.raises(ValueError, match="Clouds is a Source, which cannot be split; give val_dataset"):
        fill_defaults(Workload(**{**vars(make()), "val_dataset": None, "dataset": Clouds()}))
    assert Recipe(0.1).base_size is None
