"""Waiting for what the app does beside its event loop."""

from __future__ import annotations

import time

from flopsfit_tui.tui.widgets.plot_view import PlotView


def _plots_in_sight(app):
    """Those of the screen on top, and of the screens that are seen around its dialogs."""
    for screen in reversed(app.screen_stack):
        yield from (plot for plot in screen.query(PlotView) if plot.is_on_screen)
        if not screen.is_modal:
            return


async def plots_drawn(app, pilot, seconds=60):
    """Wait until every plot in sight shows what is wanted of it, or the app has been quit: then none is drawn."""
    end, calm = time.monotonic() + seconds, 0
    while calm < 3 and not app._exit:  # what a key set off may still be on its way
        drawn = all(plot.up_to_date for plot in _plots_in_sight(app))
        calm = calm + 1 if drawn else 0
        assert time.monotonic() < end, "a plot was never drawn"
        await pilot.pause(0.01)
