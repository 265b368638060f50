"""Whatever holds the user's data, as a Source: Dataset, IterableDataset, DataLoader, or a callable giving batches.

A batch is a tuple, a list or a dict of tensors whose first dimension counts samples. The last item of a tuple or list
is the target and the rest the inputs; of a dict the target is `labels`, `label`, `targets`, `target` or `y`; a single
tensor is both. Just what a trial trains on is drawn, nothing ahead and nothing thrown away, so that what is counted is
what was used.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    default_collate,
)

from flopsfit_tui.core.workload import Source

TARGETS = ("labels", "label", "targets", "target", "y")
HELD_OUT_SHARE, HELD_OUT_MOST = 0.1, 2048  # of a dataset without validation data
HELD_OUT_SEED, EVAL_SIZE = 2**31 - 1, 64  # of held-out batches of callables; no trial has that seed
FORMS = "a torch Dataset, a DataLoader, or a callable that gives batches"


def sources(dataset: Any, val_dataset: Any = None) -> tuple[Source, Source]:
    """The training and the held-out Source meant by what was given; without held-out data some is split off.

    Raises TypeError for what cannot give batches, ValueError for an empty dataset, naming what was given.
    """
    if val_dataset is not None:
        return as_source(dataset), as_source(val_dataset, "val_dataset")
    if isinstance(dataset, Source):
        if hasattr(dataset, "held_out"):
            return dataset, dataset.held_out(HELD_OUT_MOST)
        raise ValueError(f"{type(dataset).__name__} is a Source, which cannot be split; give val_dataset, a Source too")
    if isinstance(dataset, DataLoader) and not isinstance(dataset.dataset, IterableDataset):
        train, held_out = _split(dataset.dataset)
        return _Loader(dataset, among=train), _Items(Subset(dataset.dataset, held_out), dataset.collate_fn)
    if isinstance(dataset, IterableDataset):
        most = HELD_OUT_MOST
        return _Stream(dataset, skip=most), _Stream(dataset, most=most)
    if isinstance(dataset, TensorDataset) and type(dataset) is TensorDataset:
        train, held_out = _split(dataset)
        return _Tensors([t[train] for t in dataset.tensors]), _Tensors([t[held_out] for t in dataset.tensors])
    if _is_items(dataset):
        train, held_out = _split(dataset)
        return as_source(Subset(dataset, train)), as_source(Subset(dataset, held_out))
    whole = as_source(dataset)
    if isinstance(whole, _Called) and whole.seeded:
        return whole, whole
    raise ValueError(f"held-out data cannot be split off a {type(dataset).__name__} without a seed; give val_dataset")


def _split(dataset: Any) -> tuple[list[int], list[int]]:
    """Indices to train on and to hold out: a tenth, at most 2048, by a shuffle that never changes."""
    count = len(dataset)
    if count < 2:
        raise ValueError(f"dataset has {count} samples; give at least two, or a val_dataset")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
    held = min(HELD_OUT_MOST, max(1, round(HELD_OUT_SHARE * count)))
    return sorted(order[held:]), sorted(order[:held])


def as_source(data: Any, called: str = "dataset") -> Source:
    """A Source of what was given. Raises TypeError or ValueError naming it and what would have worked."""
    if isinstance(data, Source):
        return data
    if isinstance(data, DataLoader):
        return _Loader(data)
    if isinstance(data, IterableDataset):
        return _Stream(data)
    if _is_items(data):
        if len(data) == 0:
            raise ValueError(f"{called} is empty; give one with samples")
        return _Tensors(data.tensors) if type(data) is TensorDataset else _Items(data, default_collate)
    if callable(data):
        return _Called(data)
    raise TypeError(f"{called} is a {type(data).__name__}; give {FORMS}")


def _is_items(data: Any) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, str | bytes | Mapping)


def as_pair(batch: Any) -> tuple[Any, Any]:
    """A batch as (inputs, targets); several inputs stay a tuple or a dict, which the model is called with."""
    if isinstance(batch, Mapping):
        target = next((name for name in TARGETS if name in batch), None)
        if target is None:
            raise TypeError(f"a batch with the keys {sorted(batch)} has no target; name it one of {', '.join(TARGETS)}")
        named = {name: value for name, value in batch.items() if name != target}
        return (next(iter(named.values())) if len(named) == 1 else named), batch[target]
    if isinstance(batch, Tensor):
        return batch, batch
    if isinstance(batch, Sequence) and not isinstance(batch, str) and batch:
        *inputs, target = batch
        return (tuple(inputs) if len(inputs) > 1 else inputs[0] if inputs else target), target
    raise TypeError(
        f"a batch is a {type(batch).__name__}; it must be (inputs, targets), a dict with {TARGETS[0]!r}, or one "
        f"tensor, which is input and target"
    )


def batch_length(batch: Any) -> int:
    """How many samples a batch holds: the length of its first tensor."""
    for tensor in _tensors(batch):
        return len(tensor)
    raise TypeError(
        f"a batch is a {type(batch).__name__} without a tensor; give tensors whose first dimension is samples"
    )


def shapes(batch: Any) -> Any:
    """A batch with the shape and type of each tensor in its place, plain values as they are, and of all else its type:
    equal where two batches are alike but for their numbers."""
    if isinstance(batch, Tensor):
        return batch.shape, batch.dtype
    if isinstance(batch, Mapping):
        return tuple((name, shapes(value)) for name, value in batch.items())
    if isinstance(batch, tuple | list):
        return tuple(map(shapes, batch))
    return batch if isinstance(batch, str | int | float | None) else type(batch)


def cut(batch: Any, first: int, last: int | None) -> Any:
    """Samples first to last of a batch."""
    if isinstance(batch, Tensor):
        return batch[first:last] if batch.ndim else batch
    if isinstance(batch, Mapping):
        return {name: cut(value, first, last) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(cut(value, first, last) for value in batch)
    return batch


def join(first: Any, second: Any) -> Any:
    """The samples of two batches, one after the other."""
    if isinstance(first, Tensor):
        return torch.cat([first, second]) if first.ndim else first
    if isinstance(first, Mapping):
        return {name: join(value, second[name]) for name, value in first.items()}
    if isinstance(first, tuple | list):
        return type(first)(join(a, b) for a, b in zip(first, second, strict=True))
    return first


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    for part in batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, tuple | list) else ():
        yield from _tensors(part)


def _shuffled(count: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Indices of batch after batch; every epoch is a new shuffle, and its last few begin the next one's first batch."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(count, generator=generator)])
        yield order[:batch_size]
        order = order[batch_size:]


def _name(data: Any) -> str:
    return f"{type(data).__module__}.{type(data).__qualname__}"


class _Adapted:
    """What every adapted source has; tokens_per_sample is set once a batch has been seen."""

    samples: int | None = None
    tokens_per_sample: int = 1
    batch_size: int | None = None  # None: any
    fingerprint: str = ""


class _Items(_Adapted):
    """A map-style dataset, drawn item by item, so that what the user's own transforms do is done anew."""

    def __init__(self, dataset: Any, collate: Callable[[list[Any]], Any]) -> None:
        self._dataset, self._collate = dataset, collate
        self.samples = len(dataset)
        whole: Any = dataset.dataset if isinstance(dataset, Subset) else dataset
        self.fingerprint = f"{_name(whole)}, {self.samples} of {len(whole)}"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        return self.batches_from(batch_size, seed, 0)

    def batches_from(self, batch_size: int, seed: int, skipped: int) -> Iterator[tuple[Any, Any]]:
        for chosen in islice(_shuffled(self.samples or 0, batch_size, seed), skipped, None):
            yield self._batch(chosen.tolist())

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        count = self.samples or 0
        for first in range(0, count, batch_size):
            yield self._batch(list(range(first, min(first + batch_size, count))))

    def _batch(self, indices: list[int]) -> tuple[Any, Any]:
        if hasattr(self._dataset, "__getitems__"):
            return as_pair(self._collate(self._dataset.__getitems__(indices)))
        return as_pair(self._collate([self._dataset[i] for i in indices]))


class _Tensors(_Adapted):
    """A TensorDataset: a batch is one indexing of each tensor, without work for each item."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors
        self.samples = len(tensors[0])
        digest = hashlib.sha256()
        for tensor in tensors:
            some = tensor[:: max(1, len(tensor) // 64)].detach().cpu().contiguous()
            digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
            digest.update(some.view(torch.uint8).numpy().tobytes() if some.numel() else b"")
        self.fingerprint = digest.hexdigest()[:12]

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self._tensors)

    def resident(self, device: str) -> _Tensors:
        return _Tensors([tensor.to(device) for tensor in self._tensors])

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        return self.batches_from(batch_size, seed, 0)

    def batches_from(self, batch_size: int, seed: int, skipped: int) -> Iterator[tuple[Any, Any]]:
        for chosen in islice(_shuffled(self.samples or 0, batch_size, seed), skipped, None):
            yield as_pair([tensor[chosen] for tensor in self._tensors])

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        for first in range(0, self.samples or 0, batch_size):
            yield as_pair([tensor[first : first + batch_size] for tensor in self._tensors])


class _Loader(_Adapted):
    """A DataLoader: its own batch size, collation, sampler and workers; whole batches only, reshuffled by seed."""

    def __init__(self, loader: DataLoader[Any], among: Sequence[int] | None = None) -> None:
        if loader.batch_size is None:
            raise TypeError("dataset is a DataLoader without a batch_size; give it one, so that FLOPs can be counted")
        self._loader, self._among = loader, among
        self._stream = isinstance(loader.dataset, IterableDataset)
        self.batch_size = loader.batch_size
        if not self._stream:
            items: Any = loader.dataset if among is None else among
            self.samples = len(items)
            if self.samples < loader.batch_size:
                raise ValueError(
                    f"dataset has {self.samples} samples, fewer than one batch of {loader.batch_size}; give more data "
                    f"or a smaller batch_size"
                )
        self.fingerprint = f"{_name(loader.dataset)}, {self.samples} in batches of {loader.batch_size}"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        assert batch_size == self.batch_size
        epoch = 0
        while True:
            yield from map(as_pair, self._epoch(seed + 1_000_003 * epoch))
            epoch += 1

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002 - a loader has its own
        theirs = self._loader
        loader = DataLoader(
            theirs.dataset, self.batch_size, num_workers=theirs.num_workers, collate_fn=theirs.collate_fn
        )
        return map(as_pair, islice(loader, max(1, HELD_OUT_MOST // (self.batch_size or 1))))

    def _epoch(self, seed: int) -> Iterable[Any]:
        theirs, generator = self._loader, torch.Generator().manual_seed(seed)
        shared: dict[str, Any] = {"num_workers": theirs.num_workers, "collate_fn": theirs.collate_fn}
        shared["generator"] = generator
        if self._stream:
            return DataLoader(_Endless(theirs.dataset), batch_size=self.batch_size, **shared)
        order: Any = theirs.sampler
        if self._among is not None or isinstance(order, RandomSampler):
            chosen = self._among if self._among is not None else range(self.samples or 0)
            order = [chosen[i] for i in torch.randperm(len(chosen), generator=generator).tolist()]
        sampler = BatchSampler(order, self.batch_size or 1, drop_last=True)
        return DataLoader(theirs.dataset, batch_sampler=sampler, **shared)


class _Endless(IterableDataset[Any]):
    """A stream begun again whenever it ends, so that its last few samples begin the next batch and none is dropped."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        while True:
            drawn = False
            for sample in self._dataset:
                drawn = True
                yield sample
            if not drawn:
                raise ValueError("dataset gives no sample; give some data")


class _Stream(_Adapted):
    """An IterableDataset: samples in its own order, begun again when it ends; some of its first can be held out."""

    def __init__(self, dataset: IterableDataset[Any], skip: int = 0, most: int | None = None) -> None:
        self.dataset, self.skip, self._most = dataset, skip, most
        self.fingerprint = f"{_name(dataset)}, from {skip}"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        torch.manual_seed(seed)  # for datasets that draw from torch's own generator
        gathered: list[Any] = []
        while True:
            drawn = 0
            for sample in islice(self.dataset, self.skip, None):
                drawn += 1
                gathered.append(sample)
                if len(gathered) == batch_size:
                    yield as_pair(default_collate(gathered))
                    gathered = []
            if drawn == 0:
                raise ValueError(f"dataset gives no sample beyond its first {self.skip}; give more, or a val_dataset")

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        samples = islice(self.dataset, self._most or HELD_OUT_MOST)
        while gathered := list(islice(samples, batch_size)):
            yield as_pair(default_collate(gathered))


def is_stream_split(source: Any) -> bool:
    """Whether the first samples of the stream are held out."""
    return isinstance(source, _Stream) and source.skip > 0


class _Called(_Adapted):
    """A callable giving one batch, or an iterable of batches; passed `seed` and `batch_size` where it takes them."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._takes = set(inspect.signature(call).parameters)
        self.seeded = "seed" in self._takes
        self.fingerprint = f"{call.__module__}.{getattr(call, '__qualname__', type(call).__qualname__)}"
        self._begun: Iterator[Any] | None = None  # looked into for its batch size, and not to be drawn twice
        if "batch_size" not in self._takes:
            begun = self._give(0, 0)
            first = next(begun)
            self.batch_size, self._begun = batch_length(first), chain([first], begun)

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        if self._begun and (seed == 0 or not self.seeded):
            begun, self._begun = self._begun, None
            return map(as_pair, begun)
        torch.manual_seed(seed)  # for callables that draw from torch's own generator
        return map(as_pair, self._give(seed, batch_size))

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002 - what is drawn hangs on the size
        size = self.batch_size or EVAL_SIZE
        with torch.random.fork_rng(devices=[]):
            yield from islice(self.batches(size, HELD_OUT_SEED), max(1, HELD_OUT_MOST // size))

    def _give(self, seed: int, batch_size: int) -> Iterator[Any]:
        epoch = 0
        while True:
            known = {"seed": seed + 1_000_003 * epoch, "batch_size": batch_size}
            given = self._call(**{name: known[name] for name in self._takes & known.keys()})
            if isinstance(given, Mapping | Tensor) or (
                isinstance(given, tuple | list) and given and isinstance(given[-1], Tensor)
            ):
                yield given
            elif isinstance(given, Iterable):
                yield from given
            else:
                raise TypeError(f"the dataset callable gave a {type(given).__name__}; it must give a batch, or batches")
            epoch += 1
