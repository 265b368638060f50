"""Fit the law to losses that somebody else measured: any CSV with columns for N, D (or FLOPs) and loss.

    python examples/fit_published_runs.py runs.csv 1e24
    flopsfit-tui fit runs.csv --target 1e24             the same from the command line

Without arguments it fits a small sweep drawn from a known law, to show how near the truth the answer comes.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from flopsfit_tui.fit import Fit, Law, fit_law
from flopsfit_tui.fit.simulate import Noise, draw_losses
from flopsfit_tui.report.files.read_runs import read_runs

TRUTH = Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)  # Hoffmann et al. 2022, arXiv 2203.15556, equation 10


def write_known_runs(path: Path) -> Path:
    """Five budgets of seven sizes each around the optimum, with half a per cent of noise, as a CSV."""
    budgets = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    centre = np.array([TRUTH.optimum(float(c)).params for c in budgets])
    N = centre * np.tile(np.geomspace(0.25, 4, 7), 5)
    D = budgets / (6 * N)
    losses = draw_losses(TRUTH, N, D, Noise(per_trial=0.005), np.random.default_rng(0))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["params", "tokens", "loss"])
        writer.writerows(zip(N, D, losses, strict=True))
    return path


def run(path: Path, target: float = 1e22) -> Fit:
    """Fit the runs in a CSV and print the law and the optimum at a target budget, in FLOPs."""
    runs = read_runs(path)
    fit = fit_law(runs.params, runs.tokens, runs.losses, flops=runs.cost)
    print(f"{fit.points} runs: {fit.law}")
    if fit.exponent:
        a = fit.exponent
        print(f"N_opt grows as C^{a.value:.3f}, 95 % interval {a.low:.3f} to {a.high:.3f}")
    best = fit.predict(target)
    if best:
        print(f"at {target:g} FLOPs: {best.params:.3g} params ({best.params_low:.3g} to {best.params_high:.3g})")
        print(f"trained on {best.tokens:.3g} tokens, for a loss of {best.loss:.3f}")
    for warning in fit.warnings:
        print(f"! {warning.message}")
    return fit


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Fit a scaling law to published runs.")
    parser.add_argument("csv", nargs="?", type=Path, help="columns for N, D or FLOPs, and loss")
    parser.add_argument("target", nargs="?", type=float, default=1e22, help="a budget in FLOPs")
    given = parser.parse_args()
    run(given.csv or write_known_runs(Path("known_runs.csv")), given.target)


if __name__ == "__main__":
    main()
