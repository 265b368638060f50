"""A curve is a short list of pairs in little memory, however long the trial."""

from __future__ import annotations

import math
import sys

import pytest

from flopsfit_tui.core.curve import OCTAVES, Curve, place


def test_a_curve_is_a_sequence_of_pairs():
    curve = Curve([(1, 5.5), (2, 5.4)])
    curve.append(3, 5.3)
    assert list(curve) == [(1, 5.5), (2, 5.4), (3, 5.3)]
    assert curve == [(1, 5.5), (2, 5.4), (3, 5.3)]
    assert curve != [(1, 5.5)]
    assert (curve[-1], curve[:2], len(curve)) == ((3, 5.3), Curve([(1, 5.5), (2, 5.4)]), 3)
    curve.clear()
    assert not curve


@pytest.mark.parametrize("rows", [257, 1000, 100_000])
def test_a_thinned_curve_is_short_and_keeps_its_look(rows):
    curve = Curve((i + 1, 10 / (i + 1)) for i in range(rows))
    short = curve.thinned(rows, 256)
    assert 64 < len(short) <= 257
    assert list(short.steps) == sorted(set(short.steps))
    assert short.steps[0] <= max(1, rows / 2**OCTAVES)
    assert short.steps[-1] >= 0.98 * rows
    for step, loss in short[1:]:
        assert loss == pytest.approx(10 / step, rel=0.02)


def test_a_short_curve_stays_as_it_is():
    curve = Curve((i + 1, 1.0) for i in range(200))
    assert curve.thinned(200, 256) is curve


def test_what_is_not_a_number_leaves_the_rest_alone():
    curve = Curve((i + 1, math.nan if i % 2 else 3.0) for i in range(1000))
    assert set(curve.thinned(1000, 64).losses) == {3.0}
    assert not Curve((i + 1, math.inf) for i in range(1000)).thinned(1000, 64)


def test_a_pair_takes_sixteen_bytes():
    curve = Curve((i, 1.0) for i in range(100_000))
    assert sys.getsizeof(curve.steps) + sys.getsizeof(curve.losses) < 20 * len(curve)


def test_places_ascend_from_the_first_to_the_last():
    places = [place(i / 10_000, 32) for i in range(10_001)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, OCTAVES * 32 - 1)
