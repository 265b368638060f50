"""The built-in models' fused blocks give what torch's modules give, and step back where they must."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from flopsfit_tui.workloads.block import Block, run_blocks
from flopsfit_tui.workloads.cross_entropy import cross_entropy
from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn
from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn


def blocks_of(d, heads, layers=2):
    torch.manual_seed(0)
    blocks = nn.ModuleList(Block(d, heads, 4 * d) for _ in range(layers))
    norm = nn.LayerNorm(d, bias=False)
    for p in [*blocks.parameters(), *norm.parameters()]:
        nn.init.normal_(p, std=0.3)
    return blocks, norm


def causal(heads, T):
    return torch.randn(1, heads, T, T).masked_fill(torch.ones(T, T).triu(1) > 0, -torch.inf)


def by_modules(x, blocks, norm, bias):
    for block in blocks:
        x = block(x, bias)
    return norm(x)


@pytest.mark.parametrize(("B", "T", "d", "heads", "biased"), [(3, 64, 8, 2, True), (5, 16, 12, 3, False)])
def test_values_and_gradients_are_those_of_torchs_modules(B, T, d, heads, biased):
    blocks, norm = blocks_of(d, heads)
    weights = [*blocks.parameters(), *norm.parameters()]
    x, bias = torch.randn(B, T, d, requires_grad=True), causal(heads, T) if biased else None
    weigh = torch.randn(B, T, d)
    found = run_blocks(x, blocks, norm, bias)
    assert "FusedBlocks" in type(found.grad_fn).__name__
    grads = torch.autograd.grad((found * weigh).sum(), [x, *weights])
    exact = by_modules(x, blocks, norm, bias)
    wanted = torch.autograd.grad((exact * weigh).sum(), [x, *weights])
    assert torch.allclose(found, exact, atol=1e-5)
    for mine, theirs in zip(grads, wanted, strict=True):
        assert torch.allclose(mine, theirs, atol=2e-5 * float(theirs.abs().max()) + 1e-6)


def test_a_layer_that_was_changed_is_called():
    blocks, norm = blocks_of(8, 2)
    x, bias = torch.randn(2, 16, 8), causal(2, 16)
    called = []
    hook = blocks[1].up.register_forward_hook(lambda *_: called.append("up"))
    run_blocks(x, blocks, norm, bias)
    hook.remove()
    assert called == ["up"]
    blocks[0].down = nn.Sequential(blocks[0].down, nn.Dropout(0.0))  # as an adapter puts itself in a layer's place
    assert torch.allclose(run_blocks(x, blocks, norm, bias), by_modules(x, blocks, norm, bias))
    long = torch.randn(1, 65, 8, requires_grad=True)
    assert "FusedBlocks" not in type(run_blocks(long, *blocks_of(8, 2)).grad_fn).__name__


def test_cross_entropy_is_torchs():
    logits, labels = torch.randn(40, 9, requires_grad=True), torch.randint(9, (40,))
    for given in (labels, labels.masked_fill(torch.arange(40) > 30, -100)):
        mine, theirs = cross_entropy(logits, given), F.cross_entropy(logits, given)
        assert mine.item() == pytest.approx(theirs.item(), rel=1e-6)
        (g,), (wanted,) = (torch.autograd.grad(3 * loss, logits, retain_graph=True) for loss in (mine, theirs))
        (again,) = torch.autograd.grad(mine, logits)
        assert torch.allclose(g, wanted, atol=1e-7)
        assert torch.allclose(3 * again, wanted, atol=1e-7)
    with pytest.raises(IndexError, match="out of bounds"):
        cross_entropy(logits, labels + 9)


def _gpt():
    model = GPT(GPTConfig(8, 2, 2, 256, 64))
    tokens = torch.randint(256, (8, 65))
    return model, tokens[:, :-1], lambda out: gpt_loss_fn(out, tokens[:, 1:])


def _vit():
    model = VisionTransformer(8, image_size=32, patch_size=8, num_layers=2, num_heads=2)
    labels = torch.randint(10, (16,))
    return model, torch.randn(16, 3, 32, 32), lambda out: vit_loss_fn(out, labels)


class Kernels(TorchDispatchMode):
    """Counts torch's calls below autograd that are no views."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def kernels(make, by_modules):
    model, inputs, loss_of = make()
    if by_modules:
        model.blocks[0].up.register_forward_hook(lambda *_: None)  # which brings torch's modules back
    with Kernels() as kernels:
        loss_of(model(inputs)).backward()
    return kernels.count


@pytest.mark.parametrize(("make", "most"), [(_gpt, 92), (_vit, 88)])
def test_a_step_makes_no_more_calls_than_now(make, most):
    """A count stands for time here: a narrow model's step is spent on calls."""
    assert 40 < kernels(make, False) <= min(most, kernels(make, True))


@pytest.mark.parametrize("make", [_gpt, _vit])
def test_flops_made_are_flops_counted(make):
    """On the meta device torch's own modules are counted: the same products as those made here."""
    model, inputs, loss_of = make()
    counts = []
    for hooked in (False, True):  # a hook on a layer brings torch's modules back
        hook = model.blocks[0].up.register_forward_hook(lambda *_: None) if hooked else None
        with (
            FlopCounterMode(display=False) as counter,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            loss_of(model(inputs)).backward()
        counts.append(counter.get_total_flops())
        if hook:
            hook.remove()
    assert counts[0] == counts[1] > 0
