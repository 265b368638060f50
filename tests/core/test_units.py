"""Numbers as people type and read them."""

import pytest

from flopsfit_tui.core.units import (
    format_bytes,
    format_count,
    format_flops,
    format_ratio,
    format_seconds,
    format_share,
    parse_number,
    parse_numbers,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e12", 3e12),
        ("1.2M", 1.2e6),
        ("7B", 7e9),
        ("1_000", 1e3),
        (" 5k ", 5e3),
        (".5", 0.5),
        ("2E+3", 2e3),
        ("1E", 1e18),
    ],
)
def test_numbers_are_read(text, value):
    assert parse_number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "inf", "1e", "3 e4", "1,2", "1e999"])
def test_what_is_not_a_positive_number_is_refused_with_what_would_work(text):
    with pytest.raises(ValueError, match="budget .* write it like 3e12"):
        parse_number(text, "budget")


def test_lists_are_sorted_without_repeats():
    assert parse_numbers("1e11,3e10,1e11") == (3e10, 1e11)


def test_a_range_is_geometric_and_ends_where_it_says():
    assert parse_numbers("1e10..1e12:5") == pytest.approx((1e10, 3.16228e10, 1e11, 3.16228e11, 1e12))
    assert parse_numbers("1e10..1e12:5")[-1] == 1e12


@pytest.mark.parametrize("text", ["1e10..1e12", "1e12..1e10:5", "1e10..1e12:1", "1e10..1e12:x", "1..2..3:4"])
def test_a_bad_range_is_refused(text):
    with pytest.raises(ValueError, match=r"1e10\.\.1e12:5|positive number"):
        parse_numbers(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (31622776.6, "31.6M"),
        (950, "950"),
        (999.9, "1k"),
        (1.2e9, "1.2B"),
        (0.5, "0.5"),
        (0, "0"),
        (3e15, "3e15"),
        (1e6, "1M"),
        (123456, "123k"),
        (3.71e-6, "3.71e-6"),
    ],
)
def test_counts(value, text):
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(20.44, "20.4"), (0.1, "0.1"), (0.025, "0.025"), (31623, "31.6k"), (1.3e17, "1.3e17")]
)
def test_ratios(value, text):
    assert format_ratio(value) == text


@pytest.mark.parametrize(("value", "text"), [(3e10, "3e10"), (1.2589e11, "1.26e11"), (1e-3, "1e-3")])
def test_flops(value, text):
    assert format_flops(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (45, "45 s"),
        (59.7, "1 min"),
        (250, "4 min 10 s"),
        (11100, "3 h 05 min"),
        (187200, "2 d 04 h"),
        (float("nan"), "?"),
    ],
)
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


def test_memory():
    assert [format_bytes(n) for n in (12, 2048, 412 * 2**20, 1.3 * 2**30)] == ["12 B", "2 KiB", "412 MiB", "1.3 GiB"]


def test_a_share_below_one_per_cent_is_not_nothing():
    assert [format_share(value) for value in (0.314, 0.01, 0.00034, 0.0)] == ["31.4%", "1.0%", "0.034%", "0.0%"]
