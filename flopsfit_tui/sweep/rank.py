"""One of the processes that torchrun starts to train a trial together: `python -m flopsfit_tui.sweep.rank SOCKET`.

    worker (ranks.py) --- the trial; go or leave after each event ---> rank 0, the first
                      <-- events; RankOver or RankFailed --------------------/
                      --- the trial ---> the other ranks --- RankOver or RankFailed --->

The first one stands still until the worker has answered its last event, and the others with it, in their next exchange
of gradients: that is a pause. The connection is the life line of each: where the worker ends, so do they.
"""

from __future__ import annotations

import io
import os
import queue
import socket
import sys
import threading
import traceback
from contextlib import closing, redirect_stdout
from multiprocessing.connection import Connection
from typing import Any

from flopsfit_tui.core.text import cut_middle
from flopsfit_tui.sweep.job import Train, resolve
from flopsfit_tui.sweep.wire import RankFailed, RankOver


def main(path: str) -> None:
    """Train, report, and wait for the worker to close the connection."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        connection: Connection[Any, Any] = Connection(link.detach())
    connection.send(int(os.environ["RANK"]))
    job, parts = connection.recv()
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, answers), daemon=True).start()
    connection.send(_train(connection, answers, job, parts))
    threading.Event().wait()


def _listen(connection: Connection[Any, Any], answers: queue.SimpleQueue[str]) -> None:
    while True:
        try:
            answers.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # the worker has ended, or wants no more


def _train(
    connection: Connection[Any, Any], answers: queue.SimpleQueue[str], job: Train, parts: int
) -> RankOver | RankFailed:
    """This rank's part; how it ended."""
    import torch

    from flopsfit_tui.train.loop import train_along, train_trial
    from flopsfit_tui.train.team import Team

    try:
        workload, team = resolve(job.workload), Team(job.device)
        if team.rank > 0:
            with redirect_stdout(io.StringIO()):  # what the model prints, it prints once
                train_along(workload, job.trial, job.recipe, job.checkpointing, team, parts)
            return RankOver()
        with closing(
            train_trial(workload, job.trial, job.recipe, team.device, job.checkpointing, team, parts)
        ) as events:
            for event in events:
                connection.send(event)
                if answers.get() == "leave":
                    break
    except torch.OutOfMemoryError:
        return RankFailed(cut_middle(traceback.format_exc()), "device")
    except MemoryError:
        return RankFailed(cut_middle(traceback.format_exc()), "host")
    except BaseException:  # noqa: BLE001 - whatever the user's code raises is the trial's outcome
        return RankFailed(cut_middle(traceback.format_exc()))
    return RankOver()


if __name__ == "__main__":
    main(sys.argv[1])
