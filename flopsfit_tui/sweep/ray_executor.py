"""Trials on a Ray cluster: one actor a worker, with the CPUs and GPUs that a trial asks for.

The sweeping process stays the only writer of the store: actors stream events back. A worker that is lost, or says
nothing for too long, is given up, and its trial is reported lost, to be tried again on another one; Ray's own retries
are off, because they have returned to a sick node, or waited for it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flopsfit_tui.core.events import Event, TrialAlive, TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import Interrupted, TrialLost
from flopsfit_tui.sweep.job import Job, MakePlan, Train
from flopsfit_tui.sweep.pickling import PickledWorkload
from flopsfit_tui.sweep.ray_worker import RayWorker, Surroundings
from flopsfit_tui.sweep.wire import Done, JobEvent, JobFailed, Message, Paused

SILENT_SECONDS = 600.0  # a worker that says nothing for so long is lost
START_SECONDS = 60.0  # an actor that is not up after so long has no node to run on
CANCEL_SECONDS = 5.0  # how long a running trial may take to come to the end of its step
WAIT_SECONDS = 0.2


class OnRay:
    """An Executor over the actors of a Ray cluster; they start when first needed.

    address: of a cluster, "auto" for the one that this machine belongs to, None to start Ray here. workers: trials at
    once; None: as many as the cluster has CPUs (or GPUs) for. cpus, gpus: of one trial.
    """

    def __init__(
        self, workers: int | None = None, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0
    ) -> None:
        import ray

        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
        self._ray = ray
        self._cpus, self._gpus = cpus, gpus
        self.workers = workers or self._room()
        if not self.workers:
            raise ValueError(
                f"no node of the Ray cluster has {cpus:g} CPUs and {gpus:g} GPUs for a trial; ask for fewer by "
                "--cpus-per-trial and --gpus-per-trial"
            )
        self._workers: list[_Actor] = []
        self._contents: dict[str, Any] = {}  # object references of pickled workloads, by digest
        self._surroundings: dict[Any, Surroundings] = {}
        self._pausing = self._interrupted = False
        self._has_lost = False  # a worker, and perhaps its node: then room is asked for anew

    @property
    def free(self) -> int:
        """Workers that are idle or not yet started, as far as the nodes that are left have room."""
        most = min(self.workers, self._room()) if self._has_lost else self.workers
        return max(0, most - sum(w.job is not None for w in self._workers))

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs side by side."""
        results: dict[int, Any] = {}
        waiting = list(enumerate(jobs))
        busy: dict[_Actor, int] = {}
        while len(results) < len(jobs):
            if self._interrupted:
                raise Interrupted
            while waiting and len(busy) < self.workers:
                index, job = waiting.pop(0)
                worker = self._idle()
                self._assign(worker, job)
                busy[worker] = index
            for worker in self._ready(list(busy), WAIT_SECONDS):
                message = self._receive(worker)
                if isinstance(message, JobEvent):
                    continue
                index = busy.pop(worker)
                if isinstance(message, Done):
                    results[index], worker.job = message.value, None
                    continue
                for other in (*busy, *(() if isinstance(message, JobFailed) else (worker,))):
                    self._end(other)
                if isinstance(message, JobFailed):
                    worker.job = None
                    if message.user_error:
                        raise message.user_error(message.message)
                    raise RuntimeError(f"a worker failed while it prepared the sweep\n{message.message}")
                raise RuntimeError(f"{worker.name} was lost while it prepared the sweep")
        return [results[i] for i in range(len(jobs))]

    def start(self, job: Train) -> str:
        """Give a trial to an idle worker."""
        worker = self._idle()
        self._assign(worker, job)
        return worker.name

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """Everything that the workers have said, waiting at most `seconds` for the first of it."""
        events: list[Event | TrialLost] = []
        busy = [w for w in self._workers if w.job is not None]
        if not busy:
            time.sleep(seconds)
        for worker in self._ready(busy, seconds):
            job = worker.job
            assert isinstance(job, Train)
            match self._receive(worker):
                case JobEvent(TrialAlive()):
                    pass
                case JobEvent(event):
                    events.append(event)
                case Paused():
                    worker.paused = True
                case Done():
                    worker.job = None
                case JobFailed(message=message, out_of_memory=True):
                    worker.job = None
                    events.append(TrialLost(job.trial.key, f"out of memory\n{message}"))
                case JobFailed(message=message):
                    worker.job = None
                    events.append(TrialEnded(job.trial.key, Outcome("failed", error=message)))
                case None:
                    events.append(self._lost(worker, job, "was lost; its node may be gone, or out of memory"))
        for worker in busy:
            silent = time.monotonic() - worker.heard
            if worker in self._workers and isinstance(worker.job, Train) and not worker.paused:
                if silent > SILENT_SECONDS:
                    events.append(self._lost(worker, worker.job, f"said nothing for {silent:.0f} s"))
                elif silent > START_SECONDS and not worker.is_up:
                    events.append(self._lost(worker, worker.job, "found no node with room to run on"))
        return events

    def _lost(self, worker: _Actor, job: Train, why: str) -> TrialLost:
        self._end(worker)
        self._has_lost = True
        return TrialLost(job.trial.key, f"{worker.name} {why}")

    def pause(self) -> bool:
        """Ask the busy workers to stand still; true once all of them do."""
        if not self._pausing:
            self._pausing = True
            for worker in self._workers:
                worker.order("pause")
        return all(w.paused for w in self._workers if w.job is not None)

    def resume(self) -> None:
        """Let them go on."""
        self._pausing = False
        for worker in self._workers:
            worker.paused, worker.heard = False, time.monotonic()
            worker.order("resume")

    def cancel_all(self) -> None:
        """Drop what is running. A worker that does not answer soon, in the middle of a long step, is ended."""
        self._pausing = False
        self._cancel([w for w in self._workers if w.job is not None])

    def cancel(self, key: str) -> None:
        """Drop one trial; its worker is ended when it does not answer soon."""
        self._cancel([w for w in self._workers if isinstance(w.job, Train) and w.job.trial.key == key])

    def resize(self, workers: int) -> None:
        """More workers start when they are needed; surplus ones end when they are idle."""
        self.workers = max(1, workers)
        idle = [w for w in self._workers if w.job is None]
        for worker in idle[: max(0, len(self._workers) - self.workers)]:
            self._end(worker)

    def interrupt(self) -> None:
        """Make call() raise Interrupted; for any thread."""
        self._interrupted = True

    def close(self) -> None:
        """End every worker; the cluster stays."""
        self._pausing = False
        while self._workers:
            self._end(self._workers[-1])

    def _cancel(self, busy: list[_Actor]) -> None:
        for worker in busy:
            worker.paused = False
            worker.order("cancel")
        deadline = time.monotonic() + CANCEL_SECONDS
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in self._ready(busy, min(left, WAIT_SECONDS)):
                message = self._receive(worker)
                if message is None:
                    self._end(worker)
                elif isinstance(message, Done | JobFailed):
                    worker.job = None
                else:
                    continue
                busy.remove(worker)
        for worker in busy:
            self._end(worker)

    def _idle(self) -> _Actor:
        for worker in self._workers:
            if worker.job is None:
                return worker
        worker = _Actor(self._ray, self._cpus, self._gpus)
        self._workers.append(worker)
        return worker

    def _assign(self, worker: _Actor, job: Job) -> None:
        workload = job.request.workload if isinstance(job, MakePlan) else job.workload
        content = None
        if isinstance(workload, PickledWorkload):
            if workload.digest not in self._contents:
                self._contents[workload.digest] = self._ray.put(Path(workload.path).read_bytes())
            content = self._contents[workload.digest]
        if self._key(workload) not in self._surroundings:
            self._surroundings[self._key(workload)] = Surroundings.here(workload)
        worker.assign(job, self._surroundings[self._key(workload)], content)

    @staticmethod
    def _key(workload: Any) -> Any:
        return workload if isinstance(workload, str) else ""

    def _ready(self, workers: Sequence[_Actor], seconds: float) -> list[_Actor]:
        """Those that have something to say, or are lost."""
        if not workers:
            return []
        streams = {w.stream: w for w in workers}
        ready, _ = self._ray.wait(list(streams), num_returns=len(streams), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(streams), num_returns=1, timeout=seconds)
        return [streams[stream] for stream in ready]

    def _receive(self, worker: _Actor) -> Message | None:
        """The next message; None when the worker is lost."""
        try:
            message: Message = self._ray.get(next(worker.stream))
        except (StopIteration, self._ray.exceptions.RayError):
            return None
        worker.heard = time.monotonic()
        return message

    def _end(self, worker: _Actor) -> None:
        self._workers.remove(worker)
        worker.end()

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

    def __init__(self, ray: Any, cpus: float, gpus: float) -> None:
        self._ray = ray
        threads = max(1, int(cpus))
        remote = ray.remote(RayWorker).options(num_cpus=cpus, num_gpus=gpus, max_concurrency=2, max_restarts=0)
        self.handle = remote.remote([p for p in sys.path if p], threads)
        self.job: Job | None = None
        self.stream: Any = None
        self.paused, self.heard = False, time.monotonic()
        _Actor._created += 1
        self._name, self._known = f"worker {_Actor._created}", self.handle.name.remote()

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
        self.job, self.heard = job, time.monotonic()
        self.stream = self.handle.do.options(num_returns="streaming").remote(job, surroundings, content)

    def order(self, order: str) -> None:
        """Send; an actor that has just died says so at the next receive."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self.handle.order.remote(order)

    def end(self) -> None:
        """Kill it."""
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(self.handle)
