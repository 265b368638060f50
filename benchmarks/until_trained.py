"""A grid and a sweep by `--until`, both really trained: `python benchmarks/until_trained.py [--seeds 0 1 2]`.

For each seed the default grid of a workload, then a sweep until the noise interval of N_opt at ten times the largest
budget is within `--factor`, with at most the grid's FLOPs. Printed are FLOPs, seconds of training, N_opt with its noise
interval and the one that is shown (with model error), and when the second sweep was as narrow as the grid in as many
refits in a row as its own stop asks for. Exits with 1 where the two disagree beyond the intervals that are shown.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.options import Options, main_target
from flopsfit_tui.core.trial import Goal, Outcome, Plan, Request
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit.next_trial import interval_factor
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.choose import FEWEST, REFITS
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.sweep.job import Train
from flopsfit_tui.sweep.processes import Processes


class Seeded(Processes):
    """Trains every trial with a seed so much higher than planned."""

    def __init__(self, seed: int) -> None:
        super().__init__(1)
        self._seed = seed

    def start(self, job: Train) -> str:
        return super().start(replace(job, trial=replace(job.trial, seed=job.trial.seed + 1000 * self._seed)))


def swept(request: Request, directory: Path, seed: int) -> list[str]:
    """The keys of the trials in the order in which they finished; a sweep that has been run is read."""
    options = Options(request, out=directory, workers=1)
    executor = Seeded(seed)
    order: list[str] = []
    try:
        sweep = Sweep(prepare(options, executor), options, executor, plots=False)
        order += [event.key for event in sweep if isinstance(event, TrialEnded)]
    finally:
        executor.close()
    record = directory / "order.txt"
    order = (record.read_text().split() if record.is_file() else []) + order
    record.write_text("\n".join(order))
    return order


def row(name: str, plan: Plan, outcomes: dict[str, Outcome]) -> tuple[float, float, float, float]:
    """Print a line; returns the noise interval's factor, N_opt and the ends of the interval that is shown."""
    analysis = analyse(sweep_runs(plan, outcomes), ())
    fit, target = analysis.fit, main_target(plan)
    assert fit is not None
    best = fit.predict(target)
    assert best is not None
    factor, low, high = interval_factor(fit, target), best.params_low or 0.0, best.params_high or float("inf")
    spent, seconds = sum(o.flops for o in outcomes.values()), sum(o.seconds for o in outcomes.values())
    print(
        f"{name:24}{len(outcomes):>7}{format_flops(spent):>10}{seconds:>8.0f}{format_count(best.params):>9}"
        f"   x{factor:<7.3g}{format_count(low)} to {format_count(high)}",
        flush=True,
    )
    return factor, best.params, low, high


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", default="gpt-bytes")
    parser.add_argument("--factor", type=float, default=1.25)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("outputs/until_trained"))
    given = parser.parse_args()
    print(f"{'sweep':24}{'trials':>7}{'FLOPs':>10}{'s':>8}{'N_opt':>9}   {'noise':8}shown", flush=True)
    agree = True
    for seed in given.seeds:
        grid_directory, directory = given.out / f"grid-{seed}", given.out / f"until-{seed}"
        swept(Request(given.workload), grid_directory, seed)
        grid = read_sweep(grid_directory)
        width, theirs, low, high = row(f"grid, seed {seed}", grid.plan, dict(grid.outcomes))
        most = sum(t.flops for t in grid.plan.trials)
        order = swept(Request(given.workload, goal=Goal(given.factor, None, most)), directory, seed)
        stored = read_sweep(directory)
        target, narrow = main_target(stored.plan), 0
        for k in range(FEWEST - REFITS + 1, len(order) + 1):
            some = {key: stored.outcomes[key] for key in order[:k]}
            fit = analyse(sweep_runs(stored.plan, some), ()).fit
            narrow = narrow + 1 if fit is not None and interval_factor(fit, target) <= width else 0
            if narrow >= REFITS and k >= FEWEST:
                row("  as narrow as the grid", stored.plan, some)
                break
        _, best, own_low, own_high = row(f"  until x{given.factor:g}", stored.plan, dict(stored.outcomes))
        agree &= low <= best <= high or own_low <= theirs <= own_high
    sys.exit(not agree)


if __name__ == "__main__":
    main()
