"""Which device trains, and how much memory it has used."""

from __future__ import annotations

import resource
import sys

import torch


def pick_device(wanted: str) -> str:
    """`auto` is CUDA, else MPS, else CPU. Raises ValueError when the wanted device is not there."""
    available = [
        name
        for name, there in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if there
    ]
    if wanted == "auto":
        return available[0]
    if wanted not in available:
        raise ValueError(f"device {wanted!r} is not available here; there is {', '.join(available)}")
    return wanted


def peak_memory(device: str) -> int:
    """Bytes: of the accelerator where there is one, else of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()  # what no other process can have
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory(device: str) -> int:
    """Bytes of a GPU that its processes can still have, with what this one holds; 0 for another device."""
    if device != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info()
    return int(free) + torch.cuda.memory_reserved()
