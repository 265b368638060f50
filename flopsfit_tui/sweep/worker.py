"""A worker process: takes jobs from the process that sweeps, trains, and sends back what happens.

    sweeping process  --- jobs, hold, release --->  listener thread --> queue --> main thread (trains)
                      <------- messages ----------------------------------------/

The connection is the worker's life line: when the sweeping process ends, however it dies, the kernel closes its end,
the listener reads the end of the stream, and the worker is gone. Run as `python -m flopsfit_tui.sweep.worker FD`.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

from flopsfit_tui.sweep.job import Job, perform
from flopsfit_tui.sweep.wire import Done, Happened, Held, Message, Order, Refused, Setup


def main(descriptor: int) -> None:
    """Serve jobs until the connection ends."""
    connection: Connection[Message, Any] = Connection(descriptor)
    setup: Setup = connection.recv()
    sys.path[:] = setup.path
    os.nice(setup.nice)
    jobs: queue.Queue[Job] = queue.Queue()
    released = threading.Event()
    released.set()
    threading.Thread(target=_listen, args=(connection, jobs, released), daemon=True).start()
    import torch

    torch.set_num_threads(setup.threads)
    while True:
        _serve(connection, jobs.get(), released)


def _listen(connection: Connection[Message, Any], jobs: queue.Queue[Job], released: threading.Event) -> None:
    while True:
        try:
            order: Order = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # whoever sweeps is gone: nobody is left to train for
        if order == "hold":
            released.clear()
        elif order == "release":
            released.set()
        else:
            jobs.put(order)  # type: ignore[arg-type]


def _serve(connection: Connection[Message, Any], job: Job, released: threading.Event) -> None:
    try:
        running = perform(job)
        while True:
            if not released.is_set():
                connection.send(Held())
                released.wait()
            try:
                connection.send(Happened(next(running)))
            except StopIteration as done:
                connection.send(Done(done.value))
                return
    except (ValueError, TypeError) as error:
        connection.send(Refused(type(error), str(error)))
    except Exception:  # noqa: BLE001 - the sweeping process decides what to make of it
        connection.send(Refused(None, traceback.format_exc()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
