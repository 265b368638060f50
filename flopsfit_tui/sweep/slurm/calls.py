"""Short jobs on nodes: timing a few steps where the trials will run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flopsfit_tui.core.sizes import restore_size
from flopsfit_tui.plan.estimate import Timing
from flopsfit_tui.sweep.executor import Interrupted, WorkerLost
from flopsfit_tui.sweep.job import Job
from flopsfit_tui.sweep.slurm.files import read_sealed
from flopsfit_tui.sweep.slurm.pack import Pack, call_path
from flopsfit_tui.sweep.slurm.queue import CannotSubmit, JobState, Queue, last_words
from flopsfit_tui.sweep.slurm.submission import PackJob, Submission

MINUTES = 30  # the time limit of a timing
POLL_SECONDS = 0.25
GONE_SECONDS = 10.0  # without a job in the queue until it is over: files may take a while from node to node


class Calls:
    """Queues short jobs and waits for what they leave."""

    def __init__(
        self,
        queue: Queue,
        directory: Path,
        make_pack: Callable[[Submission, int, Sequence[Job]], Pack],
        queue_seconds: float,
    ) -> None:
        self._queue, self._directory, self._make_pack, self._queue_seconds = queue, directory, make_pack, queue_seconds
        self._interrupted = False

    def interrupt(self) -> None:
        """Make what waits raise Interrupted; for any thread."""
        self._interrupted = True

    def time(self, jobs: Sequence[Job]) -> list[Timing | None]:
        """Time side by side. Raises ValueError where Slurm takes no such jobs, WorkerLost for one that dies."""
        submission = Submission.new(self._directory, [[] for _ in jobs])
        packs = [self._make_pack(submission, index, [job]) for index, job in enumerate(jobs)]
        try:
            try:
                self._queue.submit(submission.folder, submission.name, packs, MINUTES)
            except CannotSubmit as error:
                raise ValueError(f"Slurm does not take the jobs ({error}); see --slurm KEY=VALUE") from None
            return [self._wait(submission, job) for job in submission.jobs]
        except BaseException:
            self._queue.cancel([state.id for state in self._in_queue(submission) or ()])
            raise
        finally:
            submission.drop()

    def _wait(self, submission: Submission, job: PackJob) -> Timing | None:
        path, gone_since, asked = call_path(submission.folder, job.index), math.inf, -math.inf
        while True:
            if self._interrupted:
                raise Interrupted
            if (content := read_sealed(path)) is not None:
                value = content["value"]
                return Timing(**{**value, "size": restore_size(value["size"])}) if value else None
            if refused := next((line["reason"] for line in job.heard.take() if line["kind"] == "refused"), ""):
                raise ValueError(refused)
            now = time.monotonic()
            if now - asked >= self._queue_seconds:
                asked, there = now, self._in_queue(submission)
                is_there = there is None or any(state.index == job.index for state in there)
                gone_since = math.inf if is_there else min(gone_since, now)
            if now - gone_since > GONE_SECONDS:
                raise WorkerLost(loss_report(job))
            time.sleep(POLL_SECONDS)

    def _in_queue(self, submission: Submission) -> list[JobState] | None:
        there = self._queue.jobs()
        return None if there is None else [state for state in there if state.name == submission.name]


def loss_report(job: PackJob) -> str:
    """Why a job has left no result, as far as can be told."""
    where = f"Slurm job {job.id}" if job.id else "the Slurm job"
    if job.why:
        return f"{where} {job.why}"
    words = last_words(job.submission.folder, job.index)
    if job.begun or words:
        return f"{where} ended without a result\n{words}".rstrip()
    return f"{where} never began; do the nodes see {job.submission.directory}?"
