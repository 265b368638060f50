"""A queue of this machine's own, by submitit's local executor: what stands for Slurm where there is none."""

from __future__ import annotations

import os
import signal

from flopsfit_tui.sweep.slurm.queue import JobState


class LocalQueue:
    """Runs each job at once, as a process that submitit watches over, and requeues when it asks for that."""

    def __init__(self):
        self.started = []  # (name, index, submitit's job)

    def submit(self, folder, name, packs, minutes):
        from submitit import LocalExecutor

        executor = LocalExecutor(folder)
        executor.update_parameters(timeout_min=minutes)
        for index, pack in enumerate(packs):
            self.started.append((name, index, executor.submit(pack)))

    def jobs(self):
        alive = [(name, index, job) for name, index, job in self.started if job._process.poll() is None]
        return [JobState(f"{job.job_id}_{index}", name, "RUNNING") for name, index, job in alive]

    def cancel(self, ids):
        for name in ids:
            os.kill(int(name.partition("_")[0]), signal.SIGTERM)
