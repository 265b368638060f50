"""GPT, GPTConfig and gpt_loss_fn, where flops-fit has them."""

from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn

__all__ = ["GPT", "GPTConfig", "gpt_loss_fn"]
