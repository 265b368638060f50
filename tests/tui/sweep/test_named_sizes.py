"""Sizes that are words or tuples are sorted by params, shown and filtered like numbers."""

import pytest

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.trial import Trial
from flopsfit_tui.tui.sweep.trial_filter import parse_filter
from flopsfit_tui.tui.sweep.trial_table import ORDER


def state(size, params):
    return TrialState(Trial("k", 1e6, size, params, 1, 1, 1, 1, 0, 1.0, 0.1))


@pytest.mark.parametrize(
    ("text", "size", "kept"),
    [
        ("size=tiny", "tiny", True),
        ("size=tiny", "base", False),
        ("size!=tiny", "base", True),
        ("size=(2,64)", (2, 64), True),
        ("size=0.5", 0.5, True),
        ("size=1k", 1000, True),
        ("size>8", 16, True),
        ("size>8", "base", False),
        ("preset=tiny", "tiny", True),
    ],
)
def test_a_filter_of_sizes(text, size, kept):
    assert parse_filter(text, "preset")(state(size, 1)) is kept


def test_sizes_are_sorted_by_params():
    rows = [state("base", 30), state("tiny", 10), state((2, 64), 20)]
    assert [r.trial.size for r in sorted(rows, key=ORDER["size"])] == ["tiny", (2, 64), "base"]
