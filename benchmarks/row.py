"""One row of the table of `python -m benchmarks`: what is measured, its goal, and how a repetition measures it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Repetition = Callable[[], float]  # one value; for a ratio both sides are timed in it, one after the other


@dataclass(frozen=True)
class Row:
    """`start` prepares, outside the time that counts, and gives what one repetition does."""

    what: str
    goal: float
    at_least: bool  # the goal is a lower bound; else an upper one
    unit: str  # "" for a ratio
    start: Callable[[], Repetition]

    def measure(self, repetitions: int) -> Result:
        """So many values, after one that warms up and does not count."""
        repeat = self.start()
        repeat()
        return Result(self, sorted(repeat() for _ in range(repetitions)))


@dataclass(frozen=True)
class Result:
    """The values of a row, ascending."""

    row: Row
    values: list[float]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median keeps the goal."""
        return self.median >= self.row.goal if self.row.at_least else self.median <= self.row.goal

    def cells(self) -> tuple[str, str, str, str, str]:
        """What, goal, median, spread (lowest to highest) and whether the goal is met, as text."""
        row, sign, unit = self.row, "≥" if self.row.at_least else "≤", f" {self.row.unit}" if self.row.unit else ""
        low, high = self.values[0], self.values[-1]
        spread = f"{low:.3g} to {high:.3g}"
        return row.what, f"{sign} {row.goal:g}{unit}", f"{self.median:.3g}{unit}", spread, "" if self.met else "missed"


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def processor_seconds(action: Callable[[], object]) -> float:
    """What one call takes of the processor, in all threads of this process: other load moves it less than the clock."""
    began = time.process_time()
    action()
    return time.process_time() - began


def markdown(results: list[Result], machine: str) -> Iterator[str]:
    """The lines of the table."""
    yield f"| what ({machine}) | goal | median | lowest to highest | |"
    yield "|---|---|---|---|---|"
    for result in results:
        yield "| " + " | ".join(result.cells()) + " |"
