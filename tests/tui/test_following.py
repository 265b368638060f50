"""A sweep that is only read: one that is over, and one that another thread of control runs meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

from flopsfit_tui.core.control import Control
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.executor import Here
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.sweep_screen import SweepScreen


def sweep(options, control, at_most=None):
    executor, store = Here(), SqliteStore(options.out)
    plan = make_plan(options.request, executor)
    for _ in run_sweep(plan, options.request.workload, executor, store, control):
        if at_most is not None and len(store.outcomes()) >= at_most:
            control.stop()
    store.close()


async def test_a_finished_sweep_opens_with_its_curves_and_its_optimum(open_app, options):
    sweep(options, Control())
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.board.stage == "ended" and app.board.fitted, "the sweep")
        assert isinstance(app.app.screen, SweepScreen)
        assert app.state.phase == "done"
        assert app.state.count("finished") == 9
        assert all(trial.history for trial in app.state.trials.values())
        assert not app.app.check_action("start", ())
        await app.press("q")
    assert app.app.return_value == 0


async def test_a_stopped_sweep_opens_with_what_it_has(open_app, options, long_request):
    sweep(replace(options, request=long_request), Control(), at_most=2)
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.board.stage == "ended", "the sweep")
        assert app.state.phase == "stopped"
        assert app.state.count("finished") == 2
        assert app.state.count("running") == 0


async def test_a_running_sweep_is_followed_to_its_end(open_app, options, long_request):
    control, options = Control(), replace(options, request=long_request)
    sweeping = threading.Thread(target=sweep, args=(options, control))
    sweeping.start()
    try:
        while not (options.out / "sweep.db").exists() or SqliteStore(options.out, read_only=True).plan() is None:
            control.wait(0.02)
        async with open_app(options, reading=options.out) as app:
            await app.until(lambda: app.state.count("running") and app.state.count("finished"), "a running trial")
            assert "following" in app.text("#title")
            control.stop()
            await app.until(lambda: app.board.stage == "ended", "the end")
            assert app.state.phase == "stopped"
            assert app.state.count("running") == 0
            assert app.state.count("finished") == len(SqliteStore(options.out, read_only=True).outcomes())
    finally:
        control.stop()
        sweeping.join()
