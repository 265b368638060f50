"""How often intervals, score test and vertices are right: where the law is true, and where it is not.

    python benchmarks/fit_coverage.py [--sims 300] [--designs 5x7,8x9] [--noises "0.5 %,t3"] [--deltas adaptive,1e-3]

Without options a short form that ends within a minute. Each cell is a design, a noise and a delta; its simulations take
the laws in turn. Worlds are in coverage_grid.py. Exits with 1 where a bound is missed by more than chance explains.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from coverage_grid import DESIGNS, LAWS, NOISES, Truth, wrong_truths

from flopsfit_tui.fit import Fit, fit_law
from flopsfit_tui.fit.huber import psi
from flopsfit_tui.fit.leverage import curvature, leverages
from flopsfit_tui.fit.newton import residuals
from flopsfit_tui.fit.quantities import EXPONENT, value_and_gradient
from flopsfit_tui.fit.search import centred

SHORT_SIMS = 12
SHORT = {"designs": "5x7,8x9", "noises": "0.5 %,~N^.5,5 % diverged", "deltas": "adaptive,1e-3"}
MOST_FALSE_ALARMS, LEAST_CELL, LEAST_VERTEX, WIDEST, POOLED = 0.05, 0.90, 0.90, 1.03, (0.93, 0.98)

Case = tuple[str, str, float | None]  # design, noise, delta


@dataclass
class Cell:
    """What the simulations of one cell came to."""

    exponent: list[bool] = field(default_factory=list)  # whether the interval held the truth
    at_10x: list[bool] = field(default_factory=list)  # of N_opt, by noise alone
    headline: list[bool] = field(default_factory=list)  # of N_opt at 10x, with the law's own error
    alarms: list[bool] = field(default_factory=list)  # whether the score test spoke
    vertices: list[bool] = field(default_factory=list)
    off: list[float] = field(default_factory=list)  # ln N_opt at 10x, less the truth
    ratios: list[float] = field(default_factory=list)  # of the exponent's standard error by the plain HC3's


def simulate(cell: Cell, truth: Truth, design: str, noise: str, delta: float | None, rng: np.random.Generator) -> None:
    """One more sweep in this world."""
    N, D = DESIGNS[design](truth.law, rng)
    L = np.exp(truth.log_loss(N, D) + NOISES[noise](N, D, rng))
    fit = fit_law(N, D, L, delta=delta)
    target = 10 * float(fit.largest_budget or 0)
    best, right = fit.predict(target), truth.best(target)
    if best is None or fit.exponent is None or fit.exponent.low is None or fit.exponent.high is None:
        return
    cell.exponent.append(fit.exponent.low <= truth.law.exponent <= fit.exponent.high)
    cell.at_10x.append(_holds(best.params_noise_low, best.params_noise_high, right))
    cell.headline.append(_holds(best.params_low, best.params_high, right))
    cell.alarms.append(fit.misfit is not None)
    cell.off.append(math.log(best.params) - right)
    for curve in fit.parabolas:
        if curve.status == "ok" and curve.vertex is not None:
            cell.vertices.append(_holds(curve.vertex.low, curve.vertex.high, truth.best(curve.budget)))
    if delta is None and not fit.outliers.any():
        cell.ratios.append(_against_plain(fit, N, D, L))


def _holds(low: float | None, high: float | None, log_value: float) -> bool:
    return low is None or high is None or low <= math.exp(log_value) <= high


def _against_plain(fit: Fit, N: np.ndarray, D: np.ndarray, L: np.ndarray) -> float:
    """The exponent's standard error by that of HC3 with one share inside delta for all points, unweighted."""
    data, theta, delta = centred(N, D, L)[0], fit.theta, fit.delta
    assert theta is not None
    assert delta is not None
    pull = psi(residuals(theta[None], data)[0], delta)
    slopes, inverse = curvature(theta, data)
    share = max(float(np.mean(np.abs(pull) < delta)), 1e-3)
    half = (slopes * (pull / (1 - leverages(theta, data)))[:, None]) @ inverse / share
    _, gradient = value_and_gradient(EXPONENT, theta)
    plain = math.sqrt(float(gradient @ half.T @ half @ gradient))
    ours = fit.spread.matrices  # type: ignore[union-attr]
    return math.sqrt(max(float(gradient @ matrix @ gradient) for matrix in ours)) / plain


def true_law(designs: list[str], noises: list[str], deltas: list[float | None], sims: int) -> dict[Case, Cell]:
    cells: dict[Case, Cell] = {}
    for design in designs:
        for noise in noises:
            for delta in deltas:
                rng = np.random.default_rng([len(design), sum(map(ord, design + noise))])
                cell = cells[design, noise, delta] = Cell()
                for i in range(sims):
                    law = list(LAWS.values())[i % len(LAWS)]
                    simulate(cell, Truth("law", law), design, noise, delta, rng)
            print(_row(f"{design}, {noise}", [cells[design, noise, delta] for delta in deltas]), flush=True)
    return cells


def _row(name: str, cells: list[Cell]) -> str:
    shares = [f"{np.mean(c.exponent):.3f} {np.mean(c.at_10x):.3f}" for c in cells]
    first = cells[0]
    return (
        f"  {name:26}" + "".join(f"{share:>14}" for share in shares) + f"   alarms {np.mean(first.alarms):.3f}"
        f"  vertices {np.mean(first.vertices):.3f}  rms ln N {np.sqrt(np.mean(np.square(first.off))):.3f}"
    )


def wrong(designs: list[str], sims: int) -> None:
    """Truths that are not the law: how often that is said, and what the headline then covers."""
    print("\nnot the law, noise 0.5 %: detected, N_opt at 10x covered by noise alone, with model error; rms ln N")
    for k, name in enumerate(truth.name for truth in wrong_truths(LAWS["Hoffmann"])):
        for design in designs:
            rng, cell = np.random.default_rng([7, k]), Cell()
            for i in range(sims):
                truth = wrong_truths(list(LAWS.values())[i % len(LAWS)])[k]
                simulate(cell, truth, design, "0.5 %", None, rng)
            print(
                f"  {name:24}{design:16}{np.mean(cell.alarms):6.2f}{np.mean(cell.at_10x):8.2f}"
                f"{np.mean(cell.headline):8.2f}{np.sqrt(np.mean(np.square(cell.off))):8.3f}",
                flush=True,
            )


def verdicts(cells: dict[Case, Cell], deltas: list[float | None]) -> Iterator[bool]:
    """Print each bound beside what was measured; whether it holds, give or take three standard errors."""
    for delta in deltas:
        here = {key: cell for key, cell in cells.items() if key[2] == delta}
        shares = {(*key, what): getattr(cell, what) for key, cell in here.items() for what in ("exponent", "at_10x")}
        pooled = float(np.mean([np.mean(hits) for hits in shares.values()]))
        worst = min(shares, key=lambda key: float(np.mean(shares[key])))
        low = float(np.mean(shares[worst]))
        margin = 3 * math.sqrt(LEAST_CELL * (1 - LEAST_CELL) / len(shares[worst]))
        good = POOLED[0] - margin / 3 <= pooled <= POOLED[1] + margin / 3 and low >= LEAST_CELL - margin
        print(f"delta {delta or 'adaptive'}: pooled {pooled:.3f}, worst {low:.3f} ({', '.join(map(str, worst))})", good)
        yield good
        alarms = {key: cell.alarms for key, cell in here.items()}
        most = max(alarms, key=lambda key: float(np.mean(alarms[key])))
        high = float(np.mean(alarms[most]))
        margin = 3 * math.sqrt(MOST_FALSE_ALARMS * (1 - MOST_FALSE_ALARMS) / len(alarms[most]))
        mean = float(np.mean([np.mean(one) for one in alarms.values()]))
        good = mean <= MOST_FALSE_ALARMS and high <= MOST_FALSE_ALARMS + margin
        print(f"  false alarms: mean {mean:.3f}, most {high:.3f} ({most[0]}, {most[1]})", good)
        yield good
    adaptive = {key: cell for key, cell in cells.items() if key[2] == deltas[0]}
    vertices = [hit for cell in adaptive.values() for hit in cell.vertices]
    least = min(adaptive, key=lambda key: float(np.mean(adaptive[key].vertices)))
    good = float(np.mean(vertices)) >= LEAST_VERTEX
    low = float(np.mean(adaptive[least].vertices))
    print(f"vertices: pooled {np.mean(vertices):.3f}, worst {low:.3f} ({least[0]}, {least[1]})", good)
    yield good
    ratios = [ratio for key, cell in adaptive.items() if key[1] in ("0.5 %", "2 %") for ratio in cell.ratios]
    if ratios:
        good = float(np.median(ratios)) <= WIDEST
        print(f"width at equal noise: x{np.median(ratios):.3f} of the plain HC3's", good)
        yield good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sims", type=int, help="of each cell")
    parser.add_argument("--designs", help=", ".join(DESIGNS).replace("%", "%%"))
    parser.add_argument("--noises", help=", ".join(NOISES).replace("%", "%%"))
    parser.add_argument("--deltas", help="adaptive, or numbers")
    given = parser.parse_args()
    long = given.sims is not None
    everything = {
        "designs": ",".join(DESIGNS), "noises": ",".join(NOISES), "deltas": "adaptive,1e-2,3e-3,1e-3"
    }  # fmt: skip
    usual = everything if long else SHORT
    designs, noises, names = ((getattr(given, key) or usual[key]).split(",") for key in ("designs", "noises", "deltas"))
    deltas = [None if name == "adaptive" else float(name) for name in names]
    sims: int = given.sims or SHORT_SIMS
    start = time.perf_counter()
    print(f"the law is true: {sims} sweeps a cell; exponent and N_opt at 10x held, for delta {', '.join(names)}")
    cells = true_law(designs, noises, deltas, sims)
    wrong([design for design in designs if design in ("5x7", "8x9")], sims if not long else max(sims // 3, 1))
    print()
    good = list(verdicts(cells, deltas))
    print(f"{sum(good)} of {len(good)} bounds hold, {time.perf_counter() - start:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
