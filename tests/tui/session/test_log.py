"""The log: what happened here, what a watched sweep's process did, by level."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from rehearsed import Rehearsed

from flopsfit_tui.core.control import AddTrial, Control, Skip
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.sweep.log_table import LogTable


def texts(app, level=""):
    return [entry.text for entry in app.app_state.log if level in ("", entry.level)]


async def test_the_log_tells_what_happens_and_hides_what_is_less_grave(open_app, rehearsed, options):
    rehearsed.fails = (8,)
    wide = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=wide), start=True) as app:
        await app.ended()
        await app.press("escape", "7")
        table = app.app.screen.query_one(LogTable)
        assert table.has_focus
        assert sum(text.startswith("started 4e5 width 12") for text in texts(app)) == 1
        assert sum("failed" in text and "size 8 is broken" in text for text in texts(app, "error")) == 3
        await app.until(lambda: any("sweep done" in line for line in app.picture()), "the last line in sight")
        everything = table.row_count
        await app.press("v", "v")
        assert table.row_count == 3 < everything
        assert all("broken" in table.entry(i).text for i in range(3))
        await app.press("v")
        assert table.row_count == everything
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        assert sum("failed" in text for text in texts(app, "error")) == 3
        assert any(text.startswith("finished 4e5 width 12") for text in texts(app))


async def test_a_watched_sweep_shows_what_was_added_and_skipped(open_app, options, tiny_file):
    executor, control = Rehearsed(), Control()
    executor.ends = 3
    request = Request(tiny_file, budgets=(2e5, 4e5), sizes=(4, 8, 12))
    plan = make_plan(request, InThread())

    def sweep():
        store = SqliteStore(options.out)
        list(run_sweep(plan, tiny_file, executor, store, control))
        store.close()

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    try:
        while not sweeping_process(options.out):
            time.sleep(0.01)
        async with open_app(options, reading=options.out) as app:
            await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
            waiting = next(now.trial for now in app.state.trials.values() if now.status == "pending")
            control.send(Skip(waiting.key))
            control.send(AddTrial(4e5, size=8))
            await app.until(lambda: len(app.state.trials) == 7, "the new trial")
            await app.until(lambda: app.state.trials[waiting.key].status == "skipped", "the skip")
            assert any(text.startswith("added 4e5 width 8 seed 1") for text in texts(app))
            control.stop()
            await app.until(lambda: app.app_state.stage == "ended", "the end")
    finally:
        control.stop()
        sweeping.join()
