"""Thinned series make the same picture as whole ones, of far fewer points."""

from __future__ import annotations

import re

import numpy as np
import pytest

from flopsfit_tui.report.plots import chart as chart_module
from flopsfit_tui.report.plots.chart import Axis, Chart
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.report.plots.thinning import ALL_DRAWN, Grid, distinct, extremes, in_sight, one_in_a_cell

GRID = Grid((0.0, 1.0), (0.0, 1.0), 50, 20)
RED = (200, 0, 0)


def noisy(points=20_000, seed=0):
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 1, points))
    return x, 0.5 + 0.2 * np.sin(6 * x) + random.normal(0, 0.03, points)


def picture(x, y):
    made = Chart(60, 22, DARK, Axis(False), Axis(False))
    made.line(x, y, RED)
    return re.sub(r"\x1b\[[0-9;]*m", "", made.text("", []))


def test_extremes_make_the_same_picture_of_a_hundredth_of_the_points(monkeypatch):
    x, y = noisy()
    thinned = extremes(x, y, GRID)
    assert thinned[0].size <= 4 * 2 * GRID.columns
    assert thinned[1].min() == y.min()
    assert thinned[1].max() == y.max()
    small = picture(x, y)
    monkeypatch.setattr(chart_module, "extremes", lambda x, y, grid: (x, y))
    assert small == picture(x, y)


def test_short_series_stay_as_they_are():
    x, y = noisy(GRID.columns)
    assert extremes(x, y, GRID)[0] is x
    assert in_sight(*noisy(5), GRID)[0].size == 5


def test_gaps_between_curves_survive():
    x = np.array([0.0, 1.0, np.nan, 0.0, 1.0, np.nan] * 50)
    y = np.array([0.2, 0.2, np.nan, 0.8, 0.8, np.nan] * 50)
    across, up = extremes(*in_sight(x, y, GRID), GRID)
    joined = np.isfinite(np.diff(across))
    assert joined.sum() == 100
    assert (np.diff(up)[joined] == 0).all()


@pytest.mark.parametrize("far", [2.0, 1e3, 1e9])
def test_lines_end_at_the_edge_of_what_is_in_sight(far):
    x, y = in_sight(np.array([-far, far]), np.array([0.5, 0.5]), GRID)
    assert x[:2].tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert y[:2].tolist() == pytest.approx([0.5, 0.5])
    x, y = in_sight(np.array([0.5, 0.5]), np.array([-far, far]), GRID)
    assert y[:2].tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert in_sight(np.array([1.5, far + 1]), np.array([0.5, 0.5]), GRID)[0].size == 0


def test_curves_that_cannot_be_told_apart_are_drawn_once():
    x = np.linspace(0, 1, 100)
    same = [(x, 0.5 + 1e-3 * i * x) for i in range(40)]
    apart = [(x, 0.1 + 0.2 * i + 0 * x) for i in range(5)]
    assert len(distinct(same + apart, GRID)) <= 1 + 5
    assert distinct(same[:ALL_DRAWN], GRID) == same[:ALL_DRAWN]
    fan = [(x, 0.05 + 0.9 * x * i / 12) for i in range(13)]
    assert len(distinct(fan, GRID)) >= 10


def test_a_longer_curve_is_not_lost_under_short_ones():
    x = np.linspace(0, 1, 100)
    short = [(x[:50], 0.5 + 0 * x[:50]) for _ in range(20)]
    assert len(distinct([*short, (x, 0.5 + 0 * x)], GRID)) == 2


def test_dots_of_one_character_are_one_dot_in_its_middle():
    x, y = noisy()
    across, up = one_in_a_cell(x, y, GRID)
    column, row = GRID.cells(across, up)
    assert len(set(zip(column.tolist(), row.tolist(), strict=True))) == across.size < 50 * 20
    assert {*zip(*(cells.tolist() for cells in GRID.cells(x, y)), strict=True)} == {
        *zip(column.tolist(), row.tolist(), strict=True)
    }
