"""TinyStoriesDataset, where flops-fit has it."""

from flopsfit_tui.workloads.tinystories import TinyStoriesDataset

__all__ = ["TinyStoriesDataset"]
