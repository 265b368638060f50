"""CIFAR10Dataset, where flops-fit has it."""

from flopsfit_tui.workloads.cifar10 import CIFAR10Dataset

__all__ = ["CIFAR10Dataset"]
