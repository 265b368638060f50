"""Which sizes of a plan are compiled (torch.compile), decided before its trials start and stored with it.

A compiled step adds float32 numbers in another order, so that losses differ by rounding: whether a trial is
compiled is part of its key. What is decided while trials run would hang on the workers; so nothing is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_cache_path

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.plan.grid import trial_key

INDUCTOR_FOLDER = "TORCHINDUCTOR_CACHE_DIR"  # the environment variable in which a user says where inductor keeps code
LIKELY = 1.5  # times as fast: hoped for before it is measured (on a CPU 1.0 to 1.15 was measured here, 1.6 elsewhere)
LEAST = 1.05  # times as fast: less is noise of 20 steps
USUAL_SECONDS = 40.0  # of compiling one size where none has been compiled yet; 20 to 50 were measured on a CPU
LOAD_SECONDS = 6.0  # of compiling it again in another process, from inductor's cache; 3 to 6 were measured


@dataclass(frozen=True)
class CompileTiming:
    """What compiling a step of one size took, and what it gives."""

    size: Setting
    seconds: float = math.nan  # of compiling
    speedup: float = math.nan  # seconds of a step as the model is written, by those of a compiled one
    problem: str = ""  # why it cannot be compiled


def inductor_folder() -> Path:
    """Where inductor keeps what it compiles, and this package how long that took."""
    return Path(os.environ.get(INDUCTOR_FOLDER) or user_cache_path("flopsfit-tui") / "inductor")


def undecided(plan: Plan) -> list[Setting]:
    """Planned sizes of which it is not known yet whether they are compiled, ascending in params."""
    if plan.compile == "off":
        return []
    waiting = {s.size for s in plan.sizes if s.compiled is None}
    return [size for size in plan.settings() if size in waiting]


def worth_trying(plan: Plan, seconds: Mapping[str, float], known: Mapping[Setting, CompileTiming]) -> list[Setting]:
    """The undecided sizes that are to be compiled and timed; with `auto` those whose trials, `seconds` by their keys,
    are likely to save more than it takes. `known` sizes were compiled before, and are not tried again.
    """
    sizes = [size for size in undecided(plan) if size not in known]
    if plan.compile == "on":
        return sizes
    took = sorted(timing.seconds for timing in known.values())
    cost = took[len(took) // 2] if took else USUAL_SECONDS
    return [size for size in sizes if _saved(_seconds_of(plan, seconds, size), LIKELY) > cost]


def worth_keeping(plan: Plan, seconds: Mapping[str, float], timing: CompileTiming) -> bool:
    """Whether a size that was compiled stays so: with `on` wherever it works, with `auto` where it saves time though
    every one of its trials may have to load it anew."""
    if timing.problem:
        return False
    if plan.compile == "on":
        return True
    loads = LOAD_SECONDS * sum(t.size == timing.size for t in plan.trials)
    return timing.speedup >= LEAST and _saved(_seconds_of(plan, seconds, timing.size), timing.speedup) > loads


def decide(plan: Plan, compiled: Collection[Setting], decided: Collection[Setting]) -> Plan:
    """The plan in which the sizes `compiled` are compiled and the other ones of `decided` are not."""
    sizes = tuple(replace(s, compiled=s.size in compiled) if s.size in decided else s for s in plan.sizes)
    return _with_sizes(replace(plan, sizes=sizes))


def as_before(plan: Plan, before: Plan) -> Plan:
    """The plan with what an earlier run of it decided, where it was asked for in the same way, or `auto` leaves it."""
    if plan.compile == "off" or plan.compile not in ("auto", before.compile):
        return plan
    then = {s.size: s.compiled if before.compile != "off" else False for s in before.sizes}
    planned = set(before.settings())
    sizes = tuple(replace(s, compiled=then[s.size]) if s.size in planned else s for s in plan.sizes)
    return _with_sizes(replace(plan, sizes=sizes))


def compile_changes(plan: Plan, before: Plan) -> list[str]:
    """How the choice of an earlier sweep differs from what is asked for now, in words."""
    if plan.compile in ("auto", before.compile):
        return []
    were = [str(s.size) for s in before.sizes if s.compiled]
    if plan.compile == "off" and not were:
        return []
    said = f" (compiled: {plan.size_name} {', '.join(were)})" if were else ""
    return [f"--compile was {before.compile}{said} and is {plan.compile}"]


def new_seconds(
    plan: Plan, decided: Plan, seconds: Mapping[str, float], timings: Mapping[Setting, CompileTiming]
) -> dict[str, float]:
    """Predicted seconds by the keys of the decided plan, of the same trials in the same order."""
    found = {}
    for trial, now in zip(plan.trials, decided.trials, strict=True):
        if trial.key in seconds:
            gain = timings[now.size].speedup if now.compiled and now.size in timings else 1.0
            found[now.key] = seconds[trial.key] / (gain if gain > 0 else 1.0)
    return found


def _with_sizes(plan: Plan) -> Plan:
    """The plan's trials compiled as its sizes say; keys in other places follow."""
    compiled = {s.size for s in plan.sizes if s.compiled}
    new: dict[str, str] = {}
    trials = []
    for trial in plan.trials:
        if trial.compiled != (trial.size in compiled):
            changed = replace(trial, compiled=trial.size in compiled)
            new[trial.key] = trial_key(changed, plan.identity)
            trial = replace(changed, key=new[trial.key])
        trials.append(trial)
    added = tuple(new.get(key, key) for key in plan.added)
    left_out = tuple((new.get(key, key), reason) for key, reason in plan.left_out)
    return replace(plan, trials=tuple(trials), added=added, left_out=left_out)


def _seconds_of(plan: Plan, seconds: Mapping[str, float], size: Setting) -> float:
    return sum(seconds.get(t.key, 0.0) for t in plan.trials if t.size == size)


def _saved(seconds: float, speedup: float) -> float:
    return seconds * (1 - 1 / speedup)
