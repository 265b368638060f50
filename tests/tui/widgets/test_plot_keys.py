"""The plots in the app: nearer, aside, other axes, smoother, pinned, read; by keys and by mouse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import MouseScrollUp

from flopsfit_tui.report.plots.viewport import WHOLE
from flopsfit_tui.tui.widgets.plot_view import PlotView


@pytest.fixture
async def done(open_app, rehearsed, options):
    even = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=even), start=True) as app:
        await app.ended()
        await app.press("escape", "3")
        yield app


def plot(app, name="isoflop"):
    return app.app.screen.plot_view(name)


def ticks(app):
    """What stands under the x axis."""
    lines = app.picture()
    return lines[next(i for i, line in enumerate(lines) if "└─" in line) + 1].split()


async def test_keys_zoom_pan_and_reset(done):
    whole = ticks(done)
    await done.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
    near = ticks(done)
    assert near != whole
    await done.press("shift+right")
    assert ticks(done) != near
    assert plot(done).view.viewport.left > WHOLE.zoomed(1.5**3).left
    await done.press("left_square_bracket", "0")
    assert ticks(done) == whole


async def test_axes_are_log_or_linear(done):
    whole = ticks(done)
    await done.press("a", "a")
    assert ticks(done) != whole
    assert ticks(done)[0] in ("0", "200", "100")
    await done.press("a", "a")
    assert ticks(done) == whole


async def test_the_wheel_zooms_dragging_moves_a_double_click_shows_the_whole(done):
    await done.pilot._post_mouse_events([MouseScrollUp], PlotView, (40, 8))
    assert plot(done).view.viewport.right < 1
    near = plot(done).view.viewport
    await done.pilot.mouse_down(plot(done), offset=(40, 8))
    await done.pilot.hover(plot(done), offset=(30, 8))
    await done.pilot.mouse_up(plot(done), offset=(30, 8))
    assert plot(done).view.viewport.left > near.left
    await done.pilot.click(plot(done), offset=(40, 8), times=2)
    assert plot(done).view.viewport == WHOLE


async def test_losses_are_smoothed_and_pinned(done):
    await done.press("c")
    assert any("smoothed 0.6" in line for line in done.picture())
    await done.press("c", "c", "c")
    await done.until(lambda: not any("smoothed 0" in line for line in done.picture()), "the curves as they are")
    await done.press("1", "i")
    assert len(done.app.screen._pinned) == 1
    assert plot(done, "loss").display
    await done.press("1", "i")
    assert not done.app.screen._pinned


async def test_a_trials_curve_is_read_with_a_cursor(done):
    await done.press("1", "enter", "right")
    line = next(line for line in done.picture() if "training loss" in line and "FLOPs" in line)
    await done.press("left", "left")
    earlier = next(line for line in done.picture() if "training loss" in line and "after" in line)
    assert "after" in line
    assert earlier != line
    facts = done.text("#facts")
    await done.press("down")
    assert done.text("#facts") != facts
