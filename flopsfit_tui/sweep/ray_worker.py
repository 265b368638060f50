"""A worker on a Ray cluster: an actor that does jobs and streams back what happens, as a worker process does."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flopsfit_tui.core.version import __version__
from flopsfit_tui.sweep.job import Job, MakePlan
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.serve import serve
from flopsfit_tui.sweep.wire import JobFailed, Message


@dataclass(frozen=True)
class Surroundings:
    """What must be the same on every node for losses to be comparable."""

    versions: dict[str, str]  # of Python's minor version, torch and this package
    file: str  # the workload's file; "" where it is no file
    digest: str  # of its content

    @classmethod
    def here(cls, workload: Any) -> Surroundings:
        """Those of this process, for a workload."""
        import importlib.metadata

        versions = {"flopsfit-tui": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
        versions["torch"] = importlib.metadata.version("torch")
        file = workload.rpartition(".py")[0] + ".py" if isinstance(workload, str) and ".py" in workload else ""
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
        return cls(versions, str(Path(file).resolve()) if file else "", digest)

    def difference(self) -> str:
        """What this node has otherwise, as a sentence; "" where nothing differs."""
        ours = Surroundings.here(self.file or None)
        for name, version in self.versions.items():
            if ours.versions[name] != version:
                return (
                    f"node {platform.node()} has {name} {ours.versions[name]} where the sweep's has {version}; "
                    "install the same on every node"
                )
        if ours.digest != self.digest:
            what = "another version of" if ours.digest else "no"
            return f"node {platform.node()} has {what} {self.file}; give every node the same files"
        return ""


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
        if difference := surroundings.difference():
            yield JobFailed(ValueError, difference)
            return
        yield from serve(self._with_workload(job, content), self._resumed, self._cancelled, own_process=True)

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
        pickled: PickledWorkload = job.request.workload if isinstance(job, MakePlan) else job.workload
        path = Path(self._folder.name) / pickled.digest
        if not path.is_file():
            path.write_bytes(content)
        here = PickledWorkload(str(path), pickled.digest)
        if isinstance(job, MakePlan):
            return replace(job, request=replace(job.request, workload=here))
        return replace(job, workload=here)
