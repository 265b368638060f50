"""A workload around any model whose losses are drawn from a known law: for trying a script before it costs anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from flopsfit_tui.core.trial import Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.fit import Law
from flopsfit_tui.fit.simulate import Noise, draw_loss

# Chinchilla's law as fitted again by Besiroglu et al. (arXiv 2404.10102, table 1).
LAW = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
NOISE = Noise(per_trial=0.005)


class NoData:
    """A Source that is only counted."""

    samples = None
    tokens_per_sample = 1
    fingerprint = "mock"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        """Nothing is drawn in a mock sweep."""
        raise AssertionError(f"a mock sweep draws no batch of {batch_size} (seed {seed})")

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        """Two samples without content, to be looked at and counted."""
        yield torch.zeros(min(2, batch_size), 1), torch.zeros(min(2, batch_size))


RATE = 1e-3  # the peak learning rate at which the losses are the law's
OFF_RATE = 0.005  # of the loss, for the first factor two between a trial's rate and the best; four times that at x4


def mock(
    name: str,
    model_cls: Callable[..., Any],
    model_size_param: str,
    model_kwargs: Mapping[str, Any],
    learning_rate: float = RATE,
) -> Workload:
    """The model's own sizes, built on the `meta` device, at 6N FLOPs a token; losses of Chinchilla's law with noise.

    learning_rate: the peak at which they are; trials at another one lose a little.
    """

    def flops_per_token(size: int) -> float:
        with torch.device("meta"):
            model = model_cls(**{model_size_param: size}, **model_kwargs)
        return float(6 * sum(p.numel() for p in model.parameters() if p.requires_grad))

    return Workload(
        name=name,
        model_cls=model_cls,
        model_size_param=model_size_param,
        model_kwargs=model_kwargs,
        dataset=NoData(),
        val_dataset=NoData(),
        loss_fn=_no_loss,
        unit="tokens",
        batch_size=1,
        learning_rate=learning_rate,
        scale_learning_rate=False,
        first_guess=lambda budget: LAW.optimum(budget).params,
        flops_per_sample=flops_per_token,
        simulate=partial(simulate, best_rate=learning_rate),
        settings={"mock": str(LAW)},
        notes=("mock: losses drawn from Chinchilla's law with 0.5 % noise, 6N FLOPs a token; nothing is trained",),
    )


def simulate(trial: Trial, best_rate: float = RATE, noise: Noise = NOISE) -> float:
    """The law's loss for a trial, nats a token, and what it loses by its learning rate."""
    loss = draw_loss(LAW, trial.params, trial.tokens, noise, seed=0, trial=trial.seed, budget=trial.budget)
    return loss * (1 + OFF_RATE * math.log2(trial.learning_rate / best_rate) ** 2)


def _no_loss(output: Any, target: Any) -> Any:
    raise AssertionError(f"a mock sweep takes no loss of {output!r} and {target!r}")
