"""A terminal that goes away takes the app with it, and nothing that is finished."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
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
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # nohup: of the signal it hears nothing
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    reading = threading.Thread(target=drain, args=(ours,), daemon=True)
    reading.start()
    try:
        wait(lambda: finished(tmp_path) >= 3, "three finished trials")
        workers = psutil.Process(app.pid).children(recursive=True)
        assert len(workers) >= 2
        os.close(ours)  # nothing can be written any more
        wait(lambda: app.poll() is not None, "the app's end")
        wait(lambda: not any(w.is_running() and w.status() != "zombie" for w in workers), "the workers' end")
    finally:
        app.kill()
        app.wait()
    store = SqliteStore(tmp_path, read_only=True)
    done = [attempt.trial for attempt in store.attempts() if attempt.status == "finished"]
    assert len(done) == len(set(done)) >= 3
    assert set(store.outcomes()) == set(done)


def test_a_stopped_app_goes_on_and_leaves_the_terminal_as_it_was(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(theirs)
    app = subprocess.Popen(
        [sys.executable, "-m", "flopsfit_tui", "run", "simulated", "--out", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    written = bytearray()
    reading = threading.Thread(target=drain, args=(ours, written), daemon=True)
    reading.start()
    try:
        wait(lambda: b"optimum" in written, "the sweep's screen")
        psutil.Process(app.pid).suspend()  # SIGSTOP, which no program hears
        wait(lambda: psutil.Process(app.pid).status() == psutil.STATUS_STOPPED, "the stop")
        del written[:]
        psutil.Process(app.pid).resume()
        wait(lambda: b"\x1b[?1049h" in written and b"optimum" in written, "the screen, drawn anew")
        os.write(ours, b"?")
        wait(lambda: b"search" in written.lower(), "the help")
        os.write(ours, b"\x1b")
        app.send_signal(signal.SIGTERM)
        wait(lambda: app.poll() is not None, "the app's end")
        assert termios.tcgetattr(theirs)[:4] == before[:4]
    finally:
        app.kill()
        app.wait()
        os.close(theirs)
        os.close(ours)


def drain(terminal, written=None):
    try:
        while chunk := os.read(terminal, 65536):
            if written is not None:
                written.extend(chunk)
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
