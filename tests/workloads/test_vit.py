"""The ViT gives logits, starts at the uniform loss, sees every patch, and says what it refuses."""

import math

import pytest
import torch

from flopsfit_tui.workloads.vit import VisionTransformer, cut_patches, vit_loss_fn


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = VisionTransformer(16, image_size=8, patch_size=4, num_classes=5, num_layers=2, num_heads=4)
    torch.nn.init.normal_(model.head.weight)
    return model


def test_images_to_logits(model):
    logits = model(torch.randn(3, 3, 8, 8))
    assert logits.shape == (3, 5)
    assert vit_loss_fn(logits, torch.tensor([0, 4, 2])).shape == ()


def test_the_defaults_are_for_cifar():
    model = VisionTransformer()
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 10)
    assert model.num_params() == 6 * (12 * 256**2 + 2 * 256) + (48 + 64) * 256 + 256 + 10 * 257


def test_mlp_dim_is_four_widths_or_what_is_said():
    assert VisionTransformer(16, num_heads=2).blocks[0].up.weight.shape == (64, 16)
    assert VisionTransformer(16, num_heads=2, mlp_dim=24).blocks[0].up.weight.shape == (24, 16)


def test_an_untrained_model_is_uniform():
    model = VisionTransformer(16, num_heads=2, num_classes=7)
    loss = vit_loss_fn(model(torch.randn(4, 3, 32, 32)), torch.randint(7, (4,)))
    assert loss.item() == pytest.approx(math.log(7), rel=1e-6)


def test_a_gain_before_the_head_multiplies_what_its_first_steps_do():
    images, labels = torch.randn(4, 3, 8, 8, generator=torch.manual_seed(0)), torch.tensor([0, 1, 2, 3])
    moved = []
    for gain in (1.0, 3.0):
        torch.manual_seed(0)
        model = VisionTransformer(16, 8, 4, num_classes=5, num_layers=1, num_heads=2, head_gain=gain)
        vit_loss_fn(model(images), labels).backward()
        torch.optim.Adam([model.head.weight], lr=1e-3).step()
        moved.append(model(images).detach())
    assert moved[0].std() > 1e-3
    assert torch.allclose(moved[1], 3 * moved[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan, math.inf])
def test_a_gain_that_no_head_can_have_is_refused(gain):
    with pytest.raises(ValueError, match="head_gain=.* give a positive number"):
        VisionTransformer(16, num_heads=2, head_gain=gain)


def test_patches_are_the_images_own_squares():
    images = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    patches = cut_patches(images, 4)
    assert patches.shape == (2, 4, 48)
    assert torch.equal(patches[1, 2].view(3, 4, 4), images[1, :, 4:, :4])  # second row, first column


def test_every_patch_counts_and_so_does_its_place(model):
    image = torch.randn(1, 3, 8, 8)
    before = model(image)
    for row in (0, 4):
        for column in (0, 4):
            changed = image.clone()
            changed[:, :, row : row + 4, column : column + 4] += 1
            assert not torch.allclose(model(changed), before, atol=1e-4)
    assert not torch.allclose(model(image.roll(4, dims=3)), before, atol=1e-5)


def test_gradients_reach_every_parameter(model):
    vit_loss_fn(model(torch.randn(4, 3, 8, 8)), torch.randint(5, (4,))).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("d", [0, 12, -8])
def test_a_width_that_does_not_divide_by_the_heads_is_refused(d):
    with pytest.raises(
        ValueError, match=f"embed_dim={d} does not divide by num_heads=8; give a positive multiple of 8"
    ):
        VisionTransformer(d)


def test_images_that_do_not_divide_by_the_patches_are_refused(model):
    with pytest.raises(
        ValueError, match="image_size=32 does not divide by patch_size=5; give a positive multiple of 5"
    ):
        VisionTransformer(16, patch_size=5)
    with pytest.raises(ValueError, match=r"shape \(1, 3, 16, 16\); this model takes \(B, 3, 8, 8\)"):
        model(torch.randn(1, 3, 16, 16))
