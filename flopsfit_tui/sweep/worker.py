"""A worker process: takes jobs from the process that sweeps, trains, and sends back what happens.

    sweeping process  --- jobs, hold, release --->  listener thread --> queue --> main thread (trains)
                      <------- messages ----------------------------------------/

The connection is the worker's life line: when the sweeping process ends, however it dies, the kernel closes its end,
the listener reads the end of the stream, and the worker is gone. Run as `python -m flopsfit_tui.sweep.worker FD`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

from flopsfit_tui.sweep.job import Job, perform
from flopsfit_tui.sweep.wire import Done, Happened, Held, Message, Order, Refused, Setup


class _Orders:
    """What the sweeping process wants: jobs in a queue, and flags that the training thread looks at between events."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Job] = queue.Queue()
        self.released = threading.Event()
        self.released.set()
        self.dropped = threading.Event()

    def listen(self, connection: Connection[Message, Any]) -> None:
        """Take orders until the connection ends, and the process with it."""
        while True:
            try:
                order: Order = connection.recv()
            except (EOFError, OSError):
                os._exit(0)  # whoever sweeps is gone: nobody is left to train for
            match order:
                case "hold":
                    self.released.clear()
                case "release":
                    self.released.set()
                case "drop":
                    self.dropped.set()
                    self.released.set()
                case job:
                    self.jobs.put(job)


def main(descriptor: int) -> None:
    """Serve jobs until the connection ends."""
    connection: Connection[Message, Any] = Connection(descriptor)
    setup: Setup = connection.recv()
    sys.path[:] = setup.path
    _stand_back(setup.nice)
    orders = _Orders()
    threading.Thread(target=orders.listen, args=(connection,), daemon=True).start()
    import torch

    torch.set_num_threads(setup.threads)
    while True:
        job = orders.jobs.get()
        orders.dropped.clear()  # a drop that came too late was for the job before
        _serve(connection, job, orders)


def _stand_back(nice: int) -> None:
    """Take a lower priority, and where it is known (Linux), be a batch job, which lets others wake up before it."""
    os.nice(nice)
    if nice and hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _serve(connection: Connection[Message, Any], job: Job, orders: _Orders) -> None:
    try:
        running = perform(job)
        while not orders.dropped.is_set():
            if not orders.released.is_set():
                connection.send(Held())
                orders.released.wait()
                continue
            try:
                connection.send(Happened(next(running)))
            except StopIteration as done:
                connection.send(Done(done.value))
                return
        running.close()
        connection.send(Done(None))
    except (ValueError, TypeError) as error:
        connection.send(Refused(type(error), str(error)))
    except Exception:  # noqa: BLE001 - the sweeping process decides what to make of it
        connection.send(Refused(None, traceback.format_exc()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
