"""Before a sweep's first trial: compile the sizes for which that may pay, time them, and fix in the plan which stay so.

What was measured is kept beside inductor's cache, so that the next sweep of the same code need not measure again.
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Mapping
from typing import Any

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Plan, content_hash
from flopsfit_tui.core.units import format_seconds
from flopsfit_tui.plan.compiled import (
    CompileTiming,
    decide,
    inductor_folder,
    new_seconds,
    undecided,
    worth_keeping,
    worth_trying,
)
from flopsfit_tui.sweep.cache import JsonCache
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.job import TimeCompiled

Decided = tuple[Plan, dict[str, float]]


def choose_compiled(
    plan: Plan, seconds: Mapping[str, float], workload: Any, executor: Executor, device: str, control: Control
) -> Generator[Note, None, Decided]:
    """Decide which sizes are compiled; the plan that says so, and its predicted seconds. Yields what was found.

    Stops between two sizes when the sweep is stopped; the plan is then as it was. Never fails of a model that cannot
    be compiled.
    """
    waiting = undecided(plan)
    timings = _Timings(plan, device)
    known = {size: timing for size in waiting if (timing := timings.read(size))}
    trying = worth_trying(plan, seconds, known)
    if plan.compile == "auto" and waiting and not trying and not known:
        yield Note("info", "no size is compiled: what that may save is less than it takes")
    batch_size = plan.trials[0].batch_size
    while trying and not control.stopped:
        now, trying = trying[: executor.workers], trying[executor.workers :]
        named = ", ".join(map(str, now))
        yield Note("info", f"compiling {plan.size_name} {named}, which takes up to a minute or two")
        jobs = [TimeCompiled(workload, size, batch_size, plan.recipe, device) for size in now]
        try:
            found: list[CompileTiming] = executor.call(jobs)
        except Interrupted:
            raise
        except (RuntimeError, ValueError, TypeError) as error:  # such as a lost worker; the trials go on without
            found = [CompileTiming(size, problem=" ".join(str(error).split())[:300]) for size in now]
        for timing in found:
            known[timing.size] = timing
            timings.keep(timing)
            yield _note(plan, seconds, timing)
    if control.stopped:
        return plan, dict(seconds)
    kept = [size for size, timing in known.items() if worth_keeping(plan, seconds, timing)]
    decided = decide(plan, kept, waiting)
    return decided, new_seconds(plan, decided, seconds, known)


def _note(plan: Plan, seconds: Mapping[str, float], timing: CompileTiming) -> Note:
    name = f"{plan.size_name} {timing.size}"
    if timing.problem:
        return Note("warning", f"{name} is not compiled: {timing.problem}")
    took = f"compiled in {format_seconds(timing.seconds)}, a step is {timing.speedup:.2f} times as fast"
    left = "" if worth_keeping(plan, seconds, timing) else "; not used, because it saves no time"
    return Note("info", f"{name}: {took}{left}")


class _Timings:
    """What compiling took and gave, by all that decides it: code, size, batch, device and machine."""

    def __init__(self, plan: Plan, device: str) -> None:
        batch, node = plan.trials[0].batch_size, platform.node()
        self._about = {"identity": plan.identity, "batch": batch, "device": device, "node": node}
        self._cache = JsonCache(inductor_folder() / "timings.json")

    def read(self, size: Setting) -> CompileTiming | None:
        """Of one size; None where it has not been compiled here."""
        found = self._cache.get(self._key(size))
        if isinstance(found, dict) and all(isinstance(found.get(name), float) for name in ("seconds", "speedup")):
            return CompileTiming(size, found["seconds"], found["speedup"])
        return None

    def keep(self, timing: CompileTiming) -> None:
        """Store one that worked."""
        if not timing.problem:
            self._cache.put(self._key(timing.size), {"seconds": timing.seconds, "speedup": timing.speedup})

    def _key(self, size: Setting) -> str:
        return content_hash({**self._about, "size": size})
