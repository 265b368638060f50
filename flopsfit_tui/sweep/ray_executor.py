"""Trials on a Ray cluster: one actor a worker, with the CPUs and GPUs that a trial asks for.

The sweeping process stays the only writer of the store: actors stream events back. A worker that is lost, or says
nothing for too long, is given up, and its trial is reported lost, to be tried again on another one; Ray's own retries
are off, because they have returned to a sick node, or waited for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flopsfit_tui.core.events import Event, Note
from flopsfit_tui.sweep.executor import TrialLost
from flopsfit_tui.sweep.job import Job, workload_of
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.ray_worker import RayWorker
from flopsfit_tui.sweep.surroundings import Surroundings
from flopsfit_tui.sweep.watchdog import SILENT_SECONDS, Watchdog
from flopsfit_tui.sweep.wire import JobEvent, Message
from flopsfit_tui.sweep.workers import Workers

START_SECONDS = 300.0  # an actor that is not up after so long has no node to run on
MOVE_SECONDS = 5.0  # the same while an idle worker could do its job


class OnRay(Workers["_Actor"]):
    """An Executor over the actors of a Ray cluster; they start when first needed.

    address: of a cluster, "auto" for the one that this machine belongs to, None for that in
    RAY_ADDRESS, else to start Ray here. workers: trials at
    once; None: as many as the cluster has CPUs (or GPUs) for. cpus, gpus: of one trial. silent_after: as for Processes.
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        silent_after: float = SILENT_SECONDS,
    ) -> None:
        import ray

        if not ray.is_initialized():
            # without an address Ray would join whichever cluster was last started on this machine, anybody's
            address = address or os.environ.get("RAY_ADDRESS") or "local"
            ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
        self._ray = ray
        self._cpus, self._gpus, self._silent_after = cpus, gpus, silent_after or SILENT_SECONDS
        super().__init__(workers or self._room(), restarts=silent_after > 0)
        if not self.workers:
            raise ValueError(
                f"no node of the Ray cluster has {cpus:g} CPUs and {gpus:g} GPUs for a trial; ask for fewer by "
                "--cpus-per-trial and --gpus-per-trial"
            )
        self._contents: dict[str, Any] = {}  # object references of pickled workloads, by digest
        self._surroundings: dict[Any, Surroundings] = {}
        self._has_lost = False  # a worker, and perhaps its node: then room is asked for anew

    @property
    def free(self) -> int:
        """Workers that are idle or not yet started, as far as the nodes that are left have room."""
        most = min(self.workers, self._room()) if self._has_lost else self.workers
        return max(0, most - sum(w.job is not None for w in self._workers))

    def _make(self) -> _Actor:
        return _Actor(self._ray, self._cpus, self._gpus, self._silent_after)

    def _assign(self, worker: _Actor, job: Job) -> None:
        workload = workload_of(job)
        content = None
        if isinstance(workload, PickledWorkload):
            if workload.digest not in self._contents:
                self._contents[workload.digest] = self._ray.put(Path(workload.path).read_bytes())
            content = self._contents[workload.digest]
        key = workload if isinstance(workload, str) else ""
        if key not in self._surroundings:
            self._surroundings[key] = Surroundings.here(workload)
        worker.assign(job, self._surroundings[key], content)

    def _ready(self, workers: Sequence[_Actor], seconds: float) -> list[_Actor]:
        if not workers:
            return []
        streams = {w.stream: w for w in workers}
        ready, _ = self._ray.wait(list(streams), num_returns=len(streams), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(streams), num_returns=1, timeout=seconds)
        return [streams[stream] for stream in ready]

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """What the workers have said."""
        self._move_to_idle()
        return super().poll(seconds)

    def _move_to_idle(self) -> None:
        """Give jobs of actors that find no room, as after the loss of a node, to idle ones, which hold that room."""
        for worker in [w for w in self._workers if w.job is not None and w.waited > MOVE_SECONDS and not w.is_up]:
            idle = next((w for w in self._workers if w.job is None and w.is_up), None)
            if idle is not None:
                assert worker.job is not None
                self._assign(idle, worker.job)
                self._end(worker)

    def _watch_start(self, worker: _Actor) -> str:
        return "found no node with room to run on" if worker.waited > START_SECONDS and not worker.is_up else ""

    def _lose(self, worker: _Actor) -> None:
        self._has_lost = True
        super()._lose(worker)

    def _room(self) -> int:
        """Trials that the cluster has room for at once."""
        there = self._ray.cluster_resources()
        room = there.get("CPU", 1.0) / self._cpus if self._cpus else float("inf")
        if self._gpus:
            room = min(room, there.get("GPU", 0.0) / self._gpus)
        return int(room)


class _Actor:
    """One actor, and this side of it."""

    _created = 0

    def __init__(self, ray: Any, cpus: float, gpus: float, silent_after: float) -> None:
        self._ray = ray
        threads = max(1, int(cpus))
        remote = ray.remote(RayWorker).options(num_cpus=cpus, num_gpus=gpus, max_concurrency=2, max_restarts=0)
        self.handle = remote.remote([p for p in sys.path if p], threads)
        self.job: Job | None = None
        self.stream: Any = None
        self.paused, self.watchdog, self.began = False, Watchdog(silent_after), time.monotonic()
        _Actor._created += 1
        self._name, self._known = f"worker {_Actor._created}", self.handle.name.remote()

    @property
    def waited(self) -> float:
        """Seconds since it was given its job."""
        return time.monotonic() - self.began

    @property
    def is_up(self) -> bool:
        """Whether it runs on a node by now."""
        return self._known is None or bool(self._ray.wait([self._known], timeout=0)[0])

    @property
    def name(self) -> str:
        """Node and process, once the actor runs; until then its number."""
        if self._known is not None and self.is_up:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._name = self._ray.get(self._known)
            self._known = None
        return f"ray {self._name}"

    def assign(self, job: Job, surroundings: Surroundings, content: Any) -> None:
        """Begin a job."""
        self.job, self.began = job, time.monotonic()
        self.watchdog.begin()
        self.stream = self.handle.do.options(num_returns="streaming").remote(job, surroundings, content)

    def order(self, message: Any) -> None:
        """Send; an actor that has just died says so at the next receive."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self.handle.order.remote(message)

    def receive(self) -> Message | None:
        """The next message; None when the actor is lost."""
        try:
            message: Message = self._ray.get(next(self.stream))
        except (StopIteration, self._ray.exceptions.RayError):
            return None
        self.watchdog.on_message(message.event if isinstance(message, JobEvent) else None)
        return message

    def loss_report(self) -> str:
        """Ray tells no more."""
        return f"{self.name} was lost; its node may be gone, or out of memory"

    def take_printed(self, ended: bool = False) -> list[Note]:  # noqa: ARG002
        """What the user's code prints is in Ray's own logs."""
        return []

    def end(self) -> None:
        """Kill it."""
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(self.handle)
