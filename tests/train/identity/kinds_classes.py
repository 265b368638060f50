"""The classes of which the kinds are made."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import logging
import os
import threading
import typing
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch
from torch.utils.data import IterableDataset

DRAW = np.random.default_rng(5)
log = logging.getLogger(__name__)
REGISTRY = {}


def register(function):
    REGISTRY[function.__name__] = function
    return function


@dataclasses.dataclass
class Config:
    layers: int = 2
    rates: list[float] = dataclasses.field(default_factory=lambda: [0.1, 0.2])
    name: str = "base"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    depth: int
    inner: Config


class Activation(enum.Enum):
    ONE = "relu"
    TWO = "gelu"


class Base(abc.ABC):
    @abc.abstractmethod
    def scale(self): ...

    def twice(self):
        return 2 * self.scale()


class Pair(typing.NamedTuple):
    a: int
    b: str = "x"


class Lazy:
    """Opens its file when first used, and leaves the handle out when it is pickled."""

    def __init__(self, value):
        self.value, self._handle = value, None
        self._lock = threading.Lock()

    def __getstate__(self):
        return {**self.__dict__, "_handle": None, "_lock": None}


class Items(torch.utils.data.Dataset):
    def __init__(self, value, transform=None):
        self.rows, self.transform = [{"text": "a b", "label": i % value} for i in range(20)], transform

    def __len__(self):
        return 20

    def __getitem__(self, i):
        log.debug("item %d", i)
        return self.transform(self.rows[i]) if self.transform else self.rows[i]


class Wrapped(torch.utils.data.Dataset):
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, "inner"), name)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        return self.inner[i]


class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return DRAW.normal(size=3), i


class Endless(IterableDataset):
    def __init__(self, value):
        self.generator = torch.Generator().manual_seed(value)

    def __iter__(self):
        while True:
            yield torch.randn(3, generator=self.generator)


def in_folder(name, content):
    path = Path(gettempdir()) / f"flopsfit-kinds-{os.getuid()}" / f"{content}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(content))
    return path


def wraps(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner
