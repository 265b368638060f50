"""A large sweep that was never trained: its plan, its events, and a real sweep.db of them. Other benchmarks use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flopsfit_tui.core.events import Event, SweepStarted, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial, content_hash
from flopsfit_tui.fit import Law
from flopsfit_tui.store.sqlite import FILE, SqliteStore

LAW = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
NOISE = 0.004  # of ln L, a trial
START = 10.4  # loss of an untrained model: ln 32,000
RANGE = 4.0  # the sizes reach from the optimum / RANGE to the optimum * RANGE


def make_plan(budgets: int, sizes: int, seeds: int, steps: int = 1000) -> Plan:
    """`budgets` from 1e18 to 1e21 FLOPs, `sizes` about the optimum of each, every point with `seeds` seeds."""
    at = tuple(float(f"{c:.4g}") for c in np.geomspace(1e18, 1e21, budgets))
    expected = tuple(LAW.optimum(budget).params for budget in at)
    ladder = np.geomspace(expected[0] / RANGE, expected[-1] * RANGE, 4 * sizes)  # shared, as the settings of a knob are
    trials = []
    for budget, centre in zip(at, expected, strict=True):
        nearest = np.sort(np.argsort(np.abs(np.log(ladder / centre)))[:sizes])
        trials += [
            _trial(budget, 64 * (1 + int(i)), int(ladder[i]), seed, steps) for i in nearest for seed in range(seeds)
        ]
    measured = tuple(Size(64 * (1 + i), int(n), 6.0 * int(n)) for i, n in enumerate(ladder))
    recipe = Recipe(learning_rate=1e-3)
    return Plan("large", "large", "d_model", "tokens", 1024, None, recipe, at, expected, measured, tuple(trials))


def _trial(budget: float, size: int, params: int, seed: int, steps: int) -> Trial:
    key = content_hash({"budget": budget, "size": size, "seed": seed})
    tokens = int(budget / (6 * params))
    return Trial(key, budget, size, params, tokens, tokens // 1024, steps, 256, seed, 6.0 * params * tokens, 1e-3)


def trial_events(trial: Trial, rows: int) -> Iterator[Event]:
    """A trial from its start to its end, with `rows` progresses between; a loss that falls to the law's, with noise."""
    noise = np.random.default_rng(int(trial.key, 16))
    loss = float(LAW.loss(trial.params, trial.tokens)) * float(np.exp(NOISE * noise.standard_normal()))
    share = np.arange(1, rows + 1) / rows
    curve = loss + (START - loss) * (1 - share**0.15) + 0.02 * noise.standard_normal(rows)
    yield TrialStarted(trial.key, "worker 1")
    for part, value in zip(share.tolist(), curve.tolist(), strict=True):
        step = max(1, round(part * trial.steps))
        yield TrialProgress(trial.key, step, int(part * trial.tokens), part * trial.flops, value, 60 * part)
    spent = {name: getattr(trial, name) for name in ("steps", "samples", "tokens", "flops")}
    outcome = Outcome("finished", loss=loss, train_loss=loss, first_loss=START, seconds=60.0, device="cpu", **spent)
    yield TrialEnded(trial.key, outcome)


def write_sweep(directory: Path, plan: Plan, rows: int) -> None:
    """A finished sweep on disk, through the store that every sweep is written by. Does nothing when it lies there."""
    done = directory / f"written-{len(plan.trials)}x{rows}"
    if done.exists():
        return
    (directory / FILE).unlink(missing_ok=True)
    store = SqliteStore(directory)
    store.begin(plan)
    store.record(SweepStarted(plan, {}, 1, {}))
    for trial in plan.trials:
        for event in trial_events(trial, rows):
            store.record(event)
    store.close()
    done.touch()
