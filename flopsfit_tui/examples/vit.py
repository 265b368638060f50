"""VisionTransformer and vit_loss_fn, where flops-fit has them."""

from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn

__all__ = ["VisionTransformer", "vit_loss_fn"]
