"""Which settings of the size knob a plan chooses from: those that were given, or found by trying a few.

A search builds models only on the `meta` device, or on the CPU where that fails, smallest first, and ends at the params
that the budgets want, or sooner where a model takes long, takes memory, or has very many modules.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

import psutil
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.measure import Looks
from flopsfit_tui.train.model import ContractError, SizeRefused

PROBED = (8, 16, 32, 64, 1, 2, 4, 12, 24, 48, 96, 128, 3, 5, 6, 7, 10, 20, 40, 80, 160, 9, 11, 14, 28, 56, 13, 192, 256,
          384, 512, 768, 1024)  # fmt: skip
SEARCH_SECONDS, BUILD_SECONDS = 6.0, 2.0  # in all; for one model
MAX_MODULES, MAX_BYTES = 20_000, 400_000_000  # of one model
GROWTH = 4.0  # of a model when its width doubles
FINEST = 1.15  # neighbouring candidates differ by at least this factor in N
MOST_CANDIDATES, FEWEST_CANDIDATES = 60, 6


@dataclass(frozen=True)
class Candidates:
    """What ladders are chosen from, ascending in params."""

    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    slow: bool = False  # a model takes so long to build that sizes beyond the ladders are not measured


class _TooLarge(Exception):
    """A model of a search is larger than a search may build."""


def order_given(looks: Looks, given: Sequence[Setting], asked: bool, knob: str) -> Candidates:
    """Sizes that somebody gave, ascending in params.

    Numbers are taken to grow (or to shrink) with params, so that few of a long list are built. A size that the model
    refuses is left out and named; where the user `asked` for that very list it is an error. Raises SizeRefused.
    """
    numeric = all(isinstance(size, int | float) for size in given)
    if numeric and len(given) > MOST_CANDIDATES:
        return Candidates(_ascending(looks, sorted(given)))  # type: ignore[type-var]
    kept, notes, first = [], [], None
    for size in given:
        try:
            looks.params(size)
            kept.append(size)
        except SizeRefused as refused:
            if asked:
                raise
            first = first or refused
            notes.append(f"{knob} {size} is left out: {refused}")
    if not kept:
        assert first is not None
        raise ValueError(f"the model can be built at none of the sizes declared; {first}")
    kept = sorted(kept) if numeric else sorted(kept, key=str)  # type: ignore[type-var]
    return Candidates(tuple(sorted(kept, key=looks.params)), tuple(notes))


def _ascending(looks: Looks, settings: list[Any]) -> tuple[Setting, ...]:
    """Numbers in the order in which params grow, told from the first few."""
    ends = []
    for size in (settings[0], settings[min(8, len(settings) - 1)]):
        try:
            ends.append(looks.params(size))
        except SizeRefused:  # found again, and left out, where a ladder wants it
            return tuple(settings)
    return tuple(reversed(settings)) if ends[0] > ends[1] else tuple(settings)


def find_sizes(workload: Workload, looks: Looks, reach: float) -> Candidates:
    """Settings that the model takes: whole numbers, multiples of a step found by trying, up to `reach` params.

    Raises ValueError in one sentence when the model takes none of those tried, or when they change nothing.
    """
    search = _Search(workload, looks)
    with _limited(search):
        taken = search.probe(reach)
        step = reduce(math.gcd, taken)
        largest = search.grow(max(taken, key=search.params), reach)
    first = min(taken, key=search.params)
    if len(taken) > 1 and search.params(first) == search.params(largest):
        raise ValueError(
            f"{search.knob} does not change the model: {search.params(first):,} params at each of "
            f"{', '.join(map(str, sorted(taken)))}; name the argument that sets its size"
        )
    count = max(FEWEST_CANDIDATES, min(MOST_CANDIDATES, int(SEARCH_SECONDS / max(search.seconds_a_build, 1e-6))))
    settings = _spread(search, min(taken), largest, step, count)
    return Candidates(settings, (search.note(settings, step),), slow=search.seconds_a_build > 0.3)


def _spread(search: _Search, first: int, last: int, step: int, count: int) -> tuple[int, ...]:
    """Multiples of the step from first to last, every one while they are few, then about evenly in log N."""
    low, high = search.params(first), search.params(last)
    ratio = max(FINEST, (high / low) ** (1 / count)) if high > low else FINEST
    power = math.log(high / low) / math.log(last / first) if last > first and high > low else 1.0
    chosen = [first]
    while chosen[-1] < last:
        wanted = chosen[-1] * ratio ** (1 / power)
        chosen.append(min(last, max(chosen[-1] + step, step * round(wanted / step))))
    return tuple(chosen)


class _Search:
    """What has been tried, with what it cost."""

    def __init__(self, workload: Workload, looks: Looks) -> None:
        self.knob, self.model = workload.model_size_param, getattr(workload.model_cls, "__name__", "model_cls")
        self._looks = looks
        self._began = time.monotonic()
        self.build_began = self._began
        self._slowest = 0.0
        self._builds = 0
        self.modules = 0
        self._bytes = 0
        self.stopped = ""  # why the search went no further
        self._said: list[str] = []

    @property
    def seconds_a_build(self) -> float:
        """The longest that a build took."""
        return self._slowest

    def params(self, size: int) -> int:
        """N of a size that was tried."""
        return self._looks.params(size)

    def probe(self, reach: float) -> list[int]:
        """The settings taken among those that tell which a model takes."""
        taken: list[int] = []
        too_large = math.inf
        for size in PROBED:
            if size >= too_large or (self.stopped and taken) or self._spent() > SEARCH_SECONDS:
                continue
            if self._try(size):
                taken.append(size)
                if self.params(size) > 4 * reach:
                    too_large = size
            elif self.stopped:
                too_large = min(too_large, size)
                self.stopped = ""
        if not taken:
            tried = f"{self.knob} = {', '.join(map(str, sorted(PROBED)))}"
            said = self._said[0] if self._said else f"one took longer than {SEARCH_SECONDS:g} s"
            raise ValueError(
                f"no size of {self.model} was found by trying {tried}: {said}; declare the sizes that it takes"
            )
        return taken

    def grow(self, largest: int, reach: float) -> int:
        """The largest setting tried, doubled while the params wanted lie beyond it."""
        while self.params(largest) < reach and not self.stopped:
            following = 2 * largest
            if GROWTH * self._slowest > BUILD_SECONDS or self._spent() > SEARCH_SECONDS:
                self.stopped = "the next would take too long to build"
            elif GROWTH * self._bytes > MAX_BYTES:
                self.stopped = "the next would take too much memory to build"
            elif not self._try(following) or self.params(following) <= self.params(largest):
                break
            else:
                largest = following
        return largest

    def _try(self, size: int) -> bool:
        self._builds += 1
        self.build_began, self.modules = time.monotonic(), 0
        before = psutil.Process().memory_info().rss
        try:
            self._looks.params(size)
        except ContractError:
            raise
        except SizeRefused as refused:
            if isinstance(refused.__cause__, _TooLarge):
                self.stopped = str(refused.__cause__)
            self._said.append(str(refused))
            return False
        finally:
            self._slowest = max(self._slowest, time.monotonic() - self.build_began)
            self._bytes = max(self._bytes, psutil.Process().memory_info().rss - before)
        return True

    def check(self) -> None:
        """Raises _TooLarge when the model that is being built is larger than a search may build."""
        self.modules += 1
        if self.modules > MAX_MODULES:
            raise _TooLarge(f"the next has more than {MAX_MODULES:,} modules")
        if time.monotonic() - self.build_began > BUILD_SECONDS:
            raise _TooLarge(f"the next takes longer than {BUILD_SECONDS:g} s to build")

    def _spent(self) -> float:
        return time.monotonic() - self._began

    def note(self, settings: Sequence[int], step: int) -> str:
        """What was tried, in a sentence."""
        every = f"multiples of {step}, " if step > 1 else ""
        end = f"; {self.stopped}" if self.stopped else ""
        return (
            f"sizes found by building {self._builds} models: {self.knob} {settings[0]} to {settings[-1]}, {every}"
            f"N {self.params(settings[0]):,} to {self.params(settings[-1]):,}{end}"
        )


@contextmanager
def _limited(search: _Search) -> Iterator[None]:
    """Modules and parameters are counted as they are made, and a model that has too many is left unfinished."""

    def count(_module: nn.Module, _name: str, _part: Any) -> None:
        search.check()

    hooks = [register_module_module_registration_hook(count), register_module_parameter_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
