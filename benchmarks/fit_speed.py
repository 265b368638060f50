"""How fast the law is refitted, beside scipy's BFGS with the gradient in the same process.

    OMP_NUM_THREADS=1 python benchmarks/fit_speed.py [--runs ../shared/data/chinchilla_epoch.csv]

Without the reference runs, 240 simulated ones take their place. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from row import Repetition, Row, seconds
from scipy.optimize import minimize

from flopsfit_tui.fit import Law, cost_of_tokens, fit_law
from flopsfit_tui.fit.bootstrap import bootstrap
from flopsfit_tui.fit.huber import psi, rho
from flopsfit_tui.fit.newton import Data
from flopsfit_tui.fit.search import centred, solve
from flopsfit_tui.report.files.read_runs import read_runs

LAW = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
DELTA = 1e-3
RUNS = Path(__file__).resolve().parents[2] / "shared" / "data" / "chinchilla_epoch.csv"


def scipy_fit(start: np.ndarray, data: Data, weights: np.ndarray) -> np.ndarray:
    """One fit by BFGS in (ln e, ln a, ln b, alpha, beta), from the same start and with the exact gradient."""

    def objective(p: np.ndarray) -> tuple[float, np.ndarray]:
        e, a, b = np.exp(p[:3])
        u, v = a * np.exp(-p[3] * data.x), b * np.exp(-p[4] * data.y)
        q = e + u + v
        r = data.log_loss - np.log(q)
        pull = -weights * psi(r, DELTA) / q
        slopes = np.array([e * pull.sum(), pull @ u, pull @ v, -pull @ (data.x * u), -pull @ (data.y * v)])
        return float(weights @ rho(r, DELTA)), slopes

    logs = np.concatenate([np.log(start[:3]), start[3:]])
    return np.asarray(minimize(objective, logs, jac=True, method="BFGS").x)


def best_of(times: int, action: Callable[[], object]) -> float:
    """The shortest of several runs, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def reference(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if path.exists():
        runs = read_runs(path)
        keep = np.argsort(runs.losses)[:-5]
        return runs.params[keep], runs.tokens[keep], runs.losses[keep]
    print(f"{path} is not there: simulated runs instead")
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(np.log(5e7), np.log(1e10), 240)), np.exp(rng.uniform(np.log(1e9), np.log(2e11), 240))
    return N, D, LAW.loss(N, D) * np.exp(0.005 * rng.normal(size=240))


def sweep_of_35() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    C = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    N = np.concatenate([LAW.optimum(c).params * 1.7 ** np.arange(-3.0, 4.0) for c in C[::7]])
    D = C / (6 * N)
    return N, D, LAW.loss(N, D) * np.exp(0.005 * np.random.default_rng(0).normal(size=35))


def against_scipy(data: Data) -> bool:
    """1,000 refits of resampled runs by both, from the same start."""
    theta = solve(data, DELTA).theta
    ours = best_of(3, lambda: bootstrap(theta, data, DELTA, np.random.default_rng(0), resamples=1000))
    count = data.x.size
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=1000).astype(float)
    theirs = best_of(1, lambda: [scipy_fit(theta, data, row) for row in weights])
    print(f"1,000 refits of {count} runs, delta 1e-3: {ours:.3f} s, scipy's BFGS {theirs:.2f} s, x{theirs / ours:.0f}")
    return theirs >= 15 * ours


def _by_scipy() -> Repetition:
    """scipy's time for 100 refits of 240 runs by ours for 1,000, times ten."""
    data = centred(*reference(RUNS))[0]
    theta = solve(data, DELTA).theta
    count = data.x.size
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=100).astype(float)

    def repeat() -> float:
        ours = seconds(lambda: bootstrap(theta, data, DELTA, np.random.default_rng(0), resamples=1000))
        return 10 * seconds(lambda: [scipy_fit(theta, data, row) for row in weights]) / ours

    return repeat


def rows() -> Iterator[Row]:
    """For the table of `python -m benchmarks`."""
    yield Row("1,000 refits of 240 runs: scipy's BFGS with gradient by ours", 30.0, True, "", _by_scipy)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=RUNS)
    N, D, L = reference(parser.parse_args().runs)
    good = [against_scipy(centred(N, D, L)[0])]
    N, D, L = sweep_of_35()
    small = centred(N, D, L)[0]
    found = solve(small, None)

    def refits(kind: str) -> None:
        bootstrap(found.theta, small, found.delta, np.random.default_rng(0), kind=kind, resamples=10000)

    for kind in ("pairs", "wild"):
        taken = best_of(3, partial(refits, kind))
        print(f"refits of 35 runs, {kind} bootstrap: {10000 / taken:,.0f} a second")
        good.append(10000 / taken >= 10000)
    measured = fit_law(N, D, L, flops=cost_of_tokens(N, 6 * N + 900 * N**0.5))
    for name, action, limit in (
        ("fit_law on 35 runs, with intervals", lambda: fit_law(N, D, L), 0.05),
        ("a prediction with intervals", lambda: measured.predict(1e22), 0.02),
    ):
        taken = best_of(20, action)
        print(f"{name}: {1000 * taken:.1f} ms")
        good.append(taken < limit)
    print(f"{sum(good)} of {len(good)} good")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
