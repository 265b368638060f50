"""A window of any size, at any moment: the app goes on, and it ends when it is told to."""

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

import pytest

SIZES = [(width, height) for width in range(1, 13) for height in range(1, 7)]
SOME = [(1, 1), (8, 4)]  # 8 columns left the workloads' lines none
SWEEP = ["-m", "flopsfit_tui", "run", "simulated", "--workers", "1", "--out", "sweep"]
SCREENS = {  # how each is come to from the sweep's screen, and left
    "help": (("question_mark",), ("escape",)),
    "palette": (("ctrl+p",), ("escape",)),
    "warnings": (("w",), ("escape",)),
    "trial": (("1", "enter"), ("escape",)),
    "optimum": (("o",), ("escape",)),
    "filter": (("slash",), ("escape",)),
    "stop": (("x",), ("n",)),
    "quit": (("q",), ("n",)),
}


async def shrink(driver, sizes):
    for size in sizes:
        await driver.pilot.resize_terminal(*size)
        await driver.pilot.pause()
        assert driver.app.size == size
        await driver.until(lambda rows=size[1]: len(driver.picture()) == rows, f"a picture of {size}")


@pytest.mark.parametrize("sizes", [SOME, pytest.param(SIZES, marks=pytest.mark.slow)], ids=["some", "all"])
async def test_a_window_of_any_size_while_a_sweep_starts_runs_and_ends(open_app, rehearsed, options, sizes):
    rehearsed.ends = 3
    async with open_app(options) as app:
        await shrink(app, sizes[::2])
        await app.ready()
        await shrink(app, sizes[1::2])
        await app.press("r")
        await shrink(app, sizes[::3])
        await app.press("escape", "s")
        await shrink(app, sizes)
        await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
        app.app.notify("a notice of several words that is longer than any of these windows")
        for at, (opened, closed) in enumerate(SCREENS.values()):
            await app.pilot.press(*opened)  # whose plots are not waited for: some have no row to be drawn in
            await shrink(app, sizes[at % 8 :: 8])
            await app.pilot.press(*closed)
            await app.pilot.pause()
        for panel in "1234567":
            await app.pilot.press(panel)
            await shrink(app, sizes[int(panel) % 7 :: 7])
        rehearsed.ends = 100
        await shrink(app, sizes)
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        await shrink(app, sizes)
        await app.pilot.resize_terminal(80, 24)
        assert app.state.count("finished") == 9
        assert app.app.is_running


def window(columns, rows, command, directory, term="xterm-256color"):
    """A process in a terminal of its own; what it writes is read and thrown away."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=directory,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
        env={**os.environ, "TERM": term},
    )
    written = bytearray()

    def drain():
        try:
            while chunk := os.read(ours, 65536):
                written.extend(chunk)
        except OSError:
            pass

    threading.Thread(target=drain, daemon=True).start()
    os.close(theirs)
    return process, written


@pytest.mark.parametrize("moment", [b"\x1b[?1049h", pytest.param(b"/35", marks=pytest.mark.slow)])
def test_a_tiny_window_is_ended_by_sigterm(tmp_path, moment):
    columns, rows = (8, 4) if moment == b"\x1b[?1049h" else (24, 5)
    process, written = window(columns, rows, SWEEP, tmp_path)
    try:
        end = time.monotonic() + 60
        while moment not in written:
            assert time.monotonic() < end, bytes(written[-500:])
            assert process.poll() is None, bytes(written[-500:])
            time.sleep(0.02)
        time.sleep(0.3)
        assert process.poll() is None, bytes(written[-500:])
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow), pytest.param("SIGHUP", marks=pytest.mark.slow)]
)
def test_a_signal_while_the_first_screen_is_made_ends_the_app_in_good_order(tmp_path, name):
    process, written = window(100, 30, SWEEP, tmp_path)
    try:
        end = time.monotonic() + 60
        while b"\x1b[?1049h" not in written:
            assert time.monotonic() < end, bytes(written[-500:])
            time.sleep(0.001)
        process.send_signal(getattr(signal, name))
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    assert b"Traceback" not in written


STUCK = """
import signal, sys, threading
from flopsfit_tui.tui.session.signals import ended_by_signals
with ended_by_signals(lambda: None):
    print("stuck", flush=True)
    threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); lock.acquire()
"""


def test_a_process_that_is_stuck_ends_all_the_same():
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"stuck\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 128 + signal.SIGTERM
        finally:
            process.kill()


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_without_a_cursor_is_refused(tmp_path, term):
    process, _ = window(80, 24, ["-m", "flopsfit_tui", "launch", "simulated"], tmp_path, term)
    assert process.wait(60) == 2
