"""Chinchilla's sweep in seconds: a GPT's own sizes and FLOPs, and losses from the published law."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from flopsfit_tui.core.trial import Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.fit.simulate import Noise
from flopsfit_tui.workloads import mock
from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn

LAYERS = 12
CONTEXT = 1024
VOCABULARY = 32_000
NOISE = Noise(per_trial=0.003)
PACE = 0.005  # seconds at each of a trial's twenty or so losses, so that the user sees it run


class NoText:
    """A Source with the shape of text, and nothing in it: for counting FLOPs."""

    samples = None
    tokens_per_sample = CONTEXT
    fingerprint = "no text"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Raises AssertionError: nothing is trained."""
        raise AssertionError(f"a simulated sweep draws no batch of {batch_size} (seed {seed})")

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """One batch of zeros."""
        tokens = torch.zeros(batch_size, CONTEXT, dtype=torch.int64)
        yield tokens, tokens


def make_gpt(d_model: int) -> GPT:
    """Twelve layers; the width alone takes it from 10 million params to 155 billion."""
    return GPT(GPTConfig(d_model, num_layers=LAYERS, num_heads=8, vocab_size=VOCABULARY, max_seq_len=CONTEXT))


def flops_per_sample(d_model: int) -> float:
    """Training FLOPs a sequence: what counting gives, without counting twelve layers (1 s a size).

    Forward, each weight below the head once and attention's T x T twice (queries by keys, and by values), two FLOPs a
    multiply-add; backward twice as many.
    """
    layers = 12 * d_model**2 + 2 * CONTEXT * d_model  # multiply-adds a token of each layer
    return 6.0 * CONTEXT * (LAYERS * layers + VOCABULARY * d_model)


def simulate(trial: Trial) -> float:
    """The law's loss with its noise, nats a token, after a moment."""
    time.sleep(PACE)
    return mock.simulate(trial, noise=NOISE)


def workload() -> Workload:
    """simulated: five of the nine budgets of Chinchilla's own sweep (arXiv 2203.15556, figure 3)."""
    law = mock.LAW
    return Workload(
        name="simulated",
        model_cls=make_gpt,
        model_size_param="d_model",
        dataset=NoText(),
        val_dataset=NoText(),
        loss_fn=gpt_loss_fn,
        unit="tokens",
        batch_size=256,
        learning_rate=mock.RATE,
        scale_learning_rate=False,
        sizes=tuple(range(128, 32769, 128)),
        budgets=(6e18, 3e19, 1e20, 6e20, 3e21),
        first_guess=lambda budget: law.optimum(budget).params,
        flops_per_sample=flops_per_sample,
        simulate=simulate,
        settings={"law": str(law), "noise": str(NOISE)},
        notes=(
            "nothing is trained: losses are drawn from Chinchilla's law, "
            f"L = {law.E:g} + {law.A:g} / N^{law.alpha:g} + {law.B:g} / D^{law.beta:g}, with 0.3 % noise",
        ),
    )
