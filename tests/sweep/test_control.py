"""The socket of a running sweep: commands act once, are stored before they act, and no terminal harms the sweep."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.command_json import command_from_json, command_to_json
from flopsfit_tui.core.control import (
    AddTrial,
    Control,
    LeaveOut,
    Pause,
    Resume,
    Retry,
    RunNext,
    SetTarget,
    SetWorkers,
    Skip,
    Stop,
)
from flopsfit_tui.core.events import CommandDone, CommandGiven, Note, PlanChanged, TrialEnded
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.sweep_files import POINTER, SOCKET
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.store.running import running_directories
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep import control_server
from flopsfit_tui.sweep.control_client import ControlClient
from flopsfit_tui.sweep.control_server import MOST_LINE, ControlServer
from flopsfit_tui.sweep.control_socket import NoSocket, connect
from flopsfit_tui.sweep.run import run_sweep

COMMANDS = [
    *(Skip("abc"), Retry("abc"), RunNext("abc"), Pause(), Resume(), Stop(), SetWorkers(3), SetTarget(1e21)),
    *(LeaveOut("abc", "diverged"), LeaveOut("abc", None)),
    *(AddTrial(1e10, 16), AddTrial(1e10, "tiny"), AddTrial(1e10, (2, (3, 0.5))), AddTrial(1e10, params=1e6)),
]
PATIENCE = 60.0


@contextmanager
def sweeping(directory, tiny_file, ends=0):
    """A sweep in a thread that goes on for ever after some trials; its events, its control, its executor."""
    options = Options(Request(tiny_file, budgets=(2e5, 4e5)), out=directory, workers=2)
    executor, control, events = Rehearsed(), Control(), []
    executor.ends = ends
    sweep = Sweep(prepare(options, executor), options, executor, control, plots=False)
    thread = threading.Thread(target=lambda: [events.append(event) for event in sweep])
    thread.start()
    until(lambda: any(not isinstance(event, Note) for event in events))
    try:
        yield events, control, executor
    finally:
        control.stop()
        thread.join()


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Raw:
    """A terminal that may send anything."""

    def __init__(self, directory):
        self.link = connect(directory)
        self.link.settimeout(PATIENCE)
        self.lines = self.link.makefile("rb")
        assert self.next()["hello"] == 1

    def next(self):
        while line := self.lines.readline():
            message = json.loads(line)
            if "changed" not in message:
                return message
        return None

    def send(self, line):
        self.link.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    def close(self):
        self.lines.close()
        self.link.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_travels_as_json(command):
    assert command_from_json(json.loads(json.dumps(command_to_json(command)))) == command


@pytest.mark.parametrize(
    "message",
    [
        None, 3, [], {}, {"command": "exec"}, {"command": ["skip"]}, {"command": "skip"},
        {"command": "skip", "trial": 3}, {"command": "skip", "trial": "x" * 300},
        {"command": "skip", "trial": "\x1b[2J"}, {"command": "workers", "count": 0},
        {"command": "workers", "count": True}, {"command": "workers", "count": 1e3},
        {"command": "target", "budget": -1},
        {"command": "target", "budget": float("inf")}, {"command": "target", "budget": float("nan")},
        {"command": "add", "budget": 1e9}, {"command": "add", "budget": 1e9, "size": 4, "params": 1e6},
        {"command": "add", "budget": 1e9, "size": {"a": 1}}, {"command": "add", "budget": 1e9, "size": True},
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(message):
    with pytest.raises(ValueError, match=r".+"):
        command_from_json(message)


def test_a_command_is_stored_before_it_acts_and_acts_once(tmp_path, tiny_file):
    with sweeping(tmp_path, tiny_file) as (events, _, executor):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        assert running_directories().__next__() == tmp_path.resolve()
        terminal = Raw(tmp_path)
        message = {"id": "one", "by": "ada@box pts/1", "command": "workers", "count": 7}
        for _ in range(3):
            terminal.send(message)
            assert terminal.next() == {"id": "one", "done": True, "problem": ""}
        assert executor.workers == 7
        given = [event for event in events if isinstance(event, CommandGiven | CommandDone)]
        assert given == [CommandGiven("one", "ada@box pts/1", SetWorkers(7)), CommandDone("one")]
        terminal.close()
    assert not (tmp_path / SOCKET).exists()
    assert list(running_directories()) == []
    with sweeping(tmp_path, tiny_file) as (events, _, executor):  # another run knows the command too
        terminal = Raw(tmp_path)
        terminal.send(message)
        assert terminal.next() == {"id": "one", "done": True, "problem": ""}
        assert executor.workers == 2
        terminal.close()


def test_the_store_has_the_command_while_it_acts(plan, tiny_file):
    store, control, order = MemoryStore(), Control(), []
    key = plan.trials[0].key
    control.send(Skip(key), "ada@box pts/1")
    for event in run_sweep(plan, tiny_file, Rehearsed(), store, control):
        if isinstance(event, CommandGiven):
            order.append([type(row.event).__name__ for row in store.stored_events()][-1])
            assert key not in store.outcomes()
        if isinstance(event, TrialEnded) and event.key == key:
            order.append(event.outcome.status)
    assert order == ["CommandGiven", "skipped"]


def test_a_command_that_was_stored_acts_when_the_sweep_goes_on(plan, tiny_file, tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan)
    size = plan.sizes[0].size
    for number, command in enumerate([AddTrial(plan.budgets[0], size), Skip(plan.trials[1].key), Pause()]):
        store.record(CommandGiven(str(number), "ada@box pts/1", command))
    store.close()  # killed before it acted
    for again in (1, 0):
        store = SqliteStore(tmp_path)
        events = list(run_sweep(plan, tiny_file, Rehearsed(), store, Control()))
        store.close()
        assert sum(isinstance(event, PlanChanged) for event in events) == again
        assert sum(isinstance(event, TrialEnded) and event.outcome.status == "skipped" for event in events) == again
        assert sum(isinstance(event, CommandDone) for event in events) == 3 * again
    assert [event.problem for event in events if isinstance(event, CommandDone)] == []


def test_a_command_that_no_longer_applies_says_why(tmp_path, tiny_file):
    with sweeping(tmp_path, tiny_file):
        terminal = Raw(tmp_path)
        for command, problem in (
            ({"command": "skip", "trial": "nobody"}, "nothing was skipped: the plan has no trial nobody"),
            ({"command": "add", "budget": 1, "size": 8}, "nothing was added: the plan has no budget 1"),
        ):
            terminal.send({"id": problem[:20], "by": "ada", **command})
            answer = terminal.next()
            assert not answer["done"]
            assert answer["problem"].startswith(problem)
        terminal.close()


def test_malformed_and_huge_lines_are_refused(tmp_path, tiny_file):
    with sweeping(tmp_path, tiny_file) as (_, _, executor):
        terminal = Raw(tmp_path)
        deep = b"[" * 5000 + b"]" * 5000 + b"\n"
        no_id = json.dumps({"by": "ada", "command": "pause"}).encode() + b"\n"
        for line in (b"{\n", b"\xff\xfe\n", deep, b"null\n", no_id, b'{"id": 3, "by": "x", "command": "stop"}\n'):
            terminal.send(line)
            assert terminal.next()["problem"].startswith("not understood: ")
        terminal.send({"id": "one", "by": "ada", "command": "workers", "count": 4})
        assert terminal.next()["done"]
        terminal.send(b"x" * (MOST_LINE + 10))
        assert "bytes" in terminal.next()["problem"]
        assert terminal.next() is None
        terminal.close()
        assert executor.workers == 4


def test_a_terminal_that_reads_nothing_never_holds_up_the_sweep(tmp_path, tiny_file, monkeypatch):
    monkeypatch.setattr(control_server, "MOST_UNREAD", 1 << 14)
    with sweeping(tmp_path, tiny_file) as (_, _, executor):
        deaf = Raw(tmp_path)
        deaf.link.settimeout(0.2)
        try:
            for number in range(20_000):
                deaf.send({"id": f"{number}", "by": "deaf", "command": "nonsense" * 8})
        except OSError:
            pass  # it was let go
        with closing(ControlClient(tmp_path)) as client:
            assert client.connect()
            client.send(SetWorkers(9))
            until(lambda: executor.workers == 9)
        deaf.close()


def test_a_client_sends_again_what_was_not_answered(tmp_path, tiny_file):
    answers = []
    with closing(ControlClient(tmp_path, lambda *answer: answers.append(answer))) as client:
        waiting = client.send(SetWorkers(5))  # nobody listens yet
        assert not client.connect()
        with sweeping(tmp_path, tiny_file) as (_, _, executor):
            assert client.connect()
            until(lambda: answers)
            assert answers == [(waiting, "")]
            assert executor.workers == 5
        until(lambda: not client.connected)


def test_what_is_asked_of_a_sweep_that_ends_is_answered(tmp_path):
    control = Control()
    server = ControlServer(tmp_path, control)
    terminal = Raw(tmp_path)
    terminal.send({"id": "late", "by": "ada", "command": "pause"})
    until(lambda: control.take_commands())
    server.close()
    assert terminal.next() == {"id": "late", "done": False, "problem": "the sweep has ended"}
    assert terminal.next() is None
    terminal.close()


def test_a_socket_whose_process_has_ended_is_replaced_and_what_is_foreign_is_not(tmp_path, tiny_file):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / SOCKET))
    stale.close()
    with pytest.raises(NoSocket, match="does not answer"):
        connect(tmp_path)
    ControlServer(tmp_path, Control()).close()
    assert not (tmp_path / SOCKET).exists()
    (tmp_path / SOCKET).write_text("mine")
    with sweeping(tmp_path, tiny_file) as (_, _, executor):
        with closing(ControlClient(tmp_path)) as client:
            assert client.connect()
            client.send(SetWorkers(6))
            until(lambda: executor.workers == 6)
        assert (tmp_path / POINTER).exists()
    assert (tmp_path / SOCKET).read_text() == "mine"
    assert not (tmp_path / POINTER).exists()
    (tmp_path / POINTER).write_text("mine too")
    with sweeping(tmp_path, tiny_file) as (events, *_):
        (note,) = [event.message for event in events if isinstance(event, Note) and event.level == "warning"]
        assert note.startswith("other terminals can watch this sweep but not control it: ")
    assert (tmp_path / POINTER).read_text() == "mine too"


def test_a_path_that_is_too_long_for_a_socket_is_pointed_to(tmp_path, tiny_file):
    directory = tmp_path / ("long-" * 30)
    with sweeping(directory, tiny_file) as (_, _, executor):
        where = json.loads((directory / POINTER).read_text())["socket"]
        assert stat.S_IMODE(os.stat(where).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(where)).st_mode) == 0o700
        with closing(ControlClient(directory)) as client:
            assert client.connect()
            client.send(SetWorkers(3))
            until(lambda: executor.workers == 3)
    assert not os.path.exists(where)
    assert not (directory / POINTER).exists()


OTHER_USER = """
import os, sys
from pathlib import Path
from flopsfit_tui.sweep.control_socket import NoSocket, connect
os.setgid(65534), os.setuid(65534)
try:
    print(connect(Path(sys.argv[1])).recv(100))
except NoSocket as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_connect():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        server = ControlServer(directory := Path(name), Control())
        command = [sys.executable, "-c", OTHER_USER, str(directory)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        os.chmod(directory / SOCKET, 0o666)  # as if the mode did not hold
        open_to_all = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        server.close()
    assert said == "another user sweeps there\n"
    assert open_to_all == "b''\n"  # the kernel tells whose process it is


def test_a_forked_child_keeps_no_terminal_waiting(tmp_path):
    server = ControlServer(tmp_path, Control())
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.read(reads, 1)
        os._exit(0)
    server.close()
    with pytest.raises(NoSocket):
        connect(tmp_path)
    os.write(writes, b".")
    assert os.waitpid(child, 0)[1] == 0
    os.close(reads)
    os.close(writes)
