"""The numbers people ask a law for, each as a function of theta on the scale where its error is most nearly normal.

A quantity takes laws theta (R, 5) in centred units and gives (R,) values: a logarithm for what is positive, a logit for
the exponent of N_opt, E as it is. Gradients come from central differences, so each number is defined in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.optimum import best_log_params

STEP = 1e-5


@dataclass(frozen=True)
class Centre:
    """Where the fit put its origin: medians of ln N, ln D and ln L over the points it used."""

    log_params: float
    log_tokens: float
    log_loss: float


@dataclass(frozen=True)
class Quantity:
    """A function of laws, and the scale it answers on: "log", "logit", "loss" or "plain"."""

    of: Callable[[Array], Array]  # (R, 5) -> (R,)
    scale: Literal["log", "logit", "loss", "plain"]


def value_and_gradient(quantity: Quantity, theta: Array) -> tuple[float, Array]:
    """The quantity at one law (5,), and d quantity / d theta there by central differences: (5,)."""
    steps = np.diag(STEP * np.maximum(theta, np.array([1.0, 0, 0, 0, 0])))
    here, ends = np.split(quantity.of(np.concatenate([theta[None], theta + steps, theta - steps])), [1])
    return float(here[0]), np.asarray((ends[:5] - ends[5:]) / (2 * np.diag(steps)))


def parameters(centre: Centre) -> dict[str, Quantity]:
    """E, A, B, alpha and beta in raw units of N, D and L."""
    return {
        "E": Quantity(lambda theta: theta[:, 0] * np.exp(centre.log_loss), "loss"),
        "A": Quantity(lambda theta: np.log(theta[:, 1]) + theta[:, 3] * centre.log_params + centre.log_loss, "log"),
        "B": Quantity(lambda theta: np.log(theta[:, 2]) + theta[:, 4] * centre.log_tokens + centre.log_loss, "log"),
        "alpha": Quantity(lambda theta: np.log(theta[:, 3]), "log"),
        "beta": Quantity(lambda theta: np.log(theta[:, 4]), "log"),
    }


EXPONENT = Quantity(lambda theta: np.log(theta[:, 4]) - np.log(theta[:, 3]), "logit")  # beta / (alpha + beta)


def optimum(centre: Centre, log_budget: float, flops: Cost | None) -> dict[str, Quantity]:
    """params, tokens and loss of the best model for a budget."""

    known: dict[bytes, tuple[Array, Array, Array]] = {}  # the three are asked at the same few laws

    def balance(theta: Array) -> tuple[Array, Array, Array]:
        key = theta.tobytes()
        if key not in known:
            known[key] = solve(theta)
        return known[key]

    def solve(theta: Array) -> tuple[Array, Array, Array]:
        shifted = theta + 0.0
        shifted[:, 1] = np.exp(np.log(theta[:, 1]) + theta[:, 3] * centre.log_params)
        shifted[:, 2] = np.exp(np.log(theta[:, 2]) + theta[:, 4] * centre.log_tokens)
        n, log_cost = best_log_params(shifted, log_budget, flops)
        d = log_budget - log_cost
        u = np.exp(-theta[:, 3] * (n - centre.log_params))
        v = np.exp(-theta[:, 4] * (d - centre.log_tokens))
        return n, d, np.log(theta[:, 0] + theta[:, 1] * u + theta[:, 2] * v) + centre.log_loss

    return {
        "params": Quantity(lambda theta: balance(theta)[0], "log"),
        "tokens": Quantity(lambda theta: balance(theta)[1], "log"),
        "loss": Quantity(lambda theta: balance(theta)[2], "log"),
    }


def mean_log_loss(centre: Centre, log_params: Array, log_tokens: Array, weights: Array) -> Quantity:
    """The mean over some runs, ln N, ln D and weights (adding up to 1) (k,) each, of the log of their loss."""
    x, y = log_params - centre.log_params, log_tokens - centre.log_tokens

    def value(theta: Array) -> Array:
        e, a, b, alpha, beta = theta.T[:, :, None]
        return np.asarray(np.log(e + a * np.exp(-alpha * x) + b * np.exp(-beta * y)) @ weights + centre.log_loss)

    return Quantity(value, "plain")
