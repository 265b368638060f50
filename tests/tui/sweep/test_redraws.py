"""How often a sweep's screen is drawn, and that no key reads the store: counts that stand for time."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from staged import STAGES, curve, follow_stage

from flopsfit_tui.core.events import SweepPaused
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.session import follow_thread
from flopsfit_tui.tui.session.messages import Events
from flopsfit_tui.tui.settings.config import Config
from flopsfit_tui.tui.sweep.screen import SweepScreen

CURSOR, PANELS = ("down", "down", "up", "right", "pagedown"), ("2", "1")


@pytest.fixture
def draws(monkeypatch):
    """One entry for every time that a sweep's screen is drawn whole."""
    found, draw = [], SweepScreen.draw

    def counted(screen):
        found.append(screen.app_state.state.version)
        draw(screen)

    monkeypatch.setattr(SweepScreen, "draw", counted)
    return found


async def test_progress_waits_for_the_redraw_and_a_pause_is_drawn_once(open_app, options, draws, monkeypatch):
    monkeypatch.setattr(follow_thread, "follow_sweep", follow_stage("running"))
    plan, _ = STAGES["running"]()
    async with open_app(options, reading=options.out, config=Config(redraw_seconds=60)) as app:
        await app.until(lambda: app.app_state.fitted and not app.app.session._fitting, "the fit")
        running = next(trial for trial in plan.trials if app.state.trials[trial.key].status == "running")
        draws.clear()
        for event in curve(running, 0.9, points=200):
            app.app.session.apply(Events([event]))
        await app.pilot.pause()
        assert not draws
        app.app.session.apply(Events([SweepPaused()]))
        await app.pilot.pause()
        assert len(draws) == 1


async def test_the_cursor_draws_no_screen_a_panel_one_and_neither_reads_the_store(
    open_app, options, draws, monkeypatch
):
    asked, main = [], threading.get_ident()

    class Traced(sqlite3.Connection):
        def execute(self, *statement):
            if threading.get_ident() == main:
                asked.append(statement[0])
            return super().execute(*statement)

    connect, store = sqlite3.connect, SqliteStore(options.out)
    plan, told = STAGES["done"]()
    store.begin(plan)
    for event in told:
        store.record(event)
    store.close()
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **{**named, "factory": Traced}))
    async with open_app(options, reading=options.out, config=Config(redraw_seconds=60)) as app:
        await app.until(lambda: app.app_state.stage == "ended" and app.app_state.fitted, "the sweep")
        app.app.session.close()
        await app.until(lambda: all(worker.is_finished for worker in app.app.workers), "the end of every thread")
        draws.clear()
        await app.press(*CURSOR)
        assert not draws
        await app.press(*PANELS)
        assert len(draws) == len(PANELS)
    assert not asked
