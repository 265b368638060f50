"""A trial's training loss as it streamed: step and loss, sixteen bytes each pair, and fewer of them when it is long."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

OCTAVES = 8  # of a trial's steps that are told apart; what lies before 1/256 of them is one point


class Curve(Sequence[tuple[int, float]]):
    """(step, loss) pairs, ascending; `steps` and `losses` are the same as flat arrays."""

    __slots__ = ("losses", "steps")

    def __init__(self, pairs: Iterable[tuple[int, float]] = ()) -> None:
        self.steps, self.losses = array("q"), array("d")
        for step, loss in pairs:
            self.append(step, loss)

    def append(self, step: int, loss: float) -> None:
        self.steps.append(step)
        self.losses.append(loss)

    def clear(self) -> None:
        del self.steps[:], self.losses[:]

    def cut(self, step: int) -> None:
        """Drop what lies at a step and behind it."""
        here = bisect_left(self.steps, step)
        del self.steps[here:], self.losses[here:]

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, at: int) -> tuple[int, float]: ...
    @overload
    def __getitem__(self, at: slice) -> Curve: ...
    def __getitem__(self, at: int | slice) -> tuple[int, float] | Curve:
        if isinstance(at, slice):
            return Curve(zip(self.steps[at], self.losses[at], strict=True))
        return self.steps[at], self.losses[at]

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.steps, self.losses, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def thinned(self, steps: int, points: int) -> Curve:
        """At most about `points` means over neighbours; `steps` are those of the whole trial.

        Neighbours share a part of an octave of the steps, so that the curve keeps its look on a log axis. What is
        shorter comes back as it is.
        """
        if len(self) <= points:
            return self
        found = Curve()
        parts, part, sum_steps, sum_losses, count = points // OCTAVES, -1, 0, 0.0, 0
        for step, loss in self:
            if not math.isfinite(loss):
                continue
            here = place(step / steps, parts)
            if here != part and count:
                found.append(round(sum_steps / count), sum_losses / count)
                sum_steps, sum_losses, count = 0, 0.0, 0
            part, sum_steps, sum_losses, count = here, sum_steps + step, sum_losses + loss, count + 1
        if count:
            found.append(round(sum_steps / count), sum_losses / count)
        return found


def place(share: float, parts: int) -> int:
    """Which part of which octave a share of a trial lies in: 0 at the start, OCTAVES * parts - 1 at the end."""
    if share >= 1:
        return OCTAVES * parts - 1
    if share < 2.0**-OCTAVES:
        return 0
    mantissa, exponent = math.frexp(share)  # share = mantissa * 2**exponent, mantissa in [0.5, 1)
    return (OCTAVES - 1 + exponent) * parts + int((2 * mantissa - 1) * parts)
