"""An object: its class, its attributes, what it contains, and what it says of itself when it is pickled."""

from __future__ import annotations

import copyreg
import io
import logging
import threading
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from flopsfit_tui.core.workload import Source
from flopsfit_tui.train.identity.files import is_file
from flopsfit_tui.train.identity.libraries import OWN

if TYPE_CHECKING:
    from flopsfit_tui.train.identity.walk import Walker

STATELESS = (type(threading.Lock()), type(threading.RLock()), logging.Logger, logging.Handler)
FILE_NAMES = ("name", "filename", "path")
LOADED = {"data", "samples"}  # attributes of torchvision's data sets that hold, or list, all that lies in their root


def walk_instance(walker: Walker, value: Any) -> None:
    """An object of any class."""
    kind = type(value)
    walker.stream.feed("instance")
    walker.walk(kind)
    if isinstance(value, STATELESS):
        return
    if isinstance(value, io.IOBase) or kind.__module__.startswith("h5py."):
        _file(walker, value)
    elif isinstance(value, DataLoader):
        _loader(walker, value)
    elif kind.__module__.startswith(f"{OWN}.") and isinstance(value, Source):
        _own_source(walker, value)
    elif kind.__module__.partition(".")[0] == "datasets" and hasattr(value, "_format_type") and hasattr(value, "data"):
        _hugging_face(walker, value)
    elif kind in copyreg.dispatch_table or _reduces_itself(kind):
        _reduced(walker, value)
    else:
        _attributes(walker, value)


def _reduces_itself(kind: type) -> bool:
    return _overrides(kind, "__reduce_ex__") or _overrides(kind, "__reduce__")


def _overrides(kind: type, method: str) -> bool:
    return getattr(kind, method) is not getattr(object, method)


def _attributes(walker: Walker, value: Any) -> None:
    kind = type(value)
    found = attributes(value)
    own_state = _overrides(kind, "__getstate__")  # it says itself what is worth keeping
    if own_state:
        found = _without_handles(walker, value, found)
    if any(base.__module__.startswith("torchvision.datasets") for base in kind.__mro__) and LOADED & found.keys():
        found.pop("root", None)
    if isinstance(value, nn.Module):  # hooks are numbered as they are registered in a process
        found = {n: list(x.values()) if n.endswith("_hooks") and isinstance(x, dict) else x for n, x in found.items()}
    walker.walk_named(found)
    _contents(walker, value)
    if not own_state:
        try:
            object.__reduce_ex__(value, 4)
        except TypeError:  # it keeps something outside Python, such as a socket
            walker.doubt(f"a {kind.__name__}")


def attributes(value: Any) -> dict[str, Any]:
    """An object's own attributes, those in slots too."""
    slots = copyreg._slotnames(type(value))  # type: ignore[attr-defined]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return {**found, **getattr(value, "__dict__", {})}


def _without_handles(walker: Walker, value: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Attributes without those that cannot be compared and that the object itself leaves out when it is pickled."""
    try:
        state = value.__getstate__()
    except Exception:  # noqa: BLE001 - whatever it raises, it cannot be pickled
        walker.doubt(f"a {type(value).__name__}")
        return found
    if not isinstance(state, dict):
        walker.walk(state)
        return found
    left_out = {name for name in found if name not in state or state[name] is not found[name]}
    kept = {name: x for name, x in found.items() if name not in left_out}
    for name in sorted(left_out, key=str):
        before = dict(walker.unsure)
        walker.stream.text("left out", str(name))
        walker.walk(found[name], str(name))
        walker.unsure = before
    return kept


def _contents(walker: Walker, value: Any) -> None:
    """What lies in an object whose class is derived from a container or a plain value."""
    base: Any
    for base in (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex):
        if isinstance(value, base):
            walker.stream.text("base", base.__name__)
            if base is dict:
                walker.walk(dict(dict.items(value)))
            elif base in (list, tuple, set, frozenset):
                walker.walk(base(base.__iter__(value)))
            else:
                walker.walk(base(value))
            return


def _reduced(walker: Walker, value: Any) -> None:
    """What `pickle` would write, for a class that says so itself."""
    try:
        special = copyreg.dispatch_table.get(type(value))
        reduced = special(value) if special else value.__reduce_ex__(4)
        if isinstance(reduced, str):
            walker.stream.text("global", reduced)
            return
        call, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        items, pairs = items and list(items), pairs and list(pairs)
    except Exception:  # noqa: BLE001 - whatever it raises, it cannot be pickled
        if path := _file_of(value):
            walker.file(path)
        else:
            walker.doubt(f"a {type(value).__name__}")
        return
    walker.walk_all(call, arguments)
    if isinstance(state, dict):
        walker.walk_named(state)
    else:
        walker.walk(state)
    walker.walk_all(items, pairs)


def _loader(walker: Walker, loader: DataLoader[Any]) -> None:
    """A DataLoader: what a trial takes from it. Its own order does not count where it is only a shuffle."""
    shuffled = isinstance(loader.sampler, RandomSampler) and not loader.sampler.replacement
    sampler = None if shuffled or isinstance(loader.sampler, SequentialSampler) else loader.sampler
    walker.stream.text("shuffled", str(shuffled))
    taken = {name: getattr(loader, name) for name in ("dataset", "batch_size", "collate_fn", "num_workers")}
    walker.walk_named({**taken, "sampler": sampler, "worker_init_fn": loader.worker_init_fn})


def _hugging_face(walker: Walker, dataset: Any) -> None:
    """A `datasets.Dataset`: its rows and how they are given out; not the fingerprint of how they were made."""
    names = ("_indices", "_format_type", "_format_kwargs", "_format_columns", "_output_all_columns", "features")
    walker.walk(getattr(dataset.data, "table", dataset.data), "data")
    found = {name: getattr(dataset, name, None) for name in names}
    walker.walk_named({**found, "_indices": getattr(found["_indices"], "table", None)})


def _own_source(walker: Walker, source: Any) -> None:
    """Data that comes with this package and knows its own content, wherever it lies."""
    walker.stream.text("fingerprint", str(source.fingerprint))
    plain = {n: x for n, x in attributes(source).items() if isinstance(x, bool | int | float | None)}
    walker.walk_named(plain)


def _file(walker: Walker, file: Any) -> None:
    """An open file, or what lies in one: its content, and how far it has been read."""
    if isinstance(file, io.BytesIO | io.StringIO):
        content = file.getvalue()
        walker.walk(content)
    elif path := _file_of(file):
        walker.file(path)
    else:
        walker.doubt(f"an open {type(file).__name__}")
        return
    try:
        walker.walk(file.tell() if isinstance(file, io.IOBase) else str(file.name))
    except (OSError, ValueError):
        walker.stream.feed("closed")


def _file_of(value: Any) -> str | None:
    """The file behind an object such as an open file or an HDF5 handle; None where there is none."""
    for holder in (value, getattr(value, "file", None)):
        for name in FILE_NAMES:
            path = getattr(holder, name, None)
            if isinstance(path, str) and is_file(path):
                return path
    return None
