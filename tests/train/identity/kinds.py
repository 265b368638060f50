"""Kinds of objects that people build workloads of; each differs between two values, and between nothing else."""

from __future__ import annotations

import collections
import functools
import json
import os
import random
import re
import typing

import datasets
import numpy as np
import pandas
import torch
from kinds_classes import (
    DRAW,
    Activation,
    Base,
    Config,
    Endless,
    Items,
    Lazy,
    Noisy,
    Pair,
    Slotted,
    Wrapped,
    in_folder,
    register,
    wraps,
)
from torch import nn
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

KINDS = {}
datasets.disable_progress_bars()


def kind(make):
    KINDS[make.__name__] = make
    return make


@kind
def dataclass_config(value):
    return Config(layers=value)


@kind
def config_in_a_closure(value):
    config = Slotted(3, Config(rates=[0.1, value]))
    return lambda width: nn.Linear(width, config.inner.layers)


@kind
def mapping_in_a_closure(value):
    presets = {"small": {"d_model": 8, "heads": value}, "large": {"d_model": 16, "heads": 2}}
    return lambda size: nn.Linear(presets[size]["d_model"], 4)


@kind
def nested_class(value):
    class Net(nn.Module):
        depth = value

        def __init__(self, width):
            super().__init__()
            self.inner = nn.Linear(width, width)

        def forward(self, x):
            return self.inner(x) * self.depth

    return Net


@kind
def abstract_class(value):
    class Scaled(Base):
        def scale(self):
            return value

    return Scaled()


@kind
def decorated(value):
    @wraps
    @register
    def loss(a, b):
        return ((a - b) ** 2).mean() * value

    return loss


@kind
def cached(value):
    @functools.lru_cache(maxsize=value)
    def table(n):
        return [n] * value

    return lambda width: table(width)


@kind
def bound_method(value):
    return Config(layers=value).__eq__


@kind
def partial_of_a_method(value):
    return functools.partial(Items(4).__getitem__, i=value)


@kind
def enumeration(value):
    return {"activation": list(Activation)[value - 1]}


@kind
def named_tuple(value):
    return Pair(value)


@kind
def ordered(value):
    return collections.OrderedDict([("conv", value), ("fc", 1)])


@kind
def order_of_layers(value):
    layers = {"conv": 1, "fc": 2} if value == 1 else {"fc": 2, "conv": 1}
    return lambda width: nn.ModuleDict({name: nn.Linear(width, n) for name, n in layers.items()})


@kind
def counters(value):
    return [collections.Counter(a=value), collections.defaultdict(list, a=[value]), collections.deque([value], 3)]


@kind
def pattern(value):
    words = re.compile(f"[a-z]{{{value}}}")
    return lambda text: words.findall(text)


@kind
def random_state(value):
    return [random.Random(value), np.random.default_rng(value), np.random.RandomState(value)]


@kind
def random_state_of_a_module(value):
    DRAW.bit_generator.state = np.random.default_rng(value).bit_generator.state
    return Noisy()


@kind
def cross_entropy(value):
    return nn.CrossEntropyLoss(weight=torch.tensor([1.0, value]))


@kind
def tied_weights(value):
    first = nn.Linear(4, 4)
    nn.init.zeros_(first.weight)
    nn.init.zeros_(first.bias)
    second = nn.Linear(4, 4)
    second.load_state_dict(first.state_dict())
    if value == 1:
        second.weight = first.weight
    return nn.Sequential(first, second)


@kind
def half_precision(value):
    return [torch.full((3,), value, dtype=torch.bfloat16), torch.tensor(True), torch.zeros(0), torch.eye(3).to_sparse()]


@kind
def strided(value):
    return torch.arange(24.0).view(4, 6).t()[::2] * value


@kind
def arrays(value):
    records = np.array([(1, value), (2, 3)], dtype=[("a", "i4"), ("b", "f8")])
    return [records, np.array(["a", str(value)]), np.array([{"x": value}], dtype=object), np.float32(value)]


@kind
def masked(value):
    return np.ma.MaskedArray([1, 2, 3], mask=[value == 1, False, False])


@kind
def table(value):
    return pandas.DataFrame({"text": ["a", f"b{value}"], "when": pandas.to_datetime(["2020-01-01", "2020-01-02"])})


@kind
def items_with_a_transform(value):
    return Items(4, transform=lambda row: {**row, "scale": value})


@kind
def list_of_rows(value):
    return Items(value + 2)


@kind
def wrapper(value):
    return Wrapped(Items(value + 2))


@kind
def subset(value):
    return random_split(Items(4), [15, 5], generator=torch.Generator().manual_seed(value))[0]


@kind
def concatenated(value):
    return ConcatDataset([Items(4), Subset(Items(4), [0, value])])


@kind
def loader(value):
    return DataLoader(TensorDataset(torch.arange(12.0)), batch_size=value, shuffle=True)


@kind
def collate(value):
    return DataLoader(Items(4), batch_size=4, collate_fn=lambda rows: torch.tensor([r["label"] * value for r in rows]))


@kind
def sampler(value):
    data = TensorDataset(torch.arange(12.0))
    return DataLoader(data, batch_size=4, sampler=WeightedRandomSampler([value] + [1] * 11, 12))


@kind
def stream(value):
    return Endless(value)


@kind
def leaves_a_handle_out(value):
    return Lazy(value)


@kind
def file_of_a_path(value):
    return Config(name=in_folder("weights.bin", value))


@kind
def file_of_a_string(value):
    path = str(in_folder("weights.bin", value))
    return lambda width: torch.load(path)[width]


@kind
def folder_of_images(value):
    paths = [str(in_folder(f"{i}.png", value)) for i in range(3)]
    return [(path, i) for i, path in enumerate(paths)]


@kind
def settings_file(value):
    config = json.loads(in_folder("config.json", value).read_text())
    return lambda width: nn.Linear(width, config)


@kind
def environment(value):
    os.environ["KINDS_WIDTH"] = str(value)
    return Reader().read


class Reader:
    def read(self):
        return int(os.environ["KINDS_WIDTH"])


@kind
def replaced_method(value):
    model = nn.Linear(4, 4, bias=False)
    nn.init.ones_(model.weight)
    model.forward = lambda x: x * value
    return model


@kind
def cycle(value):
    node = {"value": value}
    node["self"] = [node]
    return node


@kind
def generic(value):
    return [list[int], typing.Optional[int], np.dtype(f"f{4 * value}"), torch.device("cpu"), slice(value), range(value)]  # noqa: UP045


@kind
def calls_by_name(value):
    return functools.partial(getattr(torch, "relu" if value == 1 else "tanh"))


@kind
def operator_of_torch(value):
    aten = torch.ops.aten
    return [aten.gelu_backward, aten.native_layer_norm_backward.default][value - 1]


@kind
def module_of_functions(value):
    return [nn.functional.relu, nn.functional.gelu][value - 1]


@kind
def hugging_face(value):
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, value]})
    return data.map(lambda row: {"length": len(row["text"])}).with_format("torch")


@kind
def hugging_face_images(value):
    paths = [str(in_folder(f"image-{i}.png", value)) for i in range(3)]
    return datasets.Dataset.from_dict({"image": [{"path": path, "bytes": None} for path in paths]})


def digests(value):
    """The digest of each kind, and what it could not compare."""
    from flopsfit_tui.train.identity.walk import Walker

    found = {}
    for name, make in KINDS.items():
        walker = Walker()
        found[name] = walker.part(name, make(value)), *walker.unsure
    return found


if __name__ == "__main__":
    print(json.dumps(digests(1)))
