"""A compiled step is the step; what cannot be compiled trains as it is written, and never fails of it."""

import shutil
from dataclasses import replace

import pytest
import torch
from tiny import Net, make
from torch import nn

from flopsfit_tui.core.events import Note
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.plan.grid import plan_point
from flopsfit_tui.sweep.job import TimeCompiled, Train, run_job
from flopsfit_tui.train import compiled
from flopsfit_tui.train.loop import torch_threads
from flopsfit_tui.train.measure import measure_size
from flopsfit_tui.train.training import Training

RECIPE = Recipe(1e-2, 8, 16)


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture
def compiles_by(monkeypatch):
    """Put a function in the place of torch.compile."""

    def use(made):
        monkeypatch.setattr(compiled, "_compile", made)
        monkeypatch.setattr(compiled, "_COMPILED", {})

    return use


class Noisy(nn.Module):
    """Has random numbers, a buffer and a plain attribute that a pass changes."""

    def __init__(self, width):
        super().__init__()
        self.net, self.norm, self.drop, self.calls = Net(width), nn.BatchNorm1d(8), nn.Dropout(0.2), 0

    def forward(self, x):
        self.calls += 1
        return self.net(self.drop(self.norm(x)))


def losses(workload, steps=5, compiles=False):
    training = Training(workload, 8, 8, 0, RECIPE, "cpu")
    if compiles:
        training.compile()
    return [float(training.step(1.0)) for _ in range(steps)], training


def test_compiling_leaves_no_trace_but_code(compiles_by):
    """Random numbers, buffers, attributes and gradients are as if it had not been done."""
    compiles_by(lambda function, _: function)
    workload = replace(make(), model_cls=Noisy)
    wanted, plain = losses(workload)
    found, training = losses(workload, compiles=True)
    assert found == wanted
    assert training.model.calls == plain.model.calls == 5
    assert training.compiled.problem == ""


def test_what_cannot_be_compiled_trains_as_it_is_written(compiles_by):
    def refuse(*_):
        def call(*_):
            raise RuntimeError("graph break in the model\nwith pages of explanation")

        return call

    compiles_by(refuse)
    found, training = losses(make(), compiles=True)
    assert found == losses(make())[0]
    assert training.compiled.problem == "RuntimeError: graph break in the model"


def test_batches_of_other_shapes_take_the_model_as_it_is_written(compiles_by):
    shapes = []

    def count(function, _):
        def call(model, x, y):
            shapes.append(len(x))
            return function(model, x, y)

        return call

    compiles_by(count)
    training = Training(make(), 8, 8, 0, RECIPE, "cpu")
    training.compile()
    for length in (8, 5, 8):
        training._next = tuple(part[:length] for part in next(training.batches))
        training.step(1.0)
    assert shapes == [8, 8, 8]  # the first to compile
    assert training.compiled.problem == ""
    assert training.compiled.uncompiled == "1 passes, over batches of other shapes"


class Branching(nn.Module):
    """Looks at its data to decide what to do."""

    def __init__(self, width):
        super().__init__()
        self.net = Net(width)

    def forward(self, x):
        y = self.net(x)
        return y * 2 if y.sum() > 0 else y


def train(workload, compiled):
    size = replace(measure_size(workload, 8, next(workload.dataset.batches(2, 0)), 2), compiled=compiled)
    (trial,) = plan_point(4e5, size, 1, 8, 1, RECIPE, "tiny")
    *said, ended = run_job(Train(workload, trial, RECIPE, "cpu"))
    assert ended.outcome.status == "finished", ended.outcome.error
    return ended.outcome.loss, [e.message for e in said if isinstance(e, Note)]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_torch_compiles_a_trial_and_leaves_a_branching_model_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    loss, said = train(make(), compiled=True)
    assert said == []  # nothing of the process was changed by it, and nothing stood in its way
    assert loss == pytest.approx(train(make(), compiled=False)[0], rel=1e-4)
    timing = run_job(TimeCompiled(make(), 8, 8, RECIPE, "cpu"))
    with pytest.raises(StopIteration) as done:
        next(timing)
    assert done.value.value.problem == ""
    assert done.value.value.speedup > 0
    branching = replace(make(), model_cls=Branching)
    loss, said = train(branching, compiled=True)
    assert len(said) == 1
    assert "width 8 was trained uncompiled" in said[0]
    assert loss == train(branching, compiled=False)[0]
    torch._dynamo.reset()


def test_on_cuda_both_passes_are_cuda_graphs(monkeypatch):
    given = []
    monkeypatch.setattr(torch, "compile", lambda _, **more: given.append(more["options"]))
    compiled._compile(len, "cpu")
    compiled._compile(len, "cuda")
    assert given == [{"fallback_random": True}, {"fallback_random": True, "triton.cudagraphs": True}]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_compiled_step_on_a_gpu_gives_the_losses_of_the_step():
    plain, graphed = (Training(make(), 8, 8, 0, RECIPE, "cuda") for _ in range(2))
    graphed.compile()
    assert graphed.compiled.problem == ""
    for _ in range(20):
        assert float(graphed.step(0.1)) == pytest.approx(float(plain.step(0.1)), rel=2e-2)
