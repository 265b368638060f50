"""A second form of the law, in which the two terms need not add:

    L = E + ((A / N^alpha)^g + (B / D^beta)^g)^(1/g).

g is 1 for the law itself, larger where runs short of both size and tokens lose less than the sum of the two terms. A
normal prior on ln g (standard deviation 0.2) keeps it near 1 where the runs do not say. The best size is that of a law
with the exponents g alpha and g beta; what changes most is E, and losses away from the runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.huber import SMALLEST_DELTA, adaptive_delta, psi, rho
from flopsfit_tui.fit.law import Interval, Law, Optimum
from flopsfit_tui.fit.leverage import LEAST
from flopsfit_tui.fit.newton import HIGHEST, LOWEST, Data
from flopsfit_tui.fit.quantiles import t_quantile
from flopsfit_tui.fit.quantities import Centre
from flopsfit_tui.fit.scales import to_original_scale

PRIOR = 0.2  # standard deviation of ln g
P = 6
ROUNDS = 5  # of fitting and measuring the noise in turn
STEPS = 100
LOGS = slice(1, P)  # a, b, alpha, beta and g are fitted as logs
BOUND = 30.0  # of their size


@dataclass(frozen=True)
class JointForm:
    """The second form in raw units, with what it says of E, g and losses."""

    law: Law  # E, A, B, alpha and beta; its own sum of terms is not this form's
    g: Interval
    E: Interval
    sigma: float  # robust noise about it, in log loss
    objective: float  # the sum of Huber's loss, in units of the noise, and the prior's share
    t: float = field(repr=False)  # half-width of an interval, in standard errors
    p: Array = field(repr=False)  # (6,) in centred units: e and the logs of a, b, alpha, beta and g
    covariance: Array = field(repr=False)  # (6, 6) of p
    centre: Centre = field(repr=False)

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """Loss at sizes N and tokens D, broadcast against each other."""
        n, d = np.log(np.asarray(N, dtype=np.float64)), np.log(np.asarray(D, dtype=np.float64))
        g = self.g.value
        u, v = math.log(self.law.A) - self.law.alpha * n, math.log(self.law.B) - self.law.beta * d
        return np.asarray(self.law.E + np.exp(np.logaddexp(g * u, g * v) / g))[()]

    def loss_interval(self, N: float, D: float) -> Interval:
        """The loss at one size and so many tokens, with its interval."""
        x, y = np.array([math.log(N) - self.centre.log_params]), np.array([math.log(D) - self.centre.log_tokens])
        slope = _slopes(self.p, Data(x, y, np.zeros(1), np.ones(1)))[0]
        half = self.t * math.sqrt(max(float(slope @ self.covariance @ slope), 0.0))
        value = math.log(float(self.loss(N, D)))
        return to_original_scale("log", value, value - half, value + half)

    def optimum(self, C: float, flops: Cost | None = None) -> Optimum:
        """The size and tokens of the lowest loss that C training FLOPs buy; see Law.optimum."""
        g, law = self.g.value, self.law
        best = Law(0.0, law.A**g, law.B**g, law.alpha * g, law.beta * g).optimum(C, flops)
        loss = float(self.loss(best.params, best.tokens))
        return Optimum(
            best.budget, best.params, None, None, best.tokens, None, None, best.tokens_per_param, loss, None, None
        )


def fit_joint(theta: Array, data: Data, centre: Centre, level: float = 0.95) -> JointForm | None:
    """The second form from a law's own minimum; None where a term is missing or the search ends nowhere.

    theta: (5,) the law in centred units; data: in the units (scale) of its fit.
    """
    if (theta[1:3] <= 0).any():
        return None
    p = np.concatenate([theta[:1], np.log(theta[1:]), [0.0]])
    for _ in range(ROUNDS):
        delta = max(adaptive_delta(_residuals(p, data), P), SMALLEST_DELTA)
        before, p = p, _minimise(p, data, delta)
        if np.abs(p - before).max() < 1e-6:
            break
    covariance, sigma = _covariance(p, data, delta), delta / 1.345
    if not (np.isfinite(p).all() and np.isfinite(covariance).all()):
        return None
    e, (a, b, alpha, beta, g) = float(p[0]), (float(x) for x in np.exp(p[LOGS]))
    raw = math.exp(centre.log_loss)
    law = Law(
        E=raw * e,
        A=raw * a * math.exp(alpha * centre.log_params),
        B=raw * b * math.exp(beta * centre.log_tokens),
        alpha=alpha,
        beta=beta,
    )
    t = t_quantile(level, max(data.x.size - P, 1))
    half_e, half_g = (t * math.sqrt(max(float(covariance[i, i]), 0.0)) for i in (0, 5))
    return JointForm(
        law=law,
        g=to_original_scale("log", math.log(g), math.log(g) - half_g, math.log(g) + half_g),
        E=Interval(law.E, max(raw * (e - half_e), 0.0), raw * (e + half_e)),
        sigma=sigma,
        objective=_objective(p, data, delta),
        t=t,
        p=p,
        covariance=covariance,
        centre=centre,
    )


def _terms(p: Array, data: Data) -> tuple[Array, Array, Array, Array]:
    """ln u, ln v, ln of their joint term, and the law; (n,) each."""
    _, log_a, log_b, log_alpha, log_beta, log_g = p
    g = math.exp(log_g)
    u, v = log_a - math.exp(log_alpha) * data.x, log_b - math.exp(log_beta) * data.y
    joint = np.logaddexp(g * u, g * v) / g
    return u, v, joint, np.maximum(p[0] + np.exp(joint), 1e-300)


def _residuals(p: Array, data: Data) -> Array:
    return np.asarray((data.log_loss - np.log(_terms(p, data)[3])) / data.scale)


def _slopes(p: Array, data: Data) -> Array:
    """d ln q / d (e, ln a, ln b, ln alpha, ln beta, ln g) in units of each point's scale, (n, 6)."""
    u, v, joint, q = _terms(p, data)
    alpha, beta, g = np.exp(p[3:])
    of_u = np.exp(g * (u - joint))
    of_v = np.exp(g * (v - joint))
    m = np.exp(joint)
    columns = [np.ones_like(m), m * of_u, m * of_v, -alpha * data.x * m * of_u, -beta * data.y * m * of_v]
    columns.append(m * (of_u * u + of_v * v - joint))
    return np.asarray(np.column_stack(columns) / np.reshape(q * data.scale, (-1, 1)))


def _objective(p: Array, data: Data, delta: float) -> float:
    sigma = delta / 1.345
    return float(data.weights @ rho(_residuals(p, data), delta)) / sigma**2 + 0.5 * (float(p[5]) / PRIOR) ** 2


def _minimise(p: Array, data: Data, delta: float) -> Array:
    """Levenberg and Marquardt's steps under Huber's weights."""
    sigma, damping, value = delta / 1.345, 1e-3, _objective(p, data, delta)
    low = np.concatenate([[0.0], np.full(2, -BOUND), np.log(LOWEST[3:]), [-1.5]])
    high = np.concatenate([[np.inf], np.full(2, BOUND), np.log(HIGHEST[3:]), [1.5]])
    for _ in range(STEPS):
        r, slopes = _residuals(p, data), _slopes(p, data)
        weights = data.weights * np.minimum(1.0, delta / np.maximum(np.abs(r), 1e-300)) / sigma**2
        gradient = slopes.T @ (weights * r)
        gradient[5] -= p[5] / PRIOR**2
        gram = (slopes * weights[:, None]).T @ slopes
        gram[5, 5] += PRIOR**-2
        step = np.linalg.solve(gram + damping * np.diag(np.diag(gram) + 1e-12), gradient)
        trial = np.clip(p + step, low, high)
        there = _objective(trial, data, delta)
        if there < value:
            small = value - there < 1e-10 * (1 + value)
            p, value, damping = trial, there, damping * 0.2
            if small:
                break
        else:
            damping *= 10
            if damping > 1e10:
                break
    return p


def _covariance(p: Array, data: Data, delta: float) -> Array:
    """Sandwich of (e, logs of the others), the prior counted as one more observation of ln g."""
    r, slopes, sigma = _residuals(p, data), _slopes(p, data), delta / 1.345
    prior = np.zeros((P, P))
    prior[5, 5] = (sigma / PRIOR) ** 2
    whole = np.linalg.pinv(slopes.T @ slopes + prior, hermitian=True)
    leverage = np.minimum(np.einsum("ij,jk,ik->i", slopes, whole, slopes), 1 - LEAST)
    inside = slopes[np.abs(r) <= delta]
    bread = np.linalg.pinv(inside.T @ inside + prior, hermitian=True)
    scores = slopes * (psi(r, delta) / (1 - leverage))[:, None]
    return np.asarray(bread @ (scores.T @ scores + prior * sigma**2) @ bread)
