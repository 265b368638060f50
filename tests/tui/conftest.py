"""The app on a tiny workload, and how to wait for it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from textual.widgets import Static

sys.path.insert(0, str(Path(__file__).parent))

from rehearsed import Rehearsed
from waiting import plots_drawn

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.session import sweep_thread

SIZES = {"narrow": (80, 24), "wide": (160, 50)}


class Driver:
    """An app under test: presses keys, waits for what they lead to, reads what is on the screen."""

    def __init__(self, app, pilot):
        self.app, self.pilot = app, pilot

    @property
    def app_state(self):
        return self.app.app_state

    @property
    def state(self):
        return self.app.app_state.state

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.pilot.pause()
        await self.drawn()

    async def drawn(self):
        """Wait until every plot in sight shows what is wanted of it."""
        await plots_drawn(self.app, self.pilot)

    async def until(self, condition, what="", seconds=300):
        """Wait until `condition()` holds; fail with what the app knows when it never does."""
        end = time.monotonic() + seconds
        while not condition():
            app_state = self.app.app_state
            statuses = Counter(now.status for now in app_state.state.trials.values())
            assert time.monotonic() < end, (
                f"{what or 'the condition'} never came; stage {app_state.stage}, phase {app_state.state.phase}, "
                f"problem {app_state.problem!r}, trials {statuses}\n"
                f"{app_state.traceback}"
            )
            await asyncio.sleep(0.02)  # the pilot's pause would wake up every widget
        await self.pilot.pause()

    async def ready(self):
        await self.until(lambda: self.app_state.stage in ("ready", "refused"), "the plan")

    async def ended(self):
        await self.until(lambda: self.app_state.stage == "ended" and self.app_state.exported, "the end of the sweep")

    def text(self, selector):
        """What a line says."""
        return str(self.app.screen.query_one(selector, Static).content)

    def picture(self):
        """Every line on the screen as it is drawn."""
        return ["".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()]


@pytest.fixture
def options(tmp_path, tiny_file):
    """A tiny sweep."""
    return Options(Request(tiny_file, budgets=(2e5, 4e5, 8e5)), out=tmp_path / "sweep", workers=2)


@pytest.fixture
def rehearsed(monkeypatch):
    """The app's sweeps train nothing; returns the executor that only seems to."""
    executor = Rehearsed()
    monkeypatch.setattr(sweep_thread, "make_executor", lambda options, nice: executor)
    return executor


@pytest.fixture
def open_app():
    """`async with open_app(options) as driver:`"""

    class Running:
        def __init__(self, options, size="narrow", **kwargs):
            self.app = FlopsfitApp(options, **kwargs)
            self.context = self.app.run_test(size=SIZES.get(size, size))

        async def __aenter__(self):
            return Driver(self.app, await self.context.__aenter__())

        async def __aexit__(self, *error):
            return await self.context.__aexit__(*error)

    return Running
