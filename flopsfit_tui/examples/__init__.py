"""The models and data sets that come with the package, and two scripts that sweep them, under flops-fit's names.

    python -m flopsfit_tui.examples.example_programmatic    a GPT, with TinyStories
    python -m flopsfit_tui.examples.example_vit_cifar       a vision transformer, with CIFAR-10

Both draw losses from a known law, in seconds and without a network; `--real` trains.
"""

from __future__ import annotations

from flopsfit_tui.workloads.cifar10 import CIFAR10Dataset
from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn
from flopsfit_tui.workloads.tinystories import TinyStoriesDataset
from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn

__all__ = [
    "GPT",
    "CIFAR10Dataset",
    "GPTConfig",
    "TinyStoriesDataset",
    "VisionTransformer",
    "gpt_loss_fn",
    "vit_loss_fn",
]
