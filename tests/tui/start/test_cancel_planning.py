"""A planning that takes too long is cancelled by a key, on the start screen and once the sweep was asked for."""

from __future__ import annotations

import threading

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.sweep.executor import Interrupted
from flopsfit_tui.tui.session import sweep_thread
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.screen import SweepScreen


class Slow(Rehearsed):
    """Plans until it is interrupted, as long as `slow` is set."""

    slow = True

    def __init__(self):
        super().__init__()
        self.interrupted = threading.Event()
        self.ended = False

    def call(self, jobs):
        if Slow.slow:
            self.interrupted.wait()
        if self.interrupted.is_set():
            raise Interrupted
        return super().call(jobs)

    def interrupt(self):
        self.interrupted.set()

    def close(self):
        self.ended = True
        super().close()


@pytest.fixture
def executors(monkeypatch):
    """Every executor that the app has made; the first ones plan for ever."""
    made = []

    def make(options, nice):
        made.append(Slow())
        return made[-1]

    monkeypatch.setattr(sweep_thread, "make_executor", make)
    monkeypatch.setattr(Slow, "slow", True)
    return made


async def test_planning_is_cancelled_and_begun_again(open_app, executors, options):
    async with open_app(options) as app:
        await app.until(lambda: executors, "the planning")
        assert app.app_state.planning
        assert app.app.screen.check_action("cancel_planning", ())
        await app.press("x")
        assert app.app_state.stage == "refused"
        assert app.text("#problem") == "planning was cancelled; enter plans again"
        await app.until(lambda: executors[0].ended, "the end of its workers")
        assert not app.app.screen.check_action("cancel_planning", ())
        Slow.slow = False
        await app.press("enter")
        await app.ready()
        assert len(app.app_state.plan.trials) == 9
        assert app.app_state.options == options
        assert isinstance(app.app.screen, StartScreen)
        await app.press("enter")
        await app.until(lambda: app.state.phase == "done", "the sweep")


async def test_a_start_that_waits_for_its_plan_is_taken_back(open_app, executors, options):
    async with open_app(options, start=True) as app:
        await app.until(lambda: executors and isinstance(app.app.screen, SweepScreen), "the planning")
        await app.press("x")
        await app.until(lambda: isinstance(app.app.screen, StartScreen), "the start screen")
        assert not app.app_state.busy
        Slow.slow = False
        await app.press("enter")
        await app.ready()
        assert not app.state.trials  # only planned
