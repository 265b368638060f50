"""Quilts are endless, drawn by seed alone, and nobody can do better than their Bayes loss."""

from itertools import islice

import pytest
import torch

from flopsfit_tui.workloads import resolve
from flopsfit_tui.workloads.textures import CLASSES, NOISE, SIDE, TILE, VOCABULARY, TextureQuilts


@pytest.fixture(scope="module")
def quilts():
    return TextureQuilts()


def taken(batches, images):
    drawn = []
    for batch in batches:
        drawn.append(batch)
        if sum(len(labels) for _, labels in drawn) >= images:
            break
    return torch.cat([x for x, _ in drawn])[:images], torch.cat([y for _, y in drawn])[:images]


def read_tiles(quilts, images):
    """The texture that is nearest to each tile: what a perfect eye sees."""
    tiles = images.view(-1, 3, SIDE, TILE, SIDE, TILE).permute(0, 2, 4, 1, 3, 5).reshape(len(images), SIDE**2, -1)
    return torch.cdist(tiles, quilts.textures.flatten(1)).argmin(-1)


def test_images_and_labels(quilts):
    images, labels = next(quilts.batches(32, seed=0))
    assert images.shape == (32, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert labels.min() >= 0
    assert labels.max() < CLASSES


def test_a_seed_gives_its_images_at_every_batch_size(quilts):
    one, other = taken(quilts.batches(7, seed=3), 200), taken(quilts.batches(100, seed=3), 200)
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], taken(quilts.batches(7, seed=4), 200)[0])
    assert len(one[0].flatten(1).unique(dim=0)) == 200


def test_held_out_images_are_always_the_same_and_never_trained_on(quilts):
    held_out = quilts.held_out(100)
    assert held_out.samples == 100
    first, again = list(held_out.once(64)), list(held_out.once(64))
    assert [len(y) for _, y in first] == [64, 36]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(first[0][0], x) for seed in range(5) for x, _ in islice(quilts.batches(64, seed), 1))


def test_all_classes_occur_about_as_often(quilts):
    labels = quilts.logits(quilts._tiles(20_000, torch.Generator().manual_seed(0))).softmax(1)
    assert labels.mean(0).min() > 0.05
    assert labels.mean(0).max() < 0.2


def test_a_perfect_eye_attains_the_bayes_loss(quilts):
    """Every texture can be recognised through the noise, so the entropy given the tiles is the lowest loss."""
    images, labels = taken(quilts.batches(256, seed=5), 1000)
    tiles = read_tiles(quilts, images)
    noise = (
        images.view(-1, 3, SIDE, TILE, SIDE, TILE).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        - quilts.textures[tiles.flatten()]
    )
    assert noise.std().item() == pytest.approx(NOISE, rel=0.01)  # a tile read wrongly would leave more than noise
    loss = torch.nn.functional.cross_entropy(quilts.logits(tiles), labels)
    bayes, error = quilts.bayes_loss()
    assert error < 0.002
    assert loss.item() == pytest.approx(bayes, abs=0.08)  # 3 standard errors
    assert len(tiles.unique()) > 0.5 * VOCABULARY  # the rare ones do occur


def test_textures_differ_by_far_more_than_the_noise(quilts):
    apart = torch.cdist(quilts.textures.flatten(1), quilts.textures.flatten(1)).fill_diagonal_(torch.inf)
    assert apart.min() / 2 > 6 * NOISE  # six standard deviations to the border between the nearest two


def test_vit_textures_declares_what_it_is():
    workload = resolve("vit-textures")
    assert workload.unit == "images"
    assert workload.dataset.samples is None
    assert workload.dataset.tokens_per_sample == 1
    assert "0.485" in workload.notes[0]
