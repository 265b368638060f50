"""Predict the later budgets of published sweeps from their earlier ones: what sized the error of the law itself.

    python benchmarks/later_budgets.py [--data ../shared/data]

The folder holds isoflops_public.csv (experiment, budget, params, tokens, loss) and chinchilla_epoch.csv (Model Size,
Training FLOP, loss). Each sweep is fitted on its first 3, 4, ... budgets and its later minima are predicted; a minimum
is the corrected vertex of a parabola whose interval is below x1.5. Sweeps count alike.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.joint import fit_joint
from flopsfit_tui.fit.search import centred, solve

Array = np.ndarray
DISTANCES = ((1.0, 3.4), (3.4, 11.0), (11.0, 60.0))
SIZES = (0.0, 0.04, 0.06, 0.07, 0.08, 0.10)
LEAST_SPAN, LEAST_RUNS, KNOWN = 4.0, 14, math.log(1.5)  # of the budgets fitted; of runs; of a measured minimum


@dataclass(frozen=True)
class Prediction:
    """One later minimum, in ln N: how far off, and what may be put down to noise."""

    sweep: str
    distance: float  # budget by the largest one fitted
    off: float  # of the law
    off_parabolas: float
    off_bent: float  # of the middle of the band if the law bends, where the score test fires
    noise: float  # half-width of the law's interval by noise alone
    measured: float  # half-width of the minimum's own


def sweeps(folder: Path) -> dict[str, tuple[Array, Array, Array, Array | None]]:
    """N, D, L and planned budgets of each."""
    rows = list(csv.DictReader((folder / "isoflops_public.csv").open()))
    found: dict[str, tuple[Array, Array, Array, Array | None]] = {}
    for name in dict.fromkeys(row["experiment"] for row in rows):
        mine = [row for row in rows if row["experiment"] == name]
        N, D, L, C = (np.array([float(row[key]) for row in mine]) for key in ("params", "tokens", "loss", "budget"))
        found[name] = (N, D, L, C)
    rows = list(csv.DictReader((folder / "chinchilla_epoch.csv").open()))
    N, C, L = (np.array([float(row[key]) for row in rows]) for key in ("Model Size", "Training FLOP", "loss"))
    keep = np.argsort(L)[:-5]
    found["chinchilla, 240 runs"] = (N[keep], C[keep] / 6 / N[keep], L[keep], None)
    return found


def predictions(name: str, N: Array, D: Array, L: Array, C: Array | None) -> tuple[list[Prediction], Array]:
    """Of every later minimum; and of every later run (distance, error of ln L by the law and by the second form)."""
    spent, found, losses = (6 * N * D if C is None else C), [], []
    whole = fit_law(N, D, L, budgets=C, intervals=False)
    edges = [curve.budget for curve in whole.parabolas]
    for first, beyond in pairwise(edges[2:]):
        cut = math.sqrt(first * beyond)
        keep = spent < cut
        fit = fit_law(N[keep], D[keep], L[keep], budgets=None if C is None else C[keep])
        if keep.sum() < LEAST_RUNS or fit.exponent is None or fit.exponent.low is None or fit.law is None:
            continue
        if (fit.largest_budget or 1) < LEAST_SPAN * (fit.smallest_budget or 1):
            continue
        rows = np.flatnonzero(keep)[fit.used]
        data, centre = centred(N[rows], D[rows], L[rows])
        solution = solve(data, None)
        second = fit_joint(solution.theta, solution.weighed(data), centre)
        later = ~keep & (spent < 11 * first)
        if second is not None:
            errors = [np.log(form.loss(N[later], D[later]) / L[later]) for form in (fit.law, second)]
            losses.append(np.column_stack([spent[later] / first, *errors]))
        for curve in whole.parabolas:
            if curve.budget < cut or curve.status != "ok" or curve.vertex is None or not curve.vertex.low:
                continue
            measured = math.log((curve.vertex.high or math.inf) / curve.vertex.low) / 2
            best = fit.predict(curve.budget, method="law")
            if measured > KNOWN or best is None or not best.params_noise_low or not best.params_noise_high:
                continue
            middle = math.log(curve.vertex.value)
            bent = math.nan
            if best.params_bent_low and best.params_bent_high:
                bent = math.log(best.params_bent_low * best.params_bent_high) / 2 - middle
            other = math.log(float(fit.power_laws[0](curve.budget))) - middle if fit.power_laws else math.nan
            half = math.log(best.params_noise_high / best.params_noise_low) / 2
            off = math.log(best.params) - middle
            found.append(Prediction(name, curve.budget / first, off, other, bent, half, measured))
    return found, np.concatenate(losses) if losses else np.zeros((0, 3))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    folder = parser.parse_args().data
    if not (folder / "isoflops_public.csv").exists():
        print(f"{folder} holds no isoflops_public.csv; give the folder as --data")
        return 2
    every: list[Prediction] = []
    for name, columns in sweeps(folder).items():
        found, losses = predictions(name, *columns)
        every += found
        for low, high in DISTANCES[:2]:
            there = losses[(losses[:, 0] >= low) & (losses[:, 0] < high)]
            if len(there):
                law, second = np.sqrt((there[:, 1:] ** 2).mean(axis=0))
                print(f"{name}: losses x{low:g} to {high:g} off by {law:.2%}, by the second form {second:.2%}")
    names = list(dict.fromkeys(one.sweep for one in every))
    for low, high in DISTANCES:
        these = [one for one in every if low <= one.distance * 1.001 < high]
        print(f"\nx{low:g} to {high:g}: {len(these)} minima, rms of ln N", end="")
        for what in ("off", "off_parabolas"):
            print(f", {what} {np.sqrt(np.nanmean([getattr(one, what) ** 2 for one in these])):.3f}", end="")
        both = [(one.off, one.off_bent) for one in these if not math.isnan(one.off_bent)]
        print(
            f"; where bends were found law and bent {np.sqrt(np.mean(np.square(both), axis=0)).round(3)} ({len(both)})"
        )
        for size in SIZES:
            shares = {name: _covered([one for one in these if one.sweep == name], size) for name in names}
            row = "  ".join(f"{name[:12]} {share:.2f}" for name, share in shares.items())
            print(f"  model error {size:.2f}: mean {np.nanmean(list(shares.values())):.2f}   {row}")
    return 0


def _covered(found: list[Prediction], size: float) -> float:
    """The share held by the interval, the measured minimum's own error allowed for; nan for none."""
    held = [
        abs(one.off) <= math.hypot(one.noise, one.measured, 1.96 * size * math.hypot(1, math.log(one.distance)))
        for one in found
    ]
    return float(np.mean(held)) if held else math.nan


if __name__ == "__main__":
    sys.exit(main())
