"""N and F(N) are what the model says, not a rule of thumb."""

import pytest
import torch
from tiny import make

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.measure import measure_size
from flopsfit_tui.train.model import build_model, count_params
from flopsfit_tui.workloads import resolve


@pytest.mark.parametrize("width", [8, 24])
def test_params_and_flops_equal_the_analytic_count_of_an_mlp(width):
    workload = make()
    size = measure_size(workload, width, next(workload.dataset.batches(2, 0)), tokens=2)
    assert size.params == (8 + 1) * width + (width + 1) * width + (width + 1) * 4
    # forward, gradient of the weights, and gradient of the inputs, which the first layer does not need
    assert size.flops_per_token == 2 * (2 * 8 * width + 3 * width * width + 3 * width * 4)


@pytest.mark.parametrize("d", [8, 40])
def test_flops_of_a_gpt_equal_the_analytic_count_with_attention(d):
    workload = resolve("gpt-bytes")
    T, V, layers = 64, 256, 2
    size = measure_size(workload, d, next(workload.dataset.batches(2, 0)), tokens=2 * T)
    matmuls = layers * 12 * d * d + V * d  # multiply-adds a token of every matrix but the embedding, which is looked up
    attention = layers * 2 * T * d  # scores and mixing, unmasked
    assert size.flops_per_token == 6 * (matmuls + attention)
    assert size.params == layers * (12 * d * d + 2 * d) + 2 * V * d + d


def test_measuring_takes_no_memory():
    """A model of 400 GB is measured on the meta device."""

    class Huge(torch.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.a = torch.nn.Linear(8, width)
            self.b = torch.nn.Linear(width, 4)

        def forward(self, x):
            return self.b(self.a(x))

    tiny = make()
    workload = Workload(**{**vars(tiny), "model_cls": Huge})
    size = measure_size(workload, 8 * 10**9, next(tiny.dataset.batches(2, 0)), 2)
    assert size.params == 13 * 8 * 10**9 + 4


def test_shared_parameters_count_once():
    model = torch.nn.Module()
    model.a = torch.nn.Linear(4, 4, bias=False)
    model.b = torch.nn.Linear(4, 4, bias=False)
    model.b.weight = model.a.weight
    model.frozen = torch.nn.Parameter(torch.zeros(7), requires_grad=False)
    assert count_params(model) == 16


def test_a_size_that_the_model_refuses_is_named():
    with pytest.raises(ValueError, match="refuses width=7: width=7 is odd"):
        build_model(make(), 7)


def test_a_model_without_the_knob_is_named():
    with pytest.raises(TypeError, match="could not be made with {'depth': 4}"):
        build_model(Workload(**{**vars(make()), "model_size_param": "depth"}), 4)


def test_what_is_no_module_is_named():
    with pytest.raises(TypeError, match="gave a dict; it must give a torch.nn.Module"):
        build_model(Workload(**{**vars(make()), "model_cls": dict}), 4)
