"""Losses of other forms than a mean over samples are found, and said."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.sweep.job import make_plan, resolve
from flopsfit_tui.train.evaluate import regroup
from flopsfit_tui.train.loop import train_trial

X = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(X, (X.sum(1) > 0).long())


def mlp(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))


def declared(**changes):
    given = {"model_cls": mlp, "model_size_param": "width", "dataset": DATA, "loss_fn": F.cross_entropy}
    return Workload(**{"name": "mine", "sizes": (4, 8, 16), "budgets": (4e5, 8e5), **given, **changes})


def plan_of(**changes):
    return make_plan(Request(declared(**changes)))


def loss_of(workload):
    plan = make_plan(Request(workload))
    outcome = list(train_trial(resolve(workload), plan.trials[0], plan.recipe, "cpu"))[-1].outcome
    assert outcome.status == "finished", outcome.error
    return outcome.loss


def info_nce(out, _):
    z = F.normalize(out, dim=1)
    return F.cross_entropy(z @ z.roll(1, 0).T / 0.5, torch.arange(len(z), device=z.device))


class Counted(nn.Module):
    """A loss that is an object with weights."""

    def forward(self, out, y):
        return F.cross_entropy(out, y, reduction="none").sum()


@pytest.mark.parametrize(
    "loss", [nn.CrossEntropyLoss(reduction="sum"), Counted(), lambda out, y: F.cross_entropy(out, y) * len(y)]
)
def test_a_sum_is_divided_and_gives_the_mean_s_loss(loss):
    plan = plan_of(loss_fn=loss)
    assert plan.recipe.reduction == "sum"
    assert any("sums over the samples" in note for note in plan.notes)
    assert loss_of(declared(loss_fn=loss)) == pytest.approx(loss_of(declared()), rel=1e-4)


def test_a_sum_over_tokens_is_divided_by_them_and_one_over_samples_is_not():
    class LM(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.embed, self.head = nn.Embedding(11, width), nn.Linear(width, 11)

        def forward(self, x):
            return self.head(self.embed(x))

    rows = torch.randint(11, (300, 17), generator=torch.Generator().manual_seed(0))
    data = TensorDataset(rows[:, :-1], rows[:, 1:])

    def tokens(out, y):
        return F.cross_entropy(out.flatten(0, 1), y.flatten(), reduction="sum")

    def kind(loss):
        return plan_of(model_cls=LM, dataset=data, loss_fn=loss, budgets=(1e7,)).recipe.reduction

    assert kind(tokens) == "token sum"
    assert kind(lambda out, y: tokens(out, y) / y.shape[1]) == "sum"
    assert kind(lambda out, y: tokens(out, y) / y.numel()) == "mean"


@pytest.mark.slow
def test_a_contrastive_loss_is_evaluated_in_training_batches():
    plan = plan_of(loss_fn=info_nce, batch_size=16)
    assert plan.recipe.reduction == "batch"
    assert any("evaluated in batches of 16" in note for note in plan.notes)
    assert loss_of(declared(loss_fn=info_nce, batch_size=16)) < math.log(16) + 0.1
    assert loss_of(declared(loss_fn=info_nce, batch_size=8)) < math.log(8) + 0.1


def test_means_stay_means():
    for loss in (F.cross_entropy, nn.CrossEntropyLoss(label_smoothing=0.1), lambda out, y: out.pow(2).mean()):
        assert plan_of(loss_fn=loss).recipe.reduction == "mean"
    noisy = nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    assert plan_of(model_cls=lambda width: nn.Sequential(noisy, nn.Linear(2, width))).recipe.reduction == "mean"


def test_batches_are_regrouped_without_loss_of_order():
    batches = [(torch.arange(first, first + 5), torch.arange(first, first + 5)) for first in (0, 5, 10)]
    assert [x.tolist() for x, _ in regroup(batches, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [len(x) for x, _ in regroup(batches, 15)] == [15]
    assert [len(x) for x, _ in regroup(batches, 20)] == [15]


def test_a_single_tensor_is_input_and_target():
    plan = plan_of(
        model_cls=lambda width: nn.Sequential(nn.Linear(8, width), nn.Linear(width, 8)),
        dataset=TensorDataset(X),
        loss_fn=F.mse_loss,
    )
    assert plan.unit == "samples"
    assert plan_of(
        model_cls=lambda width: nn.Sequential(nn.Linear(8, width), nn.Linear(width, 8)),
        dataset=DataLoader(X, batch_size=16),
        loss_fn=F.mse_loss,
    ).trials


@pytest.mark.parametrize("name", ["labels", "targets", "y"])
def test_labels_are_passed_on_where_forward_takes_them(name):
    source = f"""
class Own(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = mlp(width)
    def forward(self, x, {name}=None):
        out = self.net(x)
        return out, None if {name} is None else F.cross_entropy(out, {name})
"""
    space = {"nn": nn, "mlp": mlp, "F": F}
    exec(source, space)
    with_labels = declared(model_cls=space["Own"], loss_fn=lambda out, labels: out[1])
    assert make_plan(Request(with_labels)).recipe.pass_labels == name
    assert loss_of(with_labels) == pytest.approx(loss_of(declared()), rel=1e-5)
    without = declared(model_cls=space["Own"], loss_fn=lambda out, labels: F.cross_entropy(out[0], labels))
    assert make_plan(Request(without)).recipe.pass_labels == ""


class Stream(IterableDataset):
    def __iter__(self):
        return ((x, (x.sum() > 0).long()) for x in X)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss_fn": nn.CrossEntropyLoss}, "is the class CrossEntropyLoss; give an instance, CrossEntropyLoss()"),
        ({"loss_fn": None}, "loss_fn is a NoneType"),
        ({"loss_fn": lambda out, y: None}, "loss_fn gave a NoneType; it must give a scalar tensor (width=4, a batch"),
        ({"loss_fn": nn.CrossEntropyLoss(reduction="none")}, "tensor of shape (32,)"),
        ({"dataset": TensorDataset(X.double(), DATA.tensors[1])}, "at width=4, a batch of 32 (inputs float64 (32, 8)"),
        ({"dataset": TensorDataset(X, DATA.tensors[1].float())}, "targets float32 (32,)"),
        ({"dataset": Stream()}, "a stream of 400 samples, of which the first 2,048 are held out"),
        ({"model_kwargs": {"width": 8}}, "model_kwargs sets 'width', the size knob"),
        ({"model_cls": lambda width: mlp(8)}, "width changes nothing: the model has 90 params at each of 4, 8, 16"),
        ({"model_cls": lambda width: mlp(8), "sizes": None}, "width does not change the model"),
        ({"loss_fn": lambda out, y: out.mean() * float("nan")}, "the loss of the untrained model is nan"),
    ],
)
def test_what_cannot_train_is_said_before_the_first_trial(changes, said):
    with pytest.raises((TypeError, ValueError)) as error:
        plan_of(**changes)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_assertion_in_forward_is_said_with_size_and_batch():
    class Strict(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.net = mlp(width)

        def forward(self, x):
            assert x.shape[1] == 16, "sixteen features wanted"
            return self.net(x)

    with pytest.raises(TypeError, match=r"width=4, a batch of 32 .*AssertionError: sixteen features wanted"):
        plan_of(model_cls=Strict)


def outcomes_of(plan, loss, first=1.0):
    return {t.key: Outcome("finished", t.steps, t.samples, t.tokens, t.flops, loss, loss, first) for t in plan.trials}


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (1.5, "(6 no better than untrained). Give larger budgets"),
        (-0.5, "(6 with a loss of zero or below). Add a constant"),
    ],
)
def test_no_optimum_says_the_true_reason(loss, said):
    plan = plan_of()
    assert said in why_no_optimum(analyse(sweep_runs(plan, outcomes_of(plan, loss))))
    assert "no trial has finished" in why_no_optimum(analyse(sweep_runs(plan, {})))
    flat = why_no_optimum(
        analyse(sweep_runs(plan, {t.key: outcomes_of(plan, 0.5 - t.params / 1e4)[t.key] for t in plan.trials}))
    )
    assert "at least three finished sizes" not in flat


def test_a_best_size_beyond_those_measured_is_said():
    plan = plan_of(sizes=(4, 6, 8, 12), budgets=(1e5, 2e5, 4e5))
    outcomes = {
        t.key: Outcome("finished", t.steps, t.samples, t.tokens, t.flops, loss, loss, 9.0)
        for t in plan.trials
        for loss in [0.1 + 40 / t.params**0.5 + 3 / t.tokens**0.5]
    }
    (warning,) = [w for w in analyse(sweep_runs(plan, outcomes)).warnings if w.code == "beyond_sizes"]
    assert "lies above the largest size measured (width 12, 134 params)" in warning.message
