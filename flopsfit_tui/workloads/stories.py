"""The texts of a data set on the Hugging Face hub, or of a copy of it in a directory, one after the other."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

SAVED = ("dataset_dict.json", "dataset_info.json")  # what Dataset.save_to_disk leaves


def read_texts(path: str, split: str, column: str = "text") -> Iterator[str]:
    """Every text of a split, in order, streamed: no more is downloaded than is drawn.

    `path` is a name on the hub, or a directory: what `save_to_disk` wrote, or parquet files whose names begin with the
    split's. Raises ValueError for a directory without that split or column, and whatever the `datasets` library raises
    when a name cannot be reached.
    """
    found = _open_directory(Path(path), split) if Path(path).is_dir() else _open_hub(path, split)
    names = list(found.column_names or [])
    if names and column not in names:
        raise ValueError(f"the {split} split of {path} has the columns {', '.join(names)}; one must be {column!r}")
    for row in found:
        yield row[column]


def origin(path: str) -> str:
    """The path's name; of a directory a hash of its files' names, sizes and times, which changes when they do."""
    folder = Path(path)
    if not folder.is_dir():
        return path.replace("/", "-")
    files = [(p.relative_to(folder).as_posix(), p.stat()) for p in sorted(folder.rglob("*")) if p.is_file()]
    text = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in files])
    return f"{folder.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _open_directory(folder: Path, split: str) -> Any:
    import datasets  # 1 to 2 s, here and below

    if any((folder / name).is_file() for name in SAVED):
        saved = datasets.load_from_disk(str(folder))
        by_split = saved if isinstance(saved, dict) else {str(saved.split): saved}
        if split not in by_split:
            raise ValueError(f"{folder} has no {split} split; it has {', '.join(by_split)}")
        return by_split[split]
    files = sorted(str(p) for p in folder.rglob("*.parquet") if p.name.startswith(split))
    if not files:
        raise ValueError(f"{folder} holds neither a saved data set nor a file named {split}*.parquet")
    return datasets.load_dataset("parquet", data_files={split: files}, split=split, streaming=True)


def _open_hub(name: str, split: str) -> Any:
    import datasets

    offline = datasets.config.HF_HUB_OFFLINE  # asked for by the environment: then only its own cache is looked at
    check_hub()
    return datasets.load_dataset(name, split=split, streaming=not offline)


def check_hub() -> None:
    """Raise OSError at once where the hub's host is not known; its libraries would try again for minutes."""
    import datasets

    if not datasets.config.HF_HUB_OFFLINE and not getproxies():
        socket.getaddrinfo(urlsplit(datasets.config.HF_ENDPOINT).hostname, 443)
