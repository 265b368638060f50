"""How long commands take to start, beside the least that they could: a bare interpreter that imports click or Textual.

OMP_NUM_THREADS=1 python -m benchmarks --only start_up
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from row import Repetition, Row, seconds
from terminal import Terminal, app

BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("painted")
Bare().run()
"""


def _command(*arguments: str) -> Repetition:
    """A command's time by that of `import click`."""

    def run(*command: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True))

    return lambda: run("-m", "flopsfit_tui", *arguments) / run("-c", "import click")


START_SCREEN = r"(?s)flopsfit.*gpt-bytes.*simulated.*budgets.*workers.*Plan.*measuring.*Help"


def _first_paint() -> Repetition:
    """From the start of the process until the terminal has got the first frame of the start screen, whole: title,
    workloads, fields, what the plan waits for, keys; by the same of a Textual app that shows one word."""
    bare = Path(tempfile.mkdtemp()) / "bare.py"
    bare.write_text(BARE_APP)

    def paint(command: list[str], text: str) -> float:
        with Terminal(command) as terminal:
            return terminal.until(text) - terminal.started

    return lambda: paint(app(), START_SCREEN) / paint([sys.executable, str(bare)], "painted")


LOSS = r"~ ?\d\.\d{3}"  # of a trial that runs, in the table of trials


def _first_loss(press_when: str) -> Repetition:
    """From pressing start, once a text stands on the start screen, to the first loss; by the time to import torch."""

    def wait() -> float:
        with tempfile.TemporaryDirectory() as directory:
            command = app("launch", "gpt-bytes", "--out", str(Path(directory) / "sweep"))
            with Terminal(command) as terminal:
                terminal.until(press_when, 300)
                terminal.forget()
                pressed = terminal.press("s")
                return terminal.until(LOSS, 300) - pressed

    def repeat() -> float:
        importing = seconds(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True))
        return wait() / importing

    return repeat


def rows() -> Iterator[Row]:
    """Help, version, first paint, first loss."""
    yield Row("--help by a bare `import click`", 3.0, False, "", lambda: _command("--help"))
    yield Row("--version by a bare `import click`", 3.0, False, "", lambda: _command("--version"))
    yield Row("first paint by a bare Textual app's", 1.5, False, "", _first_paint)
    ready = partial(_first_loss, "ready")
    yield Row("first loss from pressing start on a plan, by `import torch`", 1.5, False, "", ready)
    at_once = partial(_first_loss, START_SCREEN)
    yield Row("first loss from pressing start before there is a plan, by `import torch`", 1.5, False, "", at_once)
