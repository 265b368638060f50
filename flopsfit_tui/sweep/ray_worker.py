"""A worker on a Ray cluster: an actor that does jobs and streams back what happens, as a worker process does."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from flopsfit_tui.sweep.job import Job, with_workload, workload_of
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.serve import serve
from flopsfit_tui.sweep.surroundings import Surroundings
from flopsfit_tui.sweep.wire import Message


class RayWorker:
    """The actor; two threads, so that orders reach it while it trains."""

    def __init__(self, path: list[str], threads: int) -> None:
        sys.path[:] = [*path, *(p for p in sys.path if p not in path)]
        import torch

        torch.set_num_threads(threads)
        self._folder = tempfile.TemporaryDirectory(prefix="flopsfit-tui-")
        self._resumed, self._cancelled = threading.Event(), threading.Event()
        self._resumed.set()

    def name(self) -> str:
        """Where it runs: node and process."""
        return f"{platform.node()} {os.getpid()}"

    def do(self, job: Job, surroundings: Surroundings, content: bytes | None) -> Iterator[Message]:
        """Do a job, as a stream of what happens; `content` is a pickled workload's, which may lie on another node."""
        self._cancelled.clear()
        job = self._with_workload(job, content)
        yield from serve(job, self._resumed, self._cancelled, own_process=True, surroundings=surroundings)

    def order(self, order: str) -> None:
        """pause, resume or cancel."""
        if order == "pause":
            self._resumed.clear()
        elif order == "cancel":
            self._cancelled.set()
            self._resumed.set()
        else:
            self._resumed.set()

    def _with_workload(self, job: Job, content: bytes | None) -> Job:
        """The job with its pickled workload on this node."""
        if content is None:
            return job
        pickled: PickledWorkload = workload_of(job)
        path = Path(self._folder.name) / pickled.digest
        if not path.is_file():
            path.write_bytes(content)
        return with_workload(job, PickledWorkload(str(path), pickled.digest))
