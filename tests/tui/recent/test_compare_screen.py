"""Two marked sweeps are compared in the app."""

import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.directory import sweeps_directory
from flopsfit_tui.tui.recent.compare import CompareScreen
from flopsfit_tui.tui.recent.screen import RecentScreen, RecentTable


@pytest.mark.slow
async def test_marked_sweeps_are_compared(open_app, rehearsed, own_directories):
    for name, count in (("one", 4), ("two", 5)):
        arguments = ["run", "simulated", "--no-ui", "--executor", "thread", "--budgets", f"1e18..1e20:{count}"]
        assert main([*arguments, "--out", str(sweeps_directory() / name)]) == 0
    async with open_app(Options(Request("simulated")), size=(120, 40)) as app:
        await app.ready()
        await app.press("r")
        await app.until(lambda: app.app.screen.query_one(RecentTable).row_count == 2, "both sweeps")
        await app.press("c")
        assert isinstance(app.app.screen, RecentScreen)
        await app.press("space", "space", "c")
        assert isinstance(app.app.screen, CompareScreen)
        await app.until(lambda: "B/A" in "\n".join(app.picture()), "the comparison")
        await app.drawn()
        text = "\n".join(app.picture())
        assert "loss by params N" in text
        assert "optimal params N by budget C" in text
        await app.pilot.resize_terminal(80, 24)
        await app.press("tab", "j", "escape")
        assert isinstance(app.app.screen, RecentScreen)
