"""Whatever a model does to its process, the next trial's loss is the same to the last digit, and nothing is left."""

from __future__ import annotations

import os
from pathlib import Path

import misbehaving
import psutil
import pytest

from flopsfit_tui.core.events import Note, TrialEnded
from flopsfit_tui.core.text import MOST_TEXT
from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.children import MARK
from flopsfit_tui.sweep.executor import InThread, TrialLost
from flopsfit_tui.sweep.job import Train
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes

TESTS = Path(__file__).parents[1]
EVERYDAY = {"double_precision", "children_in_sessions", "a_huge_print", "a_huge_error", "replaced_functions"}


@pytest.fixture(scope="module")
def executor():
    executor = Processes(1)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def plan(tiny_file):
    """One trial of some fifty steps; models misbehave in the twentieth."""
    return make_plan(Request(tiny_file, budgets=(2e5,), sizes=(4,)), InThread())


def train(executor, reference, plan):
    """A trial's outcome, and all that was said."""
    executor.start(Train(reference, plan.trials[0], plan.recipe, "cpu"))
    said, outcome = [], None
    while outcome is None or executor.free == 0:
        for event in executor.poll(0.2):
            said += [event.message] if isinstance(event, Note) else []
            if isinstance(event, TrialEnded):
                outcome = event.outcome
            if isinstance(event, TrialLost):
                pytest.fail(event.reason)
    return outcome, said


@pytest.fixture(scope="module")
def expected(executor, plan, tiny_file):
    return train(executor, tiny_file, plan)[0].loss


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind.__name__, marks=() if kind.__name__ in EVERYDAY else pytest.mark.slow)
        for kind in misbehaving.KINDS
    ],
)
def test_the_next_trial_is_the_same(kind, executor, plan, tiny_file, expected):
    outcome, said = train(executor, f"{TESTS / 'misbehaving.py'}:with_{kind}", plan)
    assert len(outcome.error) <= MOST_TEXT
    if kind in ("a_huge_error", "an_exit"):
        assert outcome.status == "failed"
    if kind == "a_huge_error":
        assert "head yyy" in outcome.error
        assert outcome.error.rstrip().endswith("yyy tail")
    assert sum(map(len, said)) < 1_200_000
    assert train(executor, tiny_file, plan)[0].loss == expected
    assert train(executor, tiny_file, plan)[0].loss == expected
    assert left_over() == []
    assert sum(os.fstat(file.fileno()).st_size for w in executor._workers for file in (w._output, w._errors)) < 1 << 23


def left_over():
    """Processes of workers of this process, without the workers."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(f"{os.getpid()}-") and process.ppid() != os.getpid():
                found.append(process.cmdline())
        except (psutil.Error, OSError):
            continue
    return found


def test_a_trial_says_what_it_changed(executor, plan):
    _, said = train(executor, f"{TESTS / 'misbehaving.py'}:with_double_precision", plan)
    assert any("changed torch's default dtype for its whole process; put back" in line for line in said)


def test_there_are_thirty():
    assert len(misbehaving.KINDS) == 30
