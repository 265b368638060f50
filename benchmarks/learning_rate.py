"""How far the best learning rate moves with width, with and without scaling it by fan-in.

    python benchmarks/learning_rate.py [--flops 1e11]

gpt-bytes at widths 16 and 64, seven rates each, both ways, at 1e11 FLOPs a trial: 28 trials, some ten minutes on two
cores.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.plan.grid import plan_point
from flopsfit_tui.report.text.table import table
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.run import run_sweep

WIDTHS = (16, 64)
FACTORS = tuple(2.0**k for k in range(-4, 3))  # of the planned rate


def grid(plan: Plan, scaled: bool) -> tuple[Plan, dict[tuple[Setting, float], str]]:
    """The plan's sizes at every rate; and the key of the trial of each width and factor."""
    recipe = plan.recipe if scaled else replace(plan.recipe, base_size=None)
    budget, batch_size = plan.budgets[0], plan.trials[0].batch_size
    trials, keys = [], {}
    for factor in FACTORS:
        for size in (s for s in plan.sizes if s.size in WIDTHS):
            of_rate = replace(recipe, learning_rate=recipe.learning_rate * factor)
            (trial,) = plan_point(budget, size, 1, batch_size, plan.tokens_per_sample, of_rate, f"scaled {scaled}")
            trials.append(trial)
            keys[size.size, factor] = trial.key
    return replace(plan, recipe=recipe, trials=tuple(trials)), keys


def main(budget: float) -> None:
    """Train the grid both ways and print its losses and the best rate of each width."""
    executor = Processes()
    try:
        plan = make_plan(Request("gpt-bytes", budgets=(budget,), sizes=WIDTHS), executor)
        for scaled in (False, True):
            these, keys = grid(plan, scaled)
            ended = (e for e in run_sweep(these, "gpt-bytes", executor, MemoryStore()) if isinstance(e, TrialEnded))
            losses = {e.key: e.outcome.loss for e in ended}
            found = {place: losses[key] for place, key in keys.items()}
            best = {width: min(FACTORS, key=lambda factor: found[width, factor]) for width in WIDTHS}
            how = f"scaled by fan-in, base {plan.recipe.base_size}" if scaled else "one rate for every width"
            print(f"\n{how}, {budget:g} FLOPs")
            rows = [
                [f"{factor * plan.recipe.learning_rate:.3g}"]
                + [f"{found[w, factor]:.3f}{'*' if best[w] == factor else ' '}" for w in WIDTHS]
                for factor in FACTORS
            ]
            print(table(["peak rate", *(f"width {w}" for w in WIDTHS)], rows))
            print(f"the best rate moves by x{max(best.values()) / min(best.values()):.3g}", flush=True)
    finally:
        executor.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flops", type=float, default=1e11, help="of each trial")
    main(parser.parse_args().flops)
