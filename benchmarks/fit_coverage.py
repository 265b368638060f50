"""How often the default 95 % intervals hold the truth, and how far diverged trials move the answer.

    python benchmarks/fit_coverage.py [--simulations 200]

Every setting: 5 budgets from 1e18 to 1e20 FLOPs x 7 sizes a factor 1.7 apart, centred on the true optimum; four laws.
Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit import Law, Noise, draw_losses, fit_law

LAWS = {
    "Hoffmann": Law(1.69, 406.4, 410.7, 0.34, 0.28),
    "Besiroglu": Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
    "alpha .6, beta .25": Law(1.5, 3e4, 300.0, 0.6, 0.25),
    "alpha .25, beta .6": Law(0.8, 60.0, 1e5, 0.25, 0.6),
}
BUDGETS = np.geomspace(1e18, 1e20, 5)
NUMBERS = ("exponent", "N at 10x", "N at 100x", "loss at 100x")


@dataclass(frozen=True)
class Setting:
    """A kind of noise, and what the intervals must cover under it."""

    name: str
    noise: Noise
    seeds: int = 1
    diverged: int = 0  # trials of each sweep, by +10 %
    pooled: tuple[float, float] = (0.0, 1.0)
    worst: float = 0.90
    factor: float | None = None  # bound on the median factor off N_opt at 100x, over all simulations


SETTINGS = (
    Setting("noise 0.5 %", Noise(0.005), pooled=(0.93, 0.98)),
    Setting("noise 2 %", Noise(0.02), pooled=(0.93, 0.98)),
    Setting("noise 0.5 %, 2 of 35 diverged", Noise(0.005), diverged=2, pooled=(0.91, 1.0), factor=1.08),
    Setting("noise 2 %, 2 of 35 diverged", Noise(0.02), diverged=2, pooled=(0.91, 1.0)),
    Setting("3 seeds of 0.5 %, points share 0.5 %", Noise(0.005, 0.005), seeds=3, pooled=(0.90, 1.0)),
    Setting("3 seeds of 0.5 %, points share 2 %", Noise(0.005, 0.02), seeds=3, pooled=(0.90, 1.0)),
)


def grid(law: Law, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """N and D of a sweep."""
    best = np.array([law.optimum(C).params for C in BUDGETS])
    N = np.outer(best, 1.7 ** np.arange(-3.0, 4.0))
    D = BUDGETS[:, None] / (6 * N)
    return np.repeat(N.ravel(), seeds), np.repeat(D.ravel(), seeds)


def simulate(law: Law, setting: Setting, rng: np.random.Generator) -> tuple[list[bool], float]:
    """Whether each interval holds the truth, and ln of the factor off N_opt at 100x."""
    N, D = grid(law, setting.seeds)
    L = draw_losses(law, N, D, setting.noise, rng)
    L[rng.choice(N.size, setting.diverged, replace=False)] *= 1.1
    fit = fit_law(N, D, L)
    hits = [fit.exponent.low <= law.exponent <= fit.exponent.high]
    for times in (10, 100):
        found, truth = fit.predict(times * BUDGETS[-1]), law.optimum(times * BUDGETS[-1])
        hits.append(found.params_low <= truth.params <= found.params_high)
    hits.append(found.loss_low <= truth.loss <= found.loss_high)
    return hits, float(np.log(found.params / truth.params))


def study(setting: Setting, simulations: int) -> bool:
    """Print one setting; whether its bounds hold."""
    print(f"\n{setting.name}\n  {'law':20}" + "".join(f"{name:>14}" for name in NUMBERS) + f"{'factor off N':>14}")
    shares, offs = [], []
    for i, (name, law) in enumerate(LAWS.items()):
        rng = np.random.default_rng([i, SETTINGS.index(setting)])
        hits, off = zip(*(simulate(law, setting, rng) for _ in range(simulations)), strict=True)
        shares.append(np.mean(hits, axis=0))
        offs.append(np.abs(off))
        factor = float(np.exp(np.median(offs[-1])))
        print(f"  {name:20}" + "".join(f"{share:14.3f}" for share in shares[-1]) + f"{factor:14.3f}")
    promised = np.array(shares)[:, :3]  # of the exponent and N; the loss is shown beside them
    pooled, worst, factor = float(promised.mean()), float(promised.min()), float(np.exp(np.median(offs)))
    good = setting.pooled[0] <= pooled <= setting.pooled[1] and worst >= setting.worst
    good &= setting.factor is None or factor <= setting.factor
    print(f"  pooled {pooled:.3f}, worst {worst:.3f}, median factor {factor:.3f}: {'good' if good else 'MISSED'}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=200, help="of each law in each setting")
    simulations = parser.parse_args().simulations
    start = time.perf_counter()
    good = [study(setting, simulations) for setting in SETTINGS]
    print(f"\n{sum(good)} of {len(good)} settings good, {time.perf_counter() - start:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
