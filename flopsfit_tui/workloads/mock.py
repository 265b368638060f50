"""A workload around any model whose losses are drawn from a known law: for trying a script before it costs anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


def mock(name: str, model_cls: Callable[..., Any], model_size_param: str, model_kwargs: Mapping[str, Any]) -> Workload:
    """The model's own sizes, built on the `meta` device, at 6N FLOPs a token; losses of Chinchilla's law with noise."""

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
        learning_rate=1e-3,
        scale_learning_rate=False,
        first_guess=lambda budget: LAW.optimum(budget).params,
        flops_per_sample=flops_per_token,
        simulate=simulate,
        settings={"mock": str(LAW)},
        notes=("mock: losses drawn from Chinchilla's law with 0.5 % noise, 6N FLOPs a token; nothing is trained",),
    )


def simulate(trial: Trial) -> float:
    """The law's loss for a trial, nats a token."""
    return draw_loss(LAW, trial.params, trial.tokens, NOISE, seed=0, trial=trial.seed, budget=trial.budget)


def _no_loss(output: Any, target: Any) -> Any:
    raise AssertionError(f"a mock sweep takes no loss of {output!r} and {target!r}")
