"""A terminal that goes away takes the app with it, and nothing that is finished."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time

import psutil
import pytest

from flopsfit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.slow


def test_a_terminal_that_goes_away_loses_nothing(tmp_path, tiny_file):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flopsfit_tui", "run", tiny_file, "--budgets", "1e7..4e7:8", "--workers", "2"]
    app = subprocess.Popen(
        [*command, "--sizes", "16,32", "--out", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    reading = threading.Thread(target=drain, args=(ours,), daemon=True)
    reading.start()
    try:
        wait(lambda: finished(tmp_path) >= 3, "three finished trials")
        workers = psutil.Process(app.pid).children(recursive=True)
        assert len(workers) >= 2
        os.close(ours)  # the terminal is closed: SIGHUP, and nothing can be written any more
        app.send_signal(1)  # where the pty is not the controlling terminal
        wait(lambda: app.poll() is not None, "the app's end")
        wait(lambda: not any(w.is_running() and w.status() != "zombie" for w in workers), "the workers' end")
    finally:
        app.kill()
        app.wait()
    store = SqliteStore(tmp_path, read_only=True)
    done = [attempt.trial for attempt in store.attempts() if attempt.status == "finished"]
    assert len(done) == len(set(done)) >= 3
    assert set(store.outcomes()) == set(done)


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def finished(directory):
    try:
        store = SqliteStore(directory, read_only=True)
    except ValueError:
        return 0
    try:
        return sum(outcome.status == "finished" for outcome in store.outcomes().values())
    except Exception:  # noqa: BLE001 - it is just being made
        return 0
    finally:
        store.close()


def wait(condition, what, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.05)
