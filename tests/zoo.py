"""Models of the kinds that people bring, small enough for tests, each as a Workload that a file would declare."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from flopsfit_tui import Workload

DRAW = torch.Generator().manual_seed(0)
VOCABULARY, CONTEXT = 24, 12


def points(count: int = 4000) -> TensorDataset:
    """Points in eight dimensions, labelled by the sign of a wave."""
    x = torch.randn(count, 8, generator=DRAW)
    return TensorDataset(x, (torch.sin(3 * x.sum(1)) + 0.5 * x[:, 0] > 0).long())


def images(count: int = 600, size: int = 16) -> TensorDataset:
    """Noise with faint stripes, labelled by their direction and width; some labels are wrong."""
    labels = torch.randint(4, (count,), generator=DRAW)
    x = torch.randn(count, 3, size, size, generator=DRAW)
    places = torch.arange(size)
    for i, label in enumerate(labels.tolist()):
        stripes = 0.8 * torch.sin(places * (0.8 if label < 2 else 1.8))
        x[i] += stripes if label % 2 else stripes[:, None]
    wrong = torch.rand(count, generator=DRAW) < 0.1
    return TensorDataset(x, torch.where(wrong, torch.randint(4, (count,), generator=DRAW), labels))


def colours(count: int = 800) -> TensorDataset:
    """Small noisy images, labelled by their brightest colour, some of them wrongly."""
    labels = torch.randint(4, (count,), generator=DRAW)
    x = torch.randn(count, 3, 8, 8, generator=DRAW)
    for i, label in enumerate(labels.tolist()):
        x[i, label % 3] += 3 * (label < 3)
    wrong = torch.rand(count, generator=DRAW) < 0.2
    return TensorDataset(x, torch.where(wrong, torch.randint(4, (count,), generator=DRAW), labels))


def sentences(count: int = 800) -> Tensor:
    """Rows of tokens, each mostly the one before it plus a step that the row keeps."""
    steps = torch.randint(1, 4, (count, 1), generator=DRAW)
    rows = (torch.randint(VOCABULARY, (count, 1), generator=DRAW) + steps * torch.arange(CONTEXT + 1)) % VOCABULARY
    noise = torch.rand(rows.shape, generator=DRAW) < 0.1
    return torch.where(noise, torch.randint(VOCABULARY, rows.shape, generator=DRAW), rows)


class ConvNet(nn.Module):
    """Two convolutions with BatchNorm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3, channels, 3, 2, 1), nn.BatchNorm2d(channels), nn.ReLU()),
            *(nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.BatchNorm2d(2 * channels), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, 4)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Recurrent(nn.Module):
    """A language model whose output weights are its embedding's."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Linear(hidden, VOCABULARY, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.lstm(self.embed(tokens))[0])


class Deep(nn.Module):
    """A residual MLP of a given depth."""

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(8, 16), nn.Linear(16, 2)
        self.blocks = nn.ModuleList(nn.Linear(16, 16) for _ in range(num_layers))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + F.relu(block(x))
        return self.head(x)


PRESETS = {"tiny": (4, 1), "small": (8, 1), "base": (16, 2), "large": (32, 2)}


class Preset(nn.Module):
    """An MLP by the name of its size."""

    def __init__(self, preset: str) -> None:
        super().__init__()
        width, depth = PRESETS[preset]
        self.net = nn.Sequential(
            *(nn.Linear(8, width), nn.ReLU()),
            *(layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())),
            nn.Linear(width, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Shaped(nn.Module):
    """An MLP by its (depth, width)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        depth, width = shape
        self.net = nn.Sequential(
            *(nn.Linear(8, width), nn.ReLU()),
            *(layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())),
            nn.Linear(width, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def hugging_face(n_embd: int) -> nn.Module:
    """A GPT-2 with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(n_embd=n_embd, n_layer=1, n_head=2, vocab_size=VOCABULARY, n_positions=CONTEXT + 1)
    )


def mobilenet(width_mult: float) -> nn.Module:
    """torchvision's, for four classes."""
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(
        width_mult=width_mult, num_classes=4, dropout=0.0, norm_layer=partial(nn.BatchNorm2d, momentum=0.5)
    )


def lm_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Nats a token."""
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def cnn() -> Workload:
    """A CNN with BatchNorm."""
    return declare("cnn", ConvNet, "channels", images(2000), F.cross_entropy, (1e8, 2e8, 4e8), (2, 4, 8, 16))


def lstm() -> Workload:
    """An LSTM with tied weights."""
    rows = sentences()
    return declare(
        "lstm", Recurrent, "hidden", TensorDataset(rows[:, :-1], rows[:, 1:]), lm_loss, (5e7, 1e8, 2e8), (4, 8, 16, 32)
    )


def gpt2() -> Workload:
    """Hugging Face's GPT-2, which takes its own loss when it is given labels."""
    return declare(
        *("gpt2", hugging_face, "n_embd", TensorDataset(sentences()[:, :CONTEXT]), lambda out, labels: out.loss),
        *((5e7, 1e8, 2e8), (4, 8, 16, 32)),
    )


def mobile() -> Workload:
    """A fractional knob."""
    return declare(
        *("mobilenet", mobilenet, "width_mult", colours(), F.cross_entropy, (1e9, 2e9), (0.1, 0.2, 0.35)),
        batch_size=16,
        learning_rate=3e-3,
        scale_learning_rate=False,
    )


def depth() -> Workload:
    """A knob that is a number of layers, without sizes."""
    return declare("depth", Deep, "num_layers", points(), F.cross_entropy, (1e7, 2e7, 4e7))


def presets() -> Workload:
    """Sizes by name."""
    return declare("presets", Preset, "preset", points(), F.cross_entropy, (2e6, 4e6, 8e6), tuple(PRESETS))


def shapes() -> Workload:
    """Sizes that are tuples."""
    return declare(
        "shapes", Shaped, "shape", points(), F.cross_entropy, (2e6, 4e6, 8e6), ((1, 4), (1, 8), (2, 16), (2, 32))
    )


def declare(
    name: str, model: Any, knob: str, data: Any, loss: Any, budgets: Any, sizes: Any = None, **further: Any
) -> Workload:
    """A Workload in the order in which the others name its parts."""
    return Workload(
        name=name,
        model_cls=model,
        model_size_param=knob,
        dataset=data,
        loss_fn=loss,
        budgets=budgets,
        sizes=sizes,
        **further,
    )
