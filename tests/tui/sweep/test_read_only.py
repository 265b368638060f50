"""A sweep that is opened with --read-only stays as it is, whatever is pressed."""

from __future__ import annotations

from staged import finished, plan

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.sqlite import SqliteStore


async def test_nothing_is_written(open_app, tmp_path):
    store, made = SqliteStore(tmp_path), plan(budgets=(1.5e10, 3e10, 6e10))
    store.begin(made)
    for number, trial in enumerate(made.trials):
        store.record(TrialEnded(trial.key, finished(trial, number)))
    store.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    options = Options(Request("gpt-bytes"), out=tmp_path)
    async with open_app(options, reading=tmp_path, read_only=True, size=(100, 30)) as app:
        await app.until(lambda: app.app_state.stage == "ended" and app.app_state.fitted, "the sweep")
        await app.press("e", "D", "s", "r", "n", "b", "x", "p", "plus")
        said = {note.message for note in app.app._notifications}
        assert "Export: it was opened with --read-only" in said
        assert "Leave out of the fit: it was opened with --read-only" in said
        assert "Start: this sweep was started by another process" in said
        assert "Add bracketing points: this sweep is only read here: it was opened with --read-only" in said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
