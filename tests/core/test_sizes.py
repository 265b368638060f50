"""Sizes of any form: as typed on a command line, as given in Python, as kept in JSON."""

import json

import numpy as np
import pytest

from flopsfit_tui.core.sizes import as_declared, check_sizes, parse_sizes, restore_size
from flopsfit_tui.core.trial import Plan, Recipe, Size, Trial


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("32, 16,16", (16, 32)),
        ("0.25,0.5,1,2", (0.25, 0.5, 1, 2)),
        ("1e-1,2", (0.1, 2)),
        ("tiny,small , base", ("tiny", "small", "base")),
        ("(2,64),(4,128)", ((2, 64), (4, 128))),
        ("[2,64]", ((2, 64),)),
        ("('a',1),('b',2)", (("a", 1), ("b", 2))),
        ("'8','16'", ("8", "16")),
        ("resnet-18,resnet-34", ("resnet-18", "resnet-34")),
    ],
)
def test_typed_sizes_are_numbers_words_or_tuples(text, sizes):
    found = parse_sizes(text)
    assert found == sizes
    assert [type(x) for x in found] == [type(x) for x in sizes]


@pytest.mark.parametrize("text", ["0", "-4", "", "16,", "16,a", "(2,64", "1,(2,3)", "{1:2}", "1e999", "'a"])
def test_what_cannot_be_a_size_is_refused_with_what_would_have_worked(text):
    with pytest.raises(ValueError, match=r"write .*(16,24,32|\(2,64\),\(4,128\))"):
        parse_sizes(text)


def test_arrays_ranges_and_generators_are_lists_of_plain_numbers():
    found = check_sizes(np.array([8, 16]))
    assert found == (8, 16)
    assert {type(x) for x in found} == {int}
    assert check_sizes(np.linspace(0.5, 1, 2)) == (0.5, 1.0)
    assert check_sizes(range(2, 7, 2)) == (2, 4, 6)
    assert check_sizes(x for x in ("a", "b", "a")) == ("a", "b")


@pytest.mark.parametrize("given", ["tiny", 8, [], [[2, 64]], [True], [None], [float("nan")], [(1, object())], [{}]])
def test_other_things_are_refused(given):
    with pytest.raises((TypeError, ValueError), match="sizes"):
        check_sizes(given)


def test_what_is_typed_is_what_was_declared_where_they_are_equal():
    assert [type(x) for x in as_declared((1, 0.5), (0.5, 1.0))] == [float, float]
    assert as_declared((64, 128), ("64", "128")) == ("64", "128")
    assert as_declared(("base", "huge"), ("tiny", "base")) == ("base", "huge")


@pytest.mark.parametrize("sizes", [(8, 16), (0.5, 1.0), ("b", "a"), ((2, (64, "x")), (4, (128, "y")))])
def test_a_plan_is_read_back_equal(sizes):
    trials = [Trial(str(i), 1e6, s, 10 * (i + 1), 1, 1, 1, 1, 0, 1.0, 0.1) for i, s in enumerate(sizes)]
    plan = Plan(
        *("w", "id", "knob", "tokens", 1, None, Recipe(0.1, sizes[0], sizes[1]), (1e6,), (10.0,)),
        tuple(Size(s, 10 * (i + 1), 1.0) for i, s in enumerate(sizes)),
        tuple(trials),
    )
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.settings() == sizes  # by params, not by name
    assert all(restore_size(json.loads(json.dumps(s))) == s for s in sizes)
