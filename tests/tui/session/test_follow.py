"""A sweep that is only read: one that is over, and one that another thread of control runs meanwhile."""

from __future__ import annotations

import threading

from rehearsed import Rehearsed

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.session import short_threads
from flopsfit_tui.tui.session.short_threads import fit
from flopsfit_tui.tui.sweep.screen import SweepScreen


def sweep(options, control, ends=float("inf")):
    executor, store = Rehearsed(), SqliteStore(options.out)
    executor.ends = ends
    plan = make_plan(options.request, executor)
    for _ in run_sweep(plan, options.request.workload, executor, store, control):
        pass
    store.close()


async def test_a_finished_sweep_opens_with_its_curves_and_its_optimum(open_app, options):
    sweep(options, Control())
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.app_state.stage == "ended" and app.app_state.fitted, "the sweep")
        assert isinstance(app.app.screen, SweepScreen)
        assert app.state.phase == "done"
        assert app.state.count("finished") == 9
        await app.until(lambda: all(trial.history for trial in app.state.trials.values()), "the curves")
        assert not app.app.check_action("start", ())
        await app.press("q")
    assert app.app.return_value == 0


async def test_the_dots_are_there_before_the_fit(open_app, options, monkeypatch):
    sweep(options, Control())
    fits = []
    monkeypatch.setattr(short_threads, "fit", lambda *wanted: fits.append(wanted))
    async with open_app(options, reading=options.out, size="wide") as app:
        await app.until(lambda: fits and any("loss by params N" in line for line in app.picture()), "the dots")
        assert app.app_state.fitted is None
        assert [len(curve.dots) for curve in app.app_state.dots] == [3, 3, 3]
        assert "fitting" in app.text("#optimum")
        fit(*fits[0])
        await app.until(lambda: app.app_state.fitted, "the fit")
        assert [curve.dots for curve in app.app_state.fitted.isoflop] == [curve.dots for curve in app.app_state.dots]
        assert "fitting" not in app.text("#optimum")


async def test_a_sweep_that_died_opens_with_what_it_has(open_app, options):
    store = SqliteStore(options.out)
    plan = make_plan(options.request, Rehearsed())
    first, second = plan.trials[:2]
    store.begin(plan)
    store.record(TrialStarted(first.key, "a"))
    store.record(TrialEnded(first.key, Outcome("finished", loss=1.2)))
    store.record(TrialStarted(second.key, "a"))
    store.record(TrialProgress(second.key, 5, 40, 1e4, 2.5, 0.1))
    store.record(Note("info", "which commits what came before it"))
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.state.trials and app.state.trials[second.key].loss == 2.5, "what runs")
        store.close()  # the attempt stays open, the lock is free: as after a SIGKILL
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        assert app.state.phase == "stopped"
        assert app.state.count("finished") == 1
        assert app.state.count("running") == 0


async def test_a_running_sweep_is_followed_to_its_end(open_app, options):
    control = Control()
    sweeping = threading.Thread(target=sweep, args=(options, control, 3))
    sweeping.start()
    try:
        while not (options.out / "sweep.db").exists() or SqliteStore(options.out, read_only=True).plan() is None:
            control.wait(0.02)
        async with open_app(options, reading=options.out) as app:
            await app.until(lambda: app.state.count("finished") == 3 and app.state.count("running"), "what runs")
            assert "following" in app.text("#title")
            assert any(now.history for now in app.state.trials.values() if now.status == "running")
            control.stop()
            await app.until(lambda: app.app_state.stage == "ended", "the end")
            assert app.state.phase == "stopped"
            assert app.state.count("running") == 0
            assert app.state.count("finished") == 3
    finally:
        control.stop()
        sweeping.join()
