"""The grid of starting points, a few nodes at a time or all at once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from flopsfit_tui.fit import Law, varpro
from flopsfit_tui.fit.search import centred

LAW = Law(1.8, 480.0, 2100.0, 0.35, 0.37)


def runs(count):
    noise = np.random.default_rng(0)
    params, tokens = 10 ** noise.uniform(6, 10, count), 10 ** noise.uniform(8, 12, count)
    return centred(params, tokens, LAW.loss(params, tokens) * np.exp(0.01 * noise.standard_normal(count)))[0]


@pytest.mark.parametrize("delta", [None, 1e-3])
def test_starts_do_not_depend_on_how_many_nodes_are_judged_at_once(monkeypatch, delta):
    data = runs(150)
    whole = varpro.starts(data, delta)
    monkeypatch.setattr(varpro, "CHUNK", 1000)
    np.testing.assert_allclose(varpro.starts(data, delta), whole, rtol=1e-12)


def test_many_runs_take_little_memory():
    data = runs(2000)
    tracemalloc.start()
    varpro.starts(data, None)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10e6  # all nodes at once took 23 MB for half as many
