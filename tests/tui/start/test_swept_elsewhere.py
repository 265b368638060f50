"""The chosen directory is being swept by another process: the plan stays, and enter asks again whether to watch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog

SIZES = [(80, 24), (40, 12), (120, 40)]


async def asked(app):
    await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the offer to watch")
    assert "is sweeping in" in app.text("#detail")


@pytest.mark.parametrize("size", SIZES)
async def test_the_plan_stays_and_enter_asks_again(open_app, rehearsed, options, size):
    holder = SqliteStore(options.out)
    try:
        async with open_app(options, size=size) as app:
            await app.ready()
            await app.press("enter")
            await asked(app)
            await app.press("n")
            assert isinstance(app.app.screen, StartScreen)
            assert "not started" in app.text("#title")
            plan, problem = app.app.screen.query_one("#plan"), app.app.screen.query_one("#problem")
            assert plan.display
            assert "width" in app.text("#ladders")
            assert problem.is_on_screen
            assert "9 trials" in "\n".join(app.picture())
            text = " ".join(" ".join(app.picture()).split())
            assert "another process is sweeping in this directory; enter offers to watch it" in text
            assert problem.size.height == 1 or size[0] < 80
            for _ in range(2):
                await app.press("enter")
                await asked(app)
                assert not any(isinstance(screen, SweepScreen) for screen in app.app.screen_stack)
                await app.press("n")
                assert isinstance(app.app.screen, StartScreen)
            app.app.screen.query_one("#field-seeds", Input).focus()
            await app.press("enter")
            await asked(app)
            await app.press("n", "q")
        assert app.app.return_value == 2  # as ever where nothing was swept because it could not be
    finally:
        holder.close()


@pytest.mark.parametrize("fresh", [False, True])
async def test_once_the_other_has_ended_enter_plans_what_is_left_and_starts(open_app, rehearsed, options, fresh):
    rehearsed.ends = 2
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 2, "two finished")
        await app.press("x", "y")
        await app.until(lambda: app.app_state.stage == "ended", "the stop")
    rehearsed.ends = 1000
    holder = SqliteStore(options.out)
    try:
        async with open_app(replace(options, fresh=fresh)) as app:
            await app.ready()
            before = app.app_state.planned
            await app.press("enter")
            await asked(app)
            await app.press("n")
            holder.close()
            await app.press("enter")
            await app.until(lambda: app.app_state.stage == "ended", "the end")
            assert app.state.phase == "done"
            assert app.app_state.planned is not before
            assert len(list(options.out.glob("sweep-*.db"))) == fresh
            assert app.app_state.runs_in is None
            assert not app.app_state.problem
    finally:
        holder.close()
