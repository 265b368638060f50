"""Numbers that are printed are read again, and whatever is typed is a number or one sentence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopsfit_tui.core.units import format_count, format_flops, parse_number, parse_numbers

POSITIVE = st.floats(1e-3, 1e30, allow_nan=False, allow_infinity=False)


@given(POSITIVE)
def test_a_printed_count_is_read_as_what_it_was_rounded_to(value):
    assert parse_number(format_count(value, digits=3)) == pytest.approx(value, rel=6e-3)


@given(POSITIVE)
def test_printed_flops_are_read_again(value):
    assert parse_number(format_flops(value)) == pytest.approx(value, rel=6e-2)


@given(st.text(max_size=20))
def test_any_text_is_a_positive_number_or_one_sentence(text):
    value, sentence = math.nan, ""
    try:
        value = parse_number(text, "budget")
    except ValueError as error:
        sentence = str(error)
    assert (value > 0 and math.isfinite(value)) or (sentence.startswith("budget ") and "write it like" in sentence)


@given(POSITIVE, st.floats(1.5, 1e6), st.integers(2, 30))
def test_a_range_has_its_ends_and_as_many_numbers_as_asked_for(low, times, count):
    high = low * times
    numbers = parse_numbers(f"{low!r}..{high!r}:{count}")
    assert len(numbers) == count
    assert numbers[0] == pytest.approx(low, rel=1e-5)
    assert numbers[-1] == high
    assert list(numbers) == sorted(numbers)
