"""Sweeps in every state, made up to the last digit, for screens that must look the same every time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note, SweepEnded, SweepStarted, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial
from flopsfit_tui.tui.session.messages import Events

HOSTILE = "[bold]not bold[/] \x1b[31mred\x1b[0m 日本語 🦜 " + "x" * 280


def law(params, tokens):
    return 1.25 + 180 / params**0.55 + 95 / tokens**0.42


def noise(number):
    return 0.004 * math.sin(12.9898 * (number + 1))


def plan(budgets=(1.5e10, 3e10, 6e10, 1.2e11, 2.4e11), points=7, seeds=1, name="gpt-bytes", size_name="d_model"):
    measured, trials, expected = {}, [], []
    for budget in budgets:
        best = 0.13 * math.sqrt(budget)
        expected.append(best)
        for i in range(points):
            wanted = best * 3.0 ** (2 * i / max(1, points - 1) - 1)
            width = max(4, 4 * round(math.sqrt(wanted / 24) / 4 * 1.0) + 4 * 0)
            while (budget, width) in {t.point for t in trials}:
                width += 4
            params = 24 * width * width + 600 * width
            cost = 6.0 * params + 3000.0
            measured[width] = Size(width, params, cost)
            tokens = max(64, round(budget / cost / 512) * 512)
            for seed in range(seeds):
                key = f"{len(trials):012x}"
                flops = tokens * cost
                trials.append(
                    Trial(
                        key, budget, width, params, tokens, tokens // 64, max(1, tokens // 512), 8, seed, flops, 0.016
                    )
                )
    sizes = tuple(measured[width] for width in sorted(measured))
    return Plan(
        name, "made-up", size_name, "tokens", 64, 190_000, Recipe(0.016, 32), tuple(budgets), tuple(expected), sizes,
        tuple(trials), ("12.1 MB of Python sources, 734 files, fingerprint 1f2e3d",),
    )  # fmt: skip


def finished(trial: Trial, number: int) -> Outcome:
    loss = law(trial.params, trial.tokens) + noise(number) + 0.003 * trial.seed
    spent = {name: getattr(trial, name) for name in ("steps", "samples", "tokens", "flops")}
    seconds = trial.flops / 2e10
    return Outcome(
        "finished", **spent, loss=loss, train_loss=loss - 0.05, first_loss=5.55, seconds=seconds, device="cpu"
    )


def failed(trial: Trial, error: str) -> Outcome:
    text = f'Traceback (most recent call last):\n  File "train.py", line 12, in forward\n    y = x @ w\n{error}'
    return Outcome("failed", 3, 24, 1536, 1e6, error=text, device="cpu")


def curve(trial: Trial, share=1.0, points=60):
    """Progress up to a share of the trial."""
    for i in range(1, points + 1):
        step = round(trial.steps * share * i / points)
        done = step / trial.steps
        if step:
            loss = law(trial.params, max(1.0, trial.tokens * done)) + 0.02 * math.sin(i * 2.3)
            yield TrialProgress(trial.key, step, step * 512, trial.flops * done, loss, done * trial.flops / 2e10)


def events(plan: Plan, ended: int, running: int = 0, failures: dict[int, str] | None = None, curves=True):
    """A sweep in which so many trials have ended and some run; failures by a trial's place."""
    yield SweepStarted(plan, {}, max(1, running), {t.key: t.flops / 2e10 for t in plan.trials})
    for number, trial in enumerate(plan.trials[:ended]):
        yield TrialStarted(trial.key, f"worker {number % 2 + 1}")
        error = (failures or {}).get(number)
        if curves:
            yield from curve(trial, 0.2 if error else 1.0)
        yield TrialEnded(trial.key, failed(trial, error) if error else finished(trial, number))
    for number, trial in enumerate(plan.trials[ended : ended + running]):
        yield TrialStarted(trial.key, f"worker {number + 1}")
        yield from curve(trial, 0.35 + 0.3 * number)


def printing(made: Plan):
    """Four trials fail with one error; the last of them has printed something, as worker processes tell it."""
    error = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x64 and 32x256)"
    for event in events(made, 16, 2, dict.fromkeys((3, 8, 12, 15), error)):
        if isinstance(event, TrialEnded) and event.key == made.trials[15].key:
            yield Note("info", "worker 2 printed: building a model of width 24")
            yield Note("info", "worker 2 printed: UserWarning: the weights are float64")
            yield Note("info", "worker 2 printed:  43%|████▎     | 26/61 [00:02<00:03, 11.3it/s]")
        yield event


STAGES = {
    "empty": lambda: (p := plan(), [SweepStarted(p, {}, 2, {})]),
    "running": lambda: (p := plan(), list(events(p, 21, 2))),
    "failures": lambda: (
        p := plan(),
        [
            *events(p, 28, 1, {3: "RuntimeError: CUDA out of memory", 9: f"ValueError: {HOSTILE}", 17: "loss is nan"}),
            Note("warning", "out of memory: trained again with half the micro-batch"),
        ],
    ),
    "repeated": lambda: (p := plan(), list(printing(p))),
    "almost": lambda: (p := plan(), list(events(p, 34, 1))),
    "done": lambda: (p := plan(seeds=1), [*events(p, len(p.trials)), SweepEnded("done")]),
    "many": lambda: (
        p := plan(tuple(1e10 * 1.25**i for i in range(40)), 20, 3),
        list(events(p, 1900, 2, {40: "RuntimeError: x", 801: "RuntimeError: y"}, curves=False)),
    ),
    "hostile": lambda: (
        p := replace(plan(name=HOSTILE, size_name=HOSTILE), notes=(HOSTILE,)),
        [*events(p, 20, 1, {2: HOSTILE}), Note("error", HOSTILE)],
    ),
}


def follow_stage(name):
    """In the place of `follow_sweep`: tells a stage, and no end unless the stage has one."""
    _, told = STAGES[name]()

    def follow(post, directory: Path, control: Control, client=None) -> None:
        post(Events(told))

    return follow
