"""Where a sweep begins whose trials are chosen one by one."""

import pytest

from flopsfit_tui.plan.sequential import budgets_to_choose_from, first_budgets, first_points


def test_budgets_are_given_midpoints_until_there_are_nine():
    assert budgets_to_choose_from([1e10, 1e12]) == pytest.approx(
        [1e10, 1.78e10, 3.16e10, 5.62e10, 1e11, 1.78e11, 3.16e11, 5.62e11, 1e12], rel=0.01
    )
    assert budgets_to_choose_from(list(range(1, 11))) == tuple(range(1, 11))
    assert budgets_to_choose_from([5.0]) == (5.0,)
    assert {3e10, 1.2e11, 4.8e11} <= set(budgets_to_choose_from([3e10, 1.2e11, 4.8e11]))


@pytest.mark.parametrize(("top", "most"), [(1.6e11, 4e10), (1e12, 1e11), (1e14, 1e12)])
def test_it_begins_with_four_budgets_of_the_lower_half_of_their_logarithms(top, most):
    first = first_budgets(budgets_to_choose_from([1e10, top]))
    assert len(first) == 4
    assert first[0] == 1e10
    assert first[-1] == pytest.approx(most, rel=0.02)


def test_a_narrow_range_begins_with_its_lower_half():
    assert first_budgets((1.0, 1.5, 2.0)) == (1.0, 1.5)


def test_five_sizes_of_each_ladder_and_its_ends_among_them():
    ladders = {float(10**k): tuple(range(7)) for k in range(6)} | {1e6: (1, 2, 3)}
    points = first_points(ladders)
    assert len(points) == 4
    assert all(sizes[0] == 0 and sizes[-1] == 6 and len(sizes) == 5 for sizes in points.values())
    assert first_points({1.0: (4, 8), 2.0: (4, 8)}) == {1.0: (4, 8), 2.0: (4, 8)}
