"""What of a plot is in sight."""

import pytest

from flopsfit_tui.report.plots.series import smoothed
from flopsfit_tui.report.plots.viewport import WHOLE, Viewport


def test_zooming_keeps_the_place_under_the_pointer():
    viewport = WHOLE.zoomed(2, x=0.25, y=1.0)
    assert viewport == Viewport(0.125, 0.625, 0.5, 1.0)
    assert viewport.x_range((0.0, 8.0)) == (1.0, 5.0)
    back = viewport.zoomed(0.5, x=0.25, y=1.0)
    assert back == WHOLE


def test_zooming_ends_somewhere():
    viewport = WHOLE
    for _ in range(100):
        viewport = viewport.zoomed(2)
    assert 1e-4 <= viewport.right - viewport.left < 1e-3
    for _ in range(100):
        viewport = viewport.zoomed(0.5)
    assert viewport.right - viewport.left <= 8


def test_panning_never_loses_the_plot():
    viewport = WHOLE.zoomed(4)
    for _ in range(100):
        viewport = viewport.moved(0.5, -0.5)
    assert viewport.left < 1
    assert viewport.top > 0


def test_smoothing_is_without_the_bias_of_its_start():
    assert smoothed((3.0, 3.0, 3.0), 0.9) == pytest.approx([3, 3, 3])
    assert smoothed((1.0, 2.0), 0.0) == (1.0, 2.0)
    assert smoothed((0.0, 1.0), 0.5) == pytest.approx([0, 2 / 3])
