"""Which GPUs of this machine a worker process trains on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flopsfit_tui.plan.estimate import Timing

VARIABLE = "CUDA_VISIBLE_DEVICES"
SMALL = 1_000_000  # params: a trial with no more leaves most of a large GPU idle, since its kernels are short
CONTEXT = 600 << 20  # bytes that a process takes on a GPU beside its tensors: CUDA's own, with some room
USED = 0.9  # of the free memory: sizes between those that were timed may take more
MOST = 16  # processes on a GPU


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


def workers_a_gpu(params: int, memory_bytes: int, free_bytes: int) -> int:
    """How many worker processes share a GPU: as many as its memory is enough for where the largest trial has at most
    SMALL params, else one. `memory_bytes` are those of one process, `free_bytes` those of the GPU for all of them.

    Where NVIDIA's MPS runs, their kernels run side by side, else in turn; either way one launches while others compute.
    """
    if params > SMALL:
        return 1
    return min(MOST, max(1, int(USED * free_bytes) // (memory_bytes + CONTEXT)))


def default_workers(cores: int, gpus: int, timed: Sequence[Timing], params: int, nproc: int = 1) -> int:
    """Workers where the user has given no number: one a core, on GPUs as many as share them, at most one a core.

    `timed` are the timings of the plan's extreme sizes, `params` those of its largest.
    """
    if not gpus or any(timing.device != "cuda" for timing in timed):
        return max(1, cores // nproc)
    if nproc > 1 or not timed:
        return max(1, min(cores, gpus) // nproc)
    each = workers_a_gpu(params, max(t.memory_bytes for t in timed), min(t.free_bytes for t in timed))
    return max(1, min(cores, gpus * each))
