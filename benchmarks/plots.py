"""How long plotext takes for the app's plots: 35 points, parabolas and law curves, 2,400 points, 60 loss curves.

    OMP_NUM_THREADS=1 python benchmarks/plots.py [--width 120] [--height 40] [--repeat 20]

Each is drawn from series as the app has them, in the same process, after one drawing that imports plotext. Exits with
1 where the median misses its bound, which leaves a key's plot room for its 200 ms while two workers train.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from large_sweep import make_plan
from terminal import load

from flopsfit_tui.core.events import SweepStarted
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.answer.analysis import Analysis, analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.report.plots.series import isoflop_series, loss_series, residual_series, scaling_series
from flopsfit_tui.report.plots.terminal import isoflop_law_plot, isoflop_plot, loss_plot, residual_plot, scaling_plot
from flopsfit_tui.report.plots.viewport import PLAIN, WHOLE, View

BOUND_MS = 100.0


def analysed(plan: Plan) -> Analysis:
    """The plan's trials with losses of a known law and a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.01, len(plan.trials))
    outcomes = {}
    for trial, off in zip(plan.trials, noise, strict=True):
        loss = 1.7 + 400 / trial.params**0.34 + 410 / trial.tokens**0.28 + off
        outcomes[trial.key] = Outcome("finished", trial.steps, trial.samples, trial.tokens, trial.flops, loss)
    return analyse(sweep_runs(plan, outcomes))


def training(plan: Plan, curves: int, points: int, running: int) -> SweepState:
    """A sweep of which `curves` trials have a noisy loss curve of `points`; the last few run."""
    state, random = SweepState(), np.random.default_rng(0)
    state.apply(SweepStarted(plan, {}, 2, {}))
    for i, trial in enumerate(plan.trials[:curves]):
        now = state.trials[trial.key]
        now.status = "running" if i >= curves - running else "pending"
        steps = np.unique(np.geomspace(1, trial.steps, points).astype(int))
        losses = 2 + 6 * steps**-0.25 * (trial.budget / 1e15) ** -0.03 + random.normal(0, 0.04, steps.size)
        for step, loss in zip(steps.tolist(), losses.tolist(), strict=True):
            now.history.append(step, loss)
    return state


def cases(width: int) -> dict[str, Callable[[View], Callable[[int], str]]]:
    """What is drawn, by name: view -> height -> text."""
    small, large = make_plan(5, 7, 1, steps=5000), make_plan(40, 20, 3, steps=5000)
    few, many = analysed(small), analysed(large)
    curves, dots = isoflop_series(few), isoflop_series(many)
    sixty = make_plan(5, 12, 1, steps=5000)
    state, ended = training(sixty, 60, 120, running=2), training(sixty, 60, 120, running=0)
    losses = loss_series(sixty, state.trials.values(), width)
    finished = loss_series(sixty, ended.trials.values(), width)
    return {
        "35 points, parabolas": lambda view: lambda h: isoflop_plot(curves, width, h, DARK, view),
        "35 points, law curves": lambda view: lambda h: isoflop_law_plot(curves, width, h, DARK, view),
        "scaling law, band": lambda view: lambda h: scaling_plot(scaling_series(few), width, h, DARK, view),
        "2,400 trials, 40 parabolas": lambda view: lambda h: isoflop_plot(dots, width, h, DARK, view),
        "800 residuals": lambda view: lambda h: residual_plot(residual_series(many), width, h, DARK, view),
        "60 loss curves, 2 running": lambda view: lambda h: loss_plot(losses, width, h, DARK, view),
        "60 loss curves, all ended": lambda view: lambda h: loss_plot(finished, width, h, DARK, view),
    }


def main() -> int:
    """Print the times; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--width", type=int, default=120)
    parser.add_argument("--height", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=20)
    given = parser.parse_args()
    begun = time.perf_counter()
    import plotext  # noqa: F401

    print(f"import plotext: {1000 * (time.perf_counter() - begun):.0f} ms   ({load()})")
    worst = 0.0
    views = {"whole": PLAIN, "zoomed": View(WHOLE.zoomed(1.5**4)), "linear x": View(flip_x_scale=True)}
    for name, make in cases(given.width).items():
        found = []
        for view in views.values():
            taken = []
            for _ in range(given.repeat):
                begun = time.perf_counter()
                text = make(view)(given.height)
                taken.append(1000 * (time.perf_counter() - begun))
                assert text.count("\n") == given.height - 1, text
            found.append(statistics.median(taken))
        worst = max(worst, *found)
        print(f"{name:28}" + "  ".join(f"{view} {ms:5.1f} ms" for view, ms in zip(views, found, strict=True)))
    print(f"longest median {worst:.0f} ms (bound {BOUND_MS:.0f}) at {given.width} x {given.height}   ({load()})")
    return int(math.isnan(worst) or worst > BOUND_MS)


if __name__ == "__main__":
    sys.exit(main())
