"""Doing a job as a stream of messages, wherever it is done: in a worker process or in an actor of a cluster."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator

from flopsfit_tui.core.events import TrialAlive
from flopsfit_tui.core.text import cut_middle
from flopsfit_tui.sweep.job import Compare, Job, Train, difference, run_job, workload_of
from flopsfit_tui.sweep.ranks import RankLost
from flopsfit_tui.sweep.surroundings import Surroundings
from flopsfit_tui.sweep.wire import Done, JobEvent, JobFailed, Message, Paused

ALIVE_SECONDS = 1.0  # between two messages that say no more than that the trial is alive


def serve(
    job: Job,
    resumed: threading.Event,
    cancelled: threading.Event,
    *,
    own_process: bool = False,
    surroundings: Surroundings | None = None,
) -> Iterator[Message]:
    """What happens while a job is done; the last is Done or JobFailed.

    resumed and cancelled are looked at between two events; own_process: the process is there for jobs alone.
    surroundings: those of the sweep, where this may be another machine; one that differs is refused.
    """
    try:
        content = job.content if isinstance(job, Train) else None
        if surroundings is not None and (why := difference(Compare(workload_of(job), surroundings, content))):
            yield JobFailed(ValueError, why)
            return
        running, alive = run_job(job, own_process=own_process), 0.0
        while not cancelled.is_set():
            if not resumed.is_set():
                yield Paused()
                resumed.wait()
                continue
            try:
                event = next(running)
            except StopIteration as done:
                yield Done(done.value)
                return
            if isinstance(event, TrialAlive):
                if time.monotonic() - alive < ALIVE_SECONDS:
                    continue
                alive = time.monotonic()
            yield JobEvent(event)
        running.close()
        yield Done(None)
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError  # classes that need no torch to be read
        yield JobFailed(kind, cut_middle(str(error)))
    except RankLost as error:
        yield JobFailed(None, cut_middle(str(error)), lost=True)
    except MemoryError:
        yield JobFailed(None, cut_middle(traceback.format_exc()), out_of_memory=True)
    except Exception:  # noqa: BLE001 - the sweeping process decides what to make of it
        yield JobFailed(None, cut_middle(traceback.format_exc()))
