"""The GPT is causal, starts at the uniform loss, and says what it refuses."""

import math

import pytest
import torch

from flopsfit_tui.workloads.gpt import GPT, GPTConfig, alibi_bias, gpt_loss_fn


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = GPT(GPTConfig(16, num_layers=2, num_heads=2, vocab_size=32, max_seq_len=12))
    torch.nn.init.normal_(model.head.weight)
    return model


def test_shapes_and_both_outputs(model):
    tokens = torch.randint(32, (3, 12))
    logits, loss = model(tokens)
    assert logits.shape == (3, 12, 32)
    assert loss is None
    following = torch.randint(32, (3, 12))
    logits, loss = model(input_ids=tokens, labels=following)
    assert torch.equal(loss, gpt_loss_fn((logits, None), following))


def test_labels_that_are_the_inputs_are_moved_by_one(model):
    tokens = torch.randint(32, (3, 12))
    shifted = gpt_loss_fn((model(tokens)[0][:, :-1], None), tokens[:, 1:])
    assert torch.equal(model(tokens, labels=tokens.clone())[1], shifted)
    padded = tokens.masked_fill(torch.arange(12) > 8, -100)
    logits = model(tokens)[0]
    assert torch.allclose(model(tokens, labels=padded)[1], gpt_loss_fn((logits[:, :8], None), tokens[:, 1:9]))


def test_a_token_never_sees_its_future(model):
    tokens = torch.randint(32, (1, 12))
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 32
    before, after = model(tokens)[0], model(changed)[0]
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-3)


def test_an_untrained_model_is_uniform():
    model = GPT(GPTConfig(8, 2, 2, 256))
    tokens = torch.randint(256, (2, 64))
    assert model(tokens, tokens)[1].item() == pytest.approx(math.log(256), rel=1e-6)


def test_alibi_falls_by_its_slope():
    bias = alibi_bias(GPTConfig(4, num_heads=2, max_seq_len=4, alibi_slopes=(1.0, 0.25)))
    assert bias.shape == (1, 2, 4, 4)
    assert bias[0, :, 3].tolist() == [[-3, -2, -1, 0], [-0.75, -0.5, -0.25, 0]]
    assert bias[0, 0, 0].tolist() == [0] + [-math.inf] * 3


def test_default_slopes_are_the_papers():
    assert GPTConfig(8, num_heads=8).slopes == tuple(2.0**-i for i in range(1, 9))


def test_num_params_counts_every_weight(model):
    assert model.num_params() == 2 * (12 * 16 * 16 + 2 * 16) + 2 * 32 * 16 + 16


def test_gradients_reach_every_parameter(model):
    tokens = torch.randint(32, (2, 12))
    model(tokens, tokens)[1].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_gain_before_the_head_multiplies_what_its_first_steps_do():
    tokens = torch.randint(32, (4, 12), generator=torch.manual_seed(0))
    moved = []
    for gain in (1.0, 4.0):
        torch.manual_seed(0)
        model = GPT(GPTConfig(16, num_layers=1, num_heads=2, vocab_size=32, max_seq_len=12, head_gain=gain))
        model(tokens, tokens)[1].backward()
        torch.optim.Adam([model.head.weight], lr=1e-3).step()
        moved.append(model(tokens)[0].detach())
    assert moved[0].std() > 1e-3
    assert torch.allclose(moved[1], 4 * moved[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gain_that_no_head_can_have_is_refused(gain):
    with pytest.raises(ValueError, match="head_gain=.* give a positive number"):
        GPTConfig(8, num_heads=2, head_gain=gain)


@pytest.mark.parametrize("d", [0, 15, -2])
def test_a_width_that_does_not_divide_by_the_heads_is_refused(d):
    with pytest.raises(ValueError, match=f"d_model={d} does not divide by num_heads=2; give a positive multiple of 2"):
        GPTConfig(d, num_heads=2)


def test_wrong_slopes_and_long_sequences_are_refused(model):
    with pytest.raises(ValueError, match="give one a head"):
        GPTConfig(8, num_heads=2, alibi_slopes=(1.0,))
    with pytest.raises(ValueError, match="longer than max_seq_len=12"):
        model(torch.zeros(1, 13, dtype=torch.int64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_blocks_start_orthogonal_with_queries_of_zero(dtype):
    torch.set_default_dtype(dtype)
    try:
        model = GPT(GPTConfig(16, num_layers=2, num_heads=2, vocab_size=32, max_seq_len=12))
    finally:
        torch.set_default_dtype(torch.float32)
    for block in model.blocks:
        project, up, down = (part.weight.detach().float() for part in (block.project, block.up, block.down))
        assert torch.equal(block.qkv.weight[:16], torch.zeros(16, 16, dtype=dtype))
        assert block.qkv.weight[16:].std() > 0.1
        assert torch.allclose(project @ project.T, torch.eye(16) / 4, atol=0.02)
        assert torch.allclose(up.T @ up, 4 * torch.eye(16), atol=0.1)
        assert torch.allclose(down @ down.T, torch.eye(16) / 4, atol=0.02)
