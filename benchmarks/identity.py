"""How long does it take to hash what a workload is made of, before a plan?

    OMP_NUM_THREADS=1 python benchmarks/identity.py

Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import torch

from flopsfit_tui.train.identity import identify
from flopsfit_tui.train.identity.walk import Walker
from flopsfit_tui.workloads import resolve

FLOATS = 100_000_000  # 400 MB


def seconds(work: Callable[[], object]) -> float:
    """Of the second of two runs."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def hash_of(value: Any) -> Callable[[], object]:
    """Hash a value anew."""
    return lambda: Walker().part("dataset", value)


def main() -> int:
    tensor = torch.randn(FLOATS)
    rows = [{"text": f"some text of row {i}", "label": i % 4} for i in range(300_000)]
    workload = resolve("gpt-bytes")
    with NamedTemporaryFile() as file:
        tensor.numpy().tofile(file)
        file.flush()
        measured = [
            ("a tensor of 400 MB", seconds(hash_of(tensor)), 0.4),
            ("a file of 400 MB in the page cache", seconds(hash_of(Path(file.name))), 0.8),
            ("300,000 rows of two fields", seconds(hash_of(rows)), 1.0),
            ("the workload gpt-bytes", seconds(lambda: identify(workload)), 0.2),
        ]
    for what, took, bound in measured:
        print(f"{what}: {1000 * took:.0f} ms (at most {1000 * bound:.0f})")
    return int(any(took > bound for _, took, bound in measured))


if __name__ == "__main__":
    sys.exit(main())
