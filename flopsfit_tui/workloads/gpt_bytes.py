"""The default workload: a two-layer GPT on the bytes of Python's own sources; constants measured on two cores."""

from __future__ import annotations

import math

from flopsfit_tui.core.trial import RateRule
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn
from flopsfit_tui.workloads.stdlib_bytes import load_corpus
from flopsfit_tui.workloads.windows import TokenWindows

CONTEXT = 64
HELD_OUT_WINDOWS = 1024  # 65,536 bytes: their sampling error is shared by all trials, so it moves E, not the optimum
LEARNING_RATE = RateRule(6.8e-2, -0.2)  # of embeddings and the head; hidden matrices get 4 / d_model of it
BASE_SIZE = 4
BETAS = (0.7, 0.95)  # trials of 150 to 5,500 steps are short: with 0.9 the wide models of each budget lose 4 %
WEIGHT_DECAY = 0.03  # 0.1 costs the narrow ones up to 1.4 %, whose rate is the highest; 0 is as good
WARMUP_STEPS = 100  # with 40 losses are 0.3 % higher


def make_gpt(d_model: int) -> GPT:
    """Two layers, two heads, ALiBi slopes 1 and 1/4: learned or sinusoidal positions were 0.12 to 0.24 nats worse."""
    return GPT(GPTConfig(d_model, 2, 2, vocab_size=256, max_seq_len=CONTEXT, alibi_slopes=(1.0, 0.25), head_gain=2.0))


def first_guess(budget: float) -> float:
    """N_opt measured from 1.5e10 to 2.4e11 FLOPs: 16k to 50k."""
    return 0.115 * math.sqrt(budget)


def workload() -> Workload:
    """gpt-bytes, on the sources of the Python that runs it."""
    corpus = load_corpus()
    return Workload(
        name="gpt-bytes",
        model_cls=make_gpt,
        model_size_param="d_model",
        dataset=TokenWindows(corpus.train, CONTEXT, corpus.fingerprint),
        val_dataset=TokenWindows(corpus.held_out, CONTEXT, corpus.fingerprint, limit=HELD_OUT_WINDOWS),
        loss_fn=gpt_loss_fn,
        unit="tokens",
        batch_size=8,  # 16 was 0.06 to 0.10 nats worse at equal FLOPs
        learning_rate=LEARNING_RATE,
        warmup_steps=WARMUP_STEPS,
        betas=BETAS,
        weight_decay=WEIGHT_DECAY,
        base_size=BASE_SIZE,
        sizes=tuple(range(4, 1025, 4)),
        budgets=(1.5e10, 3e10, 6e10, 1.2e11, 2.4e11),
        points=7,
        first_guess=first_guess,
        settings={
            "layers": 2,
            "heads": 2,
            "context": CONTEXT,
            "alibi": [1.0, 0.25],
            "held_out": HELD_OUT_WINDOWS,
        },
        notes=(corpus.note,),
    )
