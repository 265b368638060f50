"""A user's script in many variants: what decides a loss in slots, and how it is written in others."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from flopsfit_tui.train.identity import identify

SCRIPT = '''
{comment}
import functools
import os
import torch
import torch.nn.functional as F
from torch import nn
from pathlib import Path
from flopsfit_tui import Workload
import {helper}

HERE = Path(__file__).parent
RATE = {global_value!r}
TABLE = {table!r}
NAMES = {names!r}


class Block(nn.Module):
    """{docstring}"""

    slope = {class_value!r}

    def __init__(self, width, *, gain={kwdefault!r}):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.gain = gain

    def forward(self, x):
        # {inline}
        {local} = self.inner(x)
        {blank}
        for {index} in range(2):
            {local} = {local} * self.gain + {helper}.shift({index})
        return torch.where({local} > 0, {local}, {local} * self.slope)


def scaled(x, by={default!r}):
    "{docstring}"
    return x * by * RATE


def make_factory(dropout):
    def build({size}):
        {local} = [nn.Linear(8, {size}), Block({size}), nn.Dropout(dropout)]

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(*{local}, nn.Linear({size}, 4))

            def forward(self, x):
                return scaled(self.layers(x)){tail}

        return Net()

    return build


class Data(torch.utils.data.Dataset):
    def __init__(self, labels, file):
        self.labels, self.file = torch.tensor(labels), file
        self.table = dict(TABLE)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.full((8,), float(i)), self.labels[i]


def weighted(output, target, weight, smoothing=0.0):
    return F.cross_entropy(output, target, label_smoothing=smoothing) * weight * (1 + len(NAMES))


def workload():
    return Workload(
        name="script",
        model_cls=make_factory({closure!r}),
        model_size_param="{size}",
        dataset=Data({labels!r}, {file}),
        loss_fn=functools.partial(weighted, weight={partial!r}),
    )
'''
HELPER = """
{comment}
BIAS = {module_value!r}
UNUSED = {unused!r}

def shift({argument}):
    return {argument} * BIAS
"""
DECIDES = {
    "global_value": 0.5,
    "table": {"a": 1, "b": [2, 3]},
    "names": {"x", "y", "z"},
    "class_value": 0.1,
    "kwdefault": 2.0,
    "default": 1.0,
    "closure": 0.0,
    "labels": [0, 1, 2, 3] * 4,
    "partial": 1.5,
    "module_value": 0.25,
    "content": b"pixels",
}
WRITING = {
    "comment": "",
    "docstring": "One.",
    "inline": "a note",
    "local": "y",
    "index": "i",
    "blank": "",
    "tail": "",
    "unused": 0,
    "size": "width",
    "argument": "k",
    "file": "HERE / 'pixels.bin'",
}
_count = itertools.count()


@dataclass(frozen=True)
class Script:
    """One variant."""

    decides: dict
    writing: dict

    def but(self, **changes: object) -> Script:
        """Another variant."""
        decides = {name: changes.get(name, value) for name, value in self.decides.items()}
        return replace(self, decides=decides, writing={n: changes.get(n, x) for n, x in self.writing.items()})

    def write(self, folder: Path, helper: str) -> Path:
        """The script, its own module and its data, in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        slots = {**self.decides, **self.writing, "helper": helper}
        (folder / "pixels.bin").write_bytes(self.decides["content"])
        (folder / f"{helper}.py").write_text(HELPER.format(**slots))
        path = folder / "script.py"
        path.write_text(SCRIPT.format(**slots))
        return path

    def identity(self, folder: Path) -> dict[str, str]:
        """The hashes of its parts."""
        number = next(_count)
        path = self.write(folder / str(number), "helper")
        sys.modules.pop("helper", None)
        sys.path.insert(0, str(path.parent))
        try:
            spec = importlib.util.spec_from_file_location(f"script{number}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return dict(identify(module.workload()).parts)
        finally:
            sys.path.remove(str(path.parent))
            sys.modules.pop("helper", None)


BASE = Script(DECIDES, WRITING)
