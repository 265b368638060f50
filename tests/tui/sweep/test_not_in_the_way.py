"""What the app says or shows on its own is not in the way: of typing, of the optimum, of the progress."""

from __future__ import annotations

from textual.widgets import Input
from textual.widgets._toast import Toast

from flopsfit_tui.tui.result.screen import ResultScreen
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.prompt import Prompt


async def test_the_end_interrupts_no_typing_and_notices_cover_no_line(open_app, rehearsed, options):
    rehearsed.ends = 8
    running = open_app(options, start=True)
    running.context = running.app.run_test(size=(80, 24), notifications=True)  # which are not drawn without it
    async with running as app:
        await app.until(lambda: app.state.count("finished") == 8, "eight finished trials", seconds=40)
        await app.press("slash", *"fin")
        rehearsed.ends = 100
        await app.until(lambda: app.app_state.stage == "ended", "the end", seconds=40)
        assert isinstance(app.app.screen, SweepScreen)
        assert app.app.screen.query_one(Prompt).query_one(Input).value == "fin"
        assert any("the sweep is done" in notice.message for notice in app.app._notifications)
        for size in ((40, 12), (80, 24)):
            await app.pilot.resize_terminal(*size)
            app.app.notify("a notice of several words, about as long as they are, and with a second sentence. Here.")
            await app.until(lambda: list(app.app.screen.query(Toast)), "the notice", seconds=30)
            await app.pilot.pause()
            for line in ("#optimum", "#progress"):
                covered = app.app.screen.query_one(line).region
                assert covered.area
                shown = [app.app.screen.find_widget(toast).visible_region for toast in app.app.screen.query(Toast)]
                assert any(region.area for region in shown)
                assert not any(region.overlaps(covered) for region in shown), (line, size)
        await app.press("escape", "o")
        assert isinstance(app.app.screen, ResultScreen)
