"""From the warning that trials have failed to the reason, without knowing the keys before."""

from __future__ import annotations

from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.plot_view import PlotView


async def test_the_warning_names_the_keys_that_find_and_retry(open_app, rehearsed, options):
    async with open_app(options, size=(100, 30)) as app:
        await app.ready()
        size = app.app_state.plan.trials[1].size
        rehearsed.fails = (size,)
        await app.press("s")
        await app.ended()
        failed = app.state.count("failed")
        await app.press("escape")
        assert f"[! finds {'them' if failed > 1 else 'it'}, r retries]" in app.text("#warning")
        await app.press("r")  # on a trial that has finished
        assert any("! goes to one that has failed" in note.message for note in app.app._notifications)
        await app.press("exclamation_mark", "enter")
        assert isinstance(app.app.screen, TrialScreen)
        assert f"size {size} is broken" in app.text("#error")
        await app.press("v")  # the whole traceback has the whole room
        assert not app.app.screen.query_one(PlotView).display
        rehearsed.fails = ()
        await app.press("r")
        await app.until(lambda: app.state.count("failed") < failed and app.app_state.stage == "ended", "the retry")
