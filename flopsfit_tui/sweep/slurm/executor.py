"""Trials as Slurm jobs: packed by predicted seconds, submitted as job arrays, found again by whoever sweeps next.

    sweeping process  -- submitit: a pickled pack --> job on a node, which trains its trials one after the other
          |           -- orders.json --------------->   (pause, cancel)
          |           <- INDEX.said ----------------    lines: begun, a trial's progress, paused, left
          |           <- results/KEY.json ----------    a sealed outcome a trial
          `-- squeue, scancel

What a job has done is believed only from a sealed result; what Slurm says of a job that is gone is not asked. A trial
without a result whose job is gone is trained again: at once where its job was left by a signal, in good order, else as
one that was lost. Jobs go on while no process sweeps.
"""

from __future__ import annotations

import contextlib
import math
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flopsfit_tui.core.events import Event, Note, TrialEnded, TrialRequeued, TrialStarted
from flopsfit_tui.core.job_files import FOLDER, RESULTS, drop_jobs, drop_results
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import TrialLost, WorkerLost
from flopsfit_tui.sweep.job import Job, TimeSteps, Train
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.slurm.calls import GONE_SECONDS, Calls, loss_report
from flopsfit_tui.sweep.slurm.files import Damaged, event_of, read_result
from flopsfit_tui.sweep.slurm.pack import PACK_SECONDS, Pack, make_pack, pack, predicted
from flopsfit_tui.sweep.slurm.queue import CannotSubmit, Queue
from flopsfit_tui.sweep.slurm.submission import PackJob, Submission
from flopsfit_tui.sweep.watchdog import SILENT_SECONDS

WORKERS = 16  # jobs at once, where the user does not say
POLL_SECONDS = 0.5  # between two reads of what jobs have written
RETRY_SECONDS = 30.0  # until jobs that were not taken are submitted again
STOP_SECONDS = 40.0  # for jobs to end that were cancelled: Slurm's KillWait is 30 by default
ANSWER_TRIES = 30  # of squeue, a second each, before a sweep is not begun
MOST_IN_VAIN = 3  # attempts of a job that end by a signal before a trial begins
WORRYING = ("Held", "held", "Never", "Limit", "Invalid", "NotAllowed", "Bad", "failed")  # reasons to wait for long


class OnSlurm:
    """An Executor over Slurm jobs. workers: jobs at once, waiting ones included. cpus: of a job, its torch threads.

    shared: a folder that the nodes see, for jobs that belong to no sweep's directory, such as timing.
    """

    def __init__(
        self,
        queue: Queue,
        shared: Path,
        workers: int | None = None,
        cpus: int = 1,
        silent_after: float = SILENT_SECONDS,
        queue_seconds: float = 10.0,
        pack_seconds: float = PACK_SECONDS,
    ) -> None:
        self.workers = workers or WORKERS
        self._own = shared.absolute() / uuid.uuid4().hex[:12]
        self._queue, self._cpus, self._silent_after = queue, cpus, silent_after
        self._queue_seconds, self._pack_seconds = queue_seconds, pack_seconds
        self._local = Processes(1)  # plans, on this machine
        self._calls = Calls(queue, self._own, self._pack, queue_seconds)
        self._waiting: list[Train] = []  # started, and not submitted
        self._trials: dict[str, Train] = {}  # started, and not ended
        self._jobs: list[PackJob] = []  # that wait or run
        self._known: set[Path] = set()  # directories whose earlier jobs were looked for
        self._begun: set[str] = set()  # trials that were said to have started, and not to have ended
        self._held: dict[str, list[Event]] = {}  # said of trials that were not started here
        self._events: list[Event | TrialLost] = []
        self._looked = self._asked = self._tried = -math.inf
        self._said = ""  # why jobs were not taken
        self._pausing, self._pauses = False, 0

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Plan here; time on nodes."""
        if not all(isinstance(job, TimeSteps) for job in jobs):
            return self._local.call(jobs)
        return self._calls.time(jobs)

    @property
    def free(self) -> int:
        """Jobs that may still be submitted, and one more where a trial fits into a pack that is being filled."""
        free = self.workers - sum(any(k in self._trials for k in job.keys) for job in self._jobs)
        free += sum(k not in self._trials for job in self._jobs for k in job.keys)  # with a job from before
        if not self._waiting:
            return max(0, free)
        packs = len(pack(self._waiting, self._pack_seconds))
        with_another = len(pack([*self._waiting, self._waiting[-1]], self._pack_seconds))
        return max(0, free - packs + (with_another == packs))

    def start(self, job: Train) -> str:
        """Take a trial: one that has a result, or a job, from before; else it is submitted at the next poll."""
        key, directory = job.trial.key, self._directory(job)
        if directory not in self._known:
            self._find_jobs(directory)
        self._trials[key] = job
        self._events += self._held.pop(key, [])
        if self._end_with_result(key):
            return ""
        if not any(key in other.keys for other in self._jobs):
            self._waiting.append(job)
        return ""

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """What the jobs have said."""
        deadline = time.monotonic() + seconds
        self._submit()
        self._look()
        while not self._events and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS / 2))
            self._look()
        said, self._events = [*self._local.poll(0), *self._events], []
        return said

    def pause(self) -> bool:
        """Ask the jobs to stand still; true once all that are on a node do, and the rest wait."""
        if not self._pausing:
            self._pausing = True
            self._pauses += 1
            for submission in self._submissions():
                submission.order(pause=self._pauses)
        self._look()
        return all(job.paused for job in self._jobs if job.begun)

    def resume(self) -> None:
        """Let them go on."""
        if self._pausing:
            self._pausing = False
            for job in self._jobs:
                job.paused = False
            for submission in self._submissions():
                submission.order(pause=0)

    def cancel(self, key: str) -> None:
        """Leave one trial, and its job where it has no other."""
        self._trials.pop(key, None)
        self._begun.discard(key)  # if it ends all the same, and is started again, its start is to be said again
        self._waiting = [job for job in self._waiting if job.trial.key != key]
        for job in [job for job in self._jobs if key in job.keys]:
            job.submission.order(cancel=key)
            job.keys.remove(key)
            if not job.keys:
                self._queue.cancel(self._ids([job]))

    def cancel_all(self) -> None:
        """End the jobs; each writes its checkpoint if it comes to the end of its step soon."""
        self._pausing = False
        self._waiting.clear()
        self._trials.clear()
        self._begun.clear()
        self._events.clear()
        jobs, self._jobs = self._jobs, []
        self._queue.cancel(self._ids([job for job in jobs if job.keys]))
        deadline = time.monotonic() + STOP_SECONDS
        while jobs and self._ids(jobs) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        for job in jobs:
            job.submission.drop()
        self._known.clear()

    def resize(self, workers: int) -> None:
        """So many jobs at once from now on; what waits or runs beyond that goes on."""
        self.workers = max(1, workers)

    def interrupt(self) -> None:
        """Make call() raise Interrupted; for any thread."""
        self._calls.interrupt()
        self._local.interrupt()

    def close(self) -> None:
        """End what runs."""
        if self._trials or self._jobs:
            self.cancel_all()
        drop_jobs(self._own)
        with contextlib.suppress(OSError):
            self._own.rmdir()
        self._local.close()

    # ---- submitting ----

    def _directory(self, job: Train) -> Path:
        """Of the sweep; without one, this executor's own, where nothing stays."""
        return job.checkpointing.path.absolute().parents[1] if job.checkpointing else self._own

    def _find_jobs(self, directory: Path) -> None:
        """Take up the jobs that an earlier process has submitted, as far as they still wait or run."""
        there = self._queue.jobs()
        for _ in range(ANSWER_TRIES):
            if there is not None:
                break
            time.sleep(1.0)
            there = self._queue.jobs()
        if there is None:
            raise WorkerLost("squeue does not answer; without it, trials that still run would be trained twice")
        self._known.add(directory)
        for submission in Submission.found(directory):
            states = {state.index: state for state in there or () if state.name == submission.name}
            for job in submission.jobs:
                if job.index in states:
                    job.see(states[job.index])
                    self._jobs.append(job)
            if not states:
                submission.drop()
            elif self._pausing:
                submission.order(pause=self._pauses)
        self._looked = -math.inf
        self._look()

    def _submit(self) -> None:
        """Queue what was started, as one array for each directory."""
        if not self._waiting or self._pausing or time.monotonic() - self._tried < (RETRY_SECONDS if self._said else 0):
            return
        self._tried = time.monotonic()
        waiting, self._waiting = self._waiting, []
        for directory in {self._directory(job) for job in waiting}:
            mine = [job for job in waiting if self._directory(job) == directory]
            packs = pack(mine, self._pack_seconds)
            submission = None
            try:
                (directory / FOLDER / RESULTS).mkdir(parents=True, exist_ok=True)
                submission = Submission.new(directory, [[job.trial.key for job in jobs] for jobs in packs])
                made = [self._pack(submission, index, jobs) for index, jobs in enumerate(packs)]
                minutes = max(math.ceil((2 * sum(map(predicted, jobs)) + 600) / 60) for jobs in packs)
                self._queue.submit(submission.folder, submission.name, made, minutes)
            except (CannotSubmit, OSError) as error:
                if submission is not None:
                    submission.drop()
                self._waiting += mine
                if str(error) != self._said:
                    self._said = str(error)
                    self._events.append(Note("warning", f"Slurm does not take the jobs, tried again: {error}"))
                continue
            self._said = ""
            self._jobs += submission.jobs

    def _pack(self, submission: Submission, index: int, jobs: Sequence[Job]) -> Pack:
        return make_pack(submission.directory, submission.folder, index, jobs, self._cpus, self._silent_after)

    # ---- listening ----

    def _submissions(self) -> list[Submission]:
        return list({job.submission.name: job.submission for job in self._jobs}.values())

    def _look(self) -> None:
        """Read what jobs say, and from time to time whether they are still there."""
        now = time.monotonic()
        if now - self._looked < POLL_SECONDS:
            return
        self._looked = now
        for job in list(self._jobs):
            self._hear(job)
        if now - self._asked >= self._queue_seconds and self._jobs:
            self._asked = now
            self._look_at_queue()

    def _hear(self, job: PackJob) -> None:
        for line in job.heard.take():
            match line["kind"]:
                case "begun":
                    job.begun, job.left, job.paused = True, False, False
                    job.stepped = False
                    self._requeue_started(job)
                case "paused":
                    job.paused = self._pausing and line["number"] == self._pauses
                case "left":
                    job.begun, job.left, job.paused = False, True, False
                    self._requeue_started(job)
                    self._count_in_vain(job)
                case "ended":
                    self._ended(job, line["key"])
                case "lost":
                    job.started = ""
                    self._say(line["key"], TrialLost(line["key"], line["reason"]))
                    job.keys = [key for key in job.keys if key != line["key"]]
                case "refused":
                    for key in job.keys:
                        self._say(key, TrialEnded(key, Outcome("failed", error=line["reason"])))
                    job.keys = []
                case _:
                    event = event_of(line)
                    if isinstance(event, TrialStarted):
                        job.started = event.key
                        job.stepped = True
                    if event is not None and job.started in job.keys:
                        self._say(job.started, event)

    def _requeue_started(self, job: PackJob) -> None:
        """What it trained waits again, for the job's next attempt."""
        if job.started:
            self._say(job.started, TrialRequeued(job.started))
            job.started = ""

    def _count_in_vain(self, job: PackJob) -> None:
        """End a job that is requeued again and again before it trains, as where its time limit is too short."""
        job.in_vain = 0 if job.stepped else job.in_vain + 1
        if job.in_vain >= MOST_IN_VAIN:
            job.left = False
            job.why = (
                f"was requeued {job.in_vain} times before it trained; is its time limit shorter than its signal's?"
            )
            self._queue.cancel(self._ids([job]))

    def _ids(self, jobs: Sequence[PackJob]) -> list[str]:
        """Their names in the queue."""
        wanted = {(job.submission.name, job.index) for job in jobs}
        return [state.id for state in self._queue.jobs() or () if (state.name, state.index) in wanted]

    def _say(self, key: str, event: Event | TrialLost) -> None:
        """Pass on what was said of a trial; of one that was not started here, when it is."""
        over = isinstance(event, TrialLost | TrialEnded)
        if key in self._trials:
            self._events.append(event)
            if over:
                del self._trials[key]
        elif not isinstance(event, TrialLost | TrialEnded):  # it is to be trained, or has a result, when it is started
            self._held.setdefault(key, []).append(event)
        if isinstance(event, TrialStarted):
            self._begun.add(key)
        elif over or isinstance(event, TrialRequeued):
            self._begun.discard(key)

    def _ended(self, job: PackJob, key: str) -> None:
        job.started = ""
        job.keys = [other for other in job.keys if other != key]
        if key in self._trials and not self._end_with_result(key):
            self._say(key, TrialLost(key, f"the result of {key} is not there, or damaged"))

    def _end_with_result(self, key: str) -> bool:
        """End a trial where its sealed result lies; a damaged one is said, and does not count."""
        directory = self._directory(self._trials[key])
        try:
            found = read_result(directory, key)
        except Damaged as error:
            self._events.append(Note("warning", f"{error}; the trial is trained again"))
            return False
        if found is None:
            return False
        if directory == self._own:
            drop_results(directory, [key])
        outcome, worker = found
        if key not in self._begun:  # before this process began
            self._say(key, TrialStarted(key, worker))
        self._say(key, TrialEnded(key, outcome))
        return True

    def _look_at_queue(self) -> None:
        """Which jobs are gone, and which wait for a reason that a person should know."""
        there = self._queue.jobs()
        if there is None:
            return
        states = {(state.name, state.index): state for state in there}
        for job in list(self._jobs):
            state = states.get((job.submission.name, job.index))
            if state is not None:
                job.see(state)
                if state.reason not in job.told and any(word in state.reason for word in WORRYING):
                    job.told.add(state.reason)
                    self._events.append(Note("warning", f"Slurm job {state.id} waits: {state.reason}"))
                continue
            now = time.monotonic()
            job.missing_since = job.missing_since or now
            if now - job.missing_since >= GONE_SECONDS or not job.keys:
                self._hear(job)
                self._gone(job)

    def _gone(self, job: PackJob) -> None:
        """A job is over: what it has not done goes to other jobs, and what it was doing when it died is lost."""
        self._jobs.remove(job)
        report = loss_report(job)
        left = [key for key in job.keys if key in self._trials and not self._end_with_result(key)]
        in_order = job.left and not job.started
        lost = [] if in_order else [key for key in left if key == job.started or not job.started]
        for key in left:
            if key in lost:
                self._say(key, TrialLost(key, report))
            else:
                self._waiting.append(self._trials[key])
        if all(other.submission is not job.submission for other in self._jobs):
            job.submission.drop()
