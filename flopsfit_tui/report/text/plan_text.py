"""A plan and its cost, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flopsfit_tui.core.trial import Plan, Trial
from flopsfit_tui.core.units import format_bytes, format_count, format_flops, format_seconds, format_share
from flopsfit_tui.plan.estimate import Estimate, predicted_seconds
from flopsfit_tui.report.text.table import table


def plan_text(plan: Plan, cost: Estimate) -> str:
    """Every trial, then what they cost together."""
    head = ["FLOPs", plan.size_name, "seed", "params", plan.unit, "steps", "epochs", "seconds", "MFU"]
    rows = [
        [
            format_flops(t.budget),
            str(t.size),
            str(t.seed),
            format_count(t.params),
            format_count(t.tokens),
            str(t.steps),
            f"{plan.epochs(t):.2g}" if plan.dataset_samples else "–",
            f"{cost.seconds[t.key]:.1f}" if cost.seconds else "?",
            format_share(cost.mfu[t.key]) if t.key in cost.mfu else "?",
        ]
        for t in plan.trials
    ]
    guess = [
        [format_flops(budget), format_count(expected), " ".join(map(str, plan.ladder(budget)))]
        for budget, expected in zip(plan.budgets, plan.expected, strict=True)
    ]
    return "\n\n".join(
        [
            f"{plan.workload}: {len(plan.trials)} trials" + "".join(f"\n{note}" for note in plan.notes),
            table(head, rows),
            table(["FLOPs", "expected N", plan.size_name], guess),
            totals_text(plan, cost),
        ]
    )


def totals_text(plan: Plan, cost: Estimate) -> str:
    """What a plan costs: FLOPs, data, time and memory."""
    tokens = sum(t.tokens for t in plan.trials)
    epochs = max(plan.epochs(t) for t in plan.trials)
    data = f"{format_count(tokens)} {plan.unit}"
    if plan.dataset_samples:
        data += f", at most {epochs:.2g} epochs in one trial"
    workers = f"{cost.workers} worker{'s' if cost.workers > 1 else ''}"
    return "\n".join(
        [
            f"compute  {format_flops(sum(t.flops for t in plan.trials))} FLOPs",
            f"data     {data}",
            f"time     about {format_seconds(cost.total_seconds)} on {workers} ({cost.device})",
            f"memory   about {format_bytes(cost.memory_bytes) if cost.memory_bytes else '?'}",
        ]
    )


def plan_json(plan: Plan, cost: Estimate) -> dict[str, Any]:
    """The same for programs."""
    return {
        "plan": asdict(plan),
        "estimate": asdict(cost),
        "flops": sum(t.flops for t in plan.trials),
        "tokens": sum(t.tokens for t in plan.trials),
        "epochs": max(plan.epochs(t) for t in plan.trials),
    }


def estimate_text(plan: Plan, left: Sequence[Trial], cost: Estimate) -> str:
    """What a run is about to train and how long that takes, in a line."""
    trials = f"{len(plan.trials)} trials" if len(plan.trials) > 1 else "1 trial"
    if not left:
        return f"{plan.workload}: {trials}, {len(plan.trials)} already finished"
    before = len(plan.trials) - len(left)
    share = f", {before} already finished, {len(left)} left" if before else ""
    seconds = predicted_seconds(left, cost)
    time = f"about {format_seconds(seconds)}" if math.isfinite(seconds) else "time not known"
    workers = f"{cost.workers} worker{'s' * (cost.workers > 1)} ({cost.device})"
    return f"{plan.workload}: {trials}{share}, {format_flops(sum(t.flops for t in left))} FLOPs, {time} on {workers}"
