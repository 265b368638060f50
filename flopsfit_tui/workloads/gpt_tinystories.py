"""gpt-bytes' model and recipe on TinyStories, as bytes; the recipe was measured there, not here."""

from __future__ import annotations

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.workloads import gpt_bytes
from flopsfit_tui.workloads.gpt import gpt_loss_fn
from flopsfit_tui.workloads.tinystories import TinyStoriesDataset

MAX_BYTES = 100_000_000  # of the two gigabytes: more than any default budget trains on


def workload() -> Workload:
    """gpt-tinystories; streams 100 MB of stories when first used."""
    train = TinyStoriesDataset("train", gpt_bytes.CONTEXT, tokenizer_name="bytes", max_tokens=MAX_BYTES)
    return Workload(
        name="gpt-tinystories",
        model_cls=gpt_bytes.make_gpt,
        model_size_param="d_model",
        dataset=train,
        val_dataset=train.held_out(gpt_bytes.HELD_OUT_WINDOWS),
        loss_fn=gpt_loss_fn,
        unit="tokens",
        batch_size=8,
        learning_rate=gpt_bytes.LEARNING_RATE,
        warmup_steps=gpt_bytes.WARMUP_STEPS,
        betas=gpt_bytes.BETAS,
        weight_decay=gpt_bytes.WEIGHT_DECAY,
        base_size=gpt_bytes.BASE_SIZE,
        sizes=tuple(range(4, 1025, 4)),
        budgets=(1.5e10, 3e10, 6e10, 1.2e11, 2.4e11),
        points=7,
        first_guess=gpt_bytes.first_guess,
        settings={"layers": 2, "heads": 2, "context": gpt_bytes.CONTEXT, "held_out": gpt_bytes.HELD_OUT_WINDOWS},
        notes=(f"TinyStories' first {MAX_BYTES / 1e6:.0f} MB, as bytes, in {train.cache_dir}",),
    )
