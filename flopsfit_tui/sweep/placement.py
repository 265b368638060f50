"""Which GPUs of this machine a worker process trains on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where nvidia-smi knows none.

    Nothing of CUDA is loaded. Like CUDA, it reads the variable up to the first entry that names no device.
    """
    if (given := environment.get(VARIABLE)) is not None:
        names = [name.strip() for name in given.split(",")]
        end = next((i for i, name in enumerate(names) if not name or name.startswith("-")), len(names))
        return tuple(names[:end])
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    try:
        said = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(str(i) for i in range(sum(line.startswith("GPU ") for line in said.splitlines())))


def place(gpus: Sequence[str], taken: Iterable[Sequence[str]], count: int = 1) -> tuple[str, ...]:
    """The `count` GPUs with the fewest workers, the first of equals; `taken` are those of the workers that are there.

    So with as many workers as GPUs each has one of its own, and with more they are spread evenly. None without GPUs.
    Raises ValueError where there are fewer than `count`.
    """
    if not gpus:
        return ()
    if count > len(gpus):
        raise ValueError(
            f"{count} processes a trial need a GPU each, and this machine has {len(gpus)}; give "
            f"--nproc-per-trial {len(gpus)} or fewer, or --device cpu"
        )
    workers = Counter(gpu for each in taken for gpu in each)
    chosen = sorted(range(len(gpus)), key=lambda i: (workers[gpus[i]], i))[:count]
    return tuple(gpus[i] for i in sorted(chosen))
