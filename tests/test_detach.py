"""A sweep without a terminal, by the command line: it outlives the terminal, several control it, one process writes."""

import ctypes
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import flopsfit_tui as ff
from flopsfit_tui.core.detach import open_log
from flopsfit_tui.core.events import CommandGiven
from flopsfit_tui.core.sweep_files import LOG, SOCKET
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore

PATIENCE = 120.0
ADOPT = 36  # of prctl: processes below whose parents end become children of this one, so that their exit codes are seen
HOOK = """
import os, sys
sys.modules["matplotlib"] = None
def hook(event, arguments):
    if event == "sqlite3.connect":
        os.write(log, f"{os.getpid()} {arguments[0]}\\n".encode())
log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
sys.addaudithook(hook)
"""


@pytest.fixture
def adopting():
    if sys.platform != "linux":
        pytest.skip("exit codes of detached processes are seen on Linux")
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(ADOPT, 0, 0, 0, 0)


def command(*words):
    return [sys.executable, "-m", "flopsfit_tui", *map(str, words)]


def detach(directory, tiny_file, budgets="2e8,4e8", **how):
    words = command("run", tiny_file, "--detach", "--budgets", budgets, "--sizes", "4,8", "--workers", 2)
    words += ["--device", "cpu", "--checkpoint-seconds", "0.5", "--out", str(directory)]
    return subprocess.run(words, text=True, timeout=PATIENCE, check=False, **how)


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_detached_sweep_is_controlled_by_three_and_written_by_one(tmp_path, tiny_file, adopting, monkeypatch):
    directory, hook = tmp_path / "sweep", tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    monkeypatch.setenv("OPENED", str(tmp_path / "opened"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hook), *(os.path.abspath(p) for p in sys.path if p)]))
    terminal, side = pty.openpty()
    done = detach(directory, tiny_file, stdin=side, stdout=subprocess.PIPE, stderr=side, start_new_session=True)
    assert done.returncode == 0
    assert done.stdout == f"{directory}\n"
    process = sweeping_process(directory)
    assert f"process {process} sweeps without a terminal" in os.read(terminal, 1 << 16).decode()
    os.close(terminal)  # the terminal goes away
    os.close(side)
    os.kill(process, signal.SIGHUP)  # and a hang-up, if one comes, changes nothing
    watch = command("watch", directory, "--no-ui")
    reader = subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0)
    assert reader.stderr.readline().startswith(b"sweep of ")  # it watches from here on
    sweeps = [ff.attach(directory) for _ in range(3)]
    first, second, third = sweeps
    until(lambda: first.state.phase == "running" and first.state.count("running"))

    first.pause()
    until(lambda: second.state.phase == "paused" and third.state.phase == "paused")
    second.resume()
    until(lambda: first.state.phase == "running" and third.state.phase == "running")
    key = next(key for key, now in third.state.trials.items() if now.status in ("pending", "running"))
    third.skip(key)
    until(lambda: all(sweep.state.trials[key].status == "skipped" for sweep in sweeps))
    with pytest.raises(ValueError, match="nothing was skipped: the trial has ended"):
        first.skip(key)
    acts = [threading.Thread(target=sweep.workers, args=(3,)) for sweep in sweeps]
    for act in acts:
        act.start()
    for act in acts:
        act.join()
    until(lambda: all(sweep.state.workers == 3 for sweep in sweeps))
    first.add(4e8, 8)
    until(lambda: all(len(sweep.state.trials) == 5 for sweep in sweeps))
    second.leave_out(key, " its data were broken ")
    until(lambda: all(sweep.state.plan.left_out == ((key, "its data were broken"),) for sweep in sweeps))
    with pytest.raises(ValueError, match="the plan has no trial nobody"):
        first.leave_out("nobody", "why")
    with pytest.raises(ValueError, match="takes a reason"):
        first.leave_out(key, " ")
    third.target(1e10)
    assert reader.pid in {pid for pid, _ in _opened(tmp_path / "opened", directory)}
    assert {_writers(tmp_path / "opened", directory), frozenset(_writing_now(directory))} == {frozenset({process})}

    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    assert third.wait(PATIENCE) == "stopped"
    assert reader.wait(PATIENCE) == 130
    assert b"pid " in reader.communicate()[1]  # it says who acted
    store = SqliteStore(directory, read_only=True)
    assert len({row.event.id for row in store.stored_events() if isinstance(row.event, CommandGiven)}) == 11
    store.close()
    assert list((directory / "checkpoints").glob("*.pt"))
    assert not (directory / SOCKET).exists()
    assert "flopsfit-tui run" in (directory / LOG).read_text()
    with pytest.raises(ValueError, match="no process sweeps"):
        first.pause()
    first.leave_out(key, None)  # also when it has ended
    assert first.result.plan.left_out == first.state.plan.left_out == ()
    for sweep in sweeps:
        sweep.close()


def _opened(opened: Path, directory: Path):
    """Each time that a process opened the store: its number, and how."""
    lines = [line.split(" ", 1) for line in opened.read_text().splitlines()]
    return [(int(pid), uri) for pid, uri in lines if str(directory) in uri]


def _writers(opened: Path, directory: Path):
    """Processes that ever opened the store so that they could write it."""
    return frozenset(pid for pid, uri in _opened(opened, directory) if "mode=ro" not in uri)


def _writing_now(directory: Path):
    """Processes in which the kernel has the store open for writing."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry) == str(directory / "sweep.db"):
                info = (entry.parents[1] / "fdinfo" / entry.name).read_text()
                flags = next(int(line.split()[1], 8) for line in info.splitlines() if line.startswith("flags:"))
                if flags & os.O_ACCMODE != os.O_RDONLY:
                    yield int(entry.parts[2])
        except (OSError, StopIteration):
            continue


@pytest.mark.slow
def test_what_is_wrong_with_the_plan_is_said_on_the_terminal(tmp_path, tiny_file):
    done = detach(tmp_path / "sweep", tiny_file, budgets="1", capture_output=True)
    assert done.returncode == 2
    assert "flopsfit-tui: " in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "sweep").exists()


@pytest.mark.slow
def test_a_second_run_says_who_sweeps_and_offers_to_watch(tmp_path, tiny_file):
    holder = SqliteStore(tmp_path)
    try:
        done = detach(tmp_path, tiny_file, capture_output=True)
    finally:
        holder.close()
    assert done.returncode == 2
    assert f"process {os.getpid()} is sweeping in" in done.stderr
    assert f"flopsfit-tui watch {tmp_path}" in done.stderr


def test_a_log_that_is_not_the_sweeps_is_left_alone(tmp_path):

    (tmp_path / LOG).write_text("my notes\n")
    with pytest.raises(ValueError, match="is not a file that a sweep made"):
        open_log(tmp_path)
    assert (tmp_path / LOG).read_text() == "my notes\n"
    (tmp_path / LOG).unlink()
    for _ in range(2):
        os.close(open_log(tmp_path))
    assert (tmp_path / LOG).read_text().count("flopsfit-tui: ") == 2
