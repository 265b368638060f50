"""A worker process: takes jobs from the process that sweeps, trains, and sends back what happens.

    sweeping process  --- jobs, pause, resume, cancel --->  listener thread --> queue --> main thread (trains)
                      <------- messages -----------------------------------------------/

The connection is the worker's life line: when the sweeping process ends, however it dies, the kernel closes its end,
the listener reads the end of the stream, and the worker leaves its trial and ends. SIGTERM, SIGINT and SIGHUP do the
same. To leave a trial is to write its checkpoint between two steps; a step that takes longer than LEAVE_SECONDS is not
waited for. Run as `python -m flopsfit_tui.sweep.worker FD`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from flopsfit_tui.sweep.children import adopt_orphans, children, end_children
from flopsfit_tui.sweep.job import Job, Train
from flopsfit_tui.sweep.printed import cap_prints
from flopsfit_tui.sweep.serve import serve
from flopsfit_tui.sweep.wire import Done, JobFailed, Message, Order, Setup

LEAVE_SECONDS = 3.0  # until a worker that is to leave its trial ends without its checkpoint
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Inbox:
    """What the sweeping process wants: jobs in a queue, and flags that the training thread looks at between events."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()  # None: end; may be put in a signal handler
        self.resumed = threading.Event()
        self.resumed.set()
        self.cancelled = threading.Event()
        self.leaving = False
        self.training = False  # a trial that can be left

    def listen(self, connection: Connection[Message, Any]) -> None:
        """Take orders until the connection ends, and the process with it."""
        while True:
            try:
                order: Order = connection.recv()
            except (EOFError, OSError):
                self.leave(0)  # the parent process is gone
                return
            match order:
                case "pause":
                    self.resumed.clear()
                case "resume":
                    self.resumed.set()
                case "cancel":
                    self.cancelled.set()
                    self.resumed.set()
                case job:
                    self.jobs.put(job)

    def leave(self, code: int) -> None:
        """Leave the trial that runs, if one does, and end."""
        if not self.training:
            _exit(code)
        self.leaving = True
        last = threading.Timer(LEAVE_SECONDS, _exit, (code,))
        last.daemon = True
        last.start()
        self.cancelled.set()
        self.resumed.set()
        self.jobs.put(None)


def main(descriptor: int) -> None:
    """Serve jobs until the connection ends."""
    inbox = _Inbox()

    def leave(number: int, _frame: FrameType | None) -> None:
        inbox.leave(128 + number)

    for number in SIGNALS:
        signal.signal(number, leave)
    connection: Connection[Message, Any] = Connection(descriptor)
    setup: Setup = connection.recv()
    sys.path[:] = setup.path
    _lower_priority(setup.nice)
    adopt_orphans()
    threading.Thread(target=inbox.listen, args=(connection,), daemon=True).start()
    import torch

    torch.set_num_threads(setup.threads)
    if inbox.jobs.empty():
        _import_ahead()
    while True:
        job = inbox.jobs.get()
        if job is None:
            _exit(0)
        else:
            _serve(connection, job, inbox)


def _import_ahead() -> None:
    """Import what planning and training need beside torch, half as long again (torch's first optimizer imports its
    compiler), while nothing is asked for yet."""
    import flopsfit_tui.train.isolation
    import flopsfit_tui.train.loop  # noqa: F401


def _exit(code: int) -> None:
    """End this process and all that the user's code has started in it."""
    with contextlib.suppress(Exception):
        end_children(set())
    os._exit(code)


def _lower_priority(nice: int) -> None:
    """Take a lower priority, and where it is known (Linux), be a batch job, which lets others wake up before it."""
    os.nice(nice)
    if nice and hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _serve(connection: Connection[Message, Any], job: Job, inbox: _Inbox) -> None:
    inbox.cancelled.clear()  # a cancel that came too late was for the job before
    inbox.training = isinstance(job, Train)
    if inbox.leaving:
        return
    before = children()
    with cap_prints():
        answer = _run(connection, job, inbox)
    inbox.training = False
    if count := end_children(before):
        _log_children(count)
    if inbox.leaving:
        _exit(0)
    connection.send(answer)


def _log_children(count: int) -> None:
    print(f"{count} process{'es' * (count > 1)} that the model started went on after its trial; ended", file=sys.stderr)


def _run(connection: Connection[Message, Any], job: Job, inbox: _Inbox) -> Done | JobFailed:
    """Do a job and send its events; what ends it."""
    for message in serve(job, inbox.resumed, inbox.cancelled, own_process=True):
        if isinstance(message, Done | JobFailed):
            return message
        connection.send(message)
    raise AssertionError("a job ends with Done or JobFailed")


if __name__ == "__main__":
    main(int(sys.argv[1]))
