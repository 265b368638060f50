"""Sweeps beside each other: the ratio of their optima with its interval, and what was set otherwise."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.core.text import printable
from flopsfit_tui.report.answer.analysis import OptimumRow
from flopsfit_tui.report.answer.compare import ratio, settings


def row(params, low, high):
    return OptimumRow(1e18, "measured", params, low, high, 1.0, 1.0, 2.0, None, None, 8, "law")


def test_a_sweep_over_itself_is_one():
    times = ratio(row(100.0, 80.0, 130.0), row(100.0, 80.0, 130.0))
    assert times.value == 1.0
    assert times.low * times.high == pytest.approx(1.0)
    assert times.high == pytest.approx(math.exp(math.hypot(math.log(100 / 80), math.log(1.3))))


def test_an_open_side_is_an_open_side_of_the_ratio():
    times = ratio(row(100.0, None, 130.0), row(200.0, 150.0, 260.0))
    assert times.value == pytest.approx(2.0)
    assert times.high is None
    assert times.low is not None
    assert ratio(None, row(1.0, None, None)) is None


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    rng, covered, trials = random.Random(7), 0, 2000
    for _ in range(trials):
        one, other = (math.exp(rng.gauss(math.log(n), s)) for n, s in ((100, 0.1), (150, 0.2)))
        times = ratio(
            row(one, one * math.exp(-0.196), one * math.exp(0.196)),
            row(other, other * math.exp(-0.392), other * math.exp(0.392)),
        )
        covered += times.low <= 1.5 <= times.high
    assert 0.935 <= covered / trials <= 0.965


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    arguments = ["run", "simulated", "--no-ui", "--executor", "thread"]
    assert main([*arguments, "--budgets", "1e18..1e20:4", "--out", str(root / "one")]) == 0
    assert main([*arguments, "--budgets", "1e18..1e20:5", "--points", "5", "--out", str(root / "two")]) == 0
    return root / "one", root / "two"


@pytest.mark.slow
def test_the_command_says_what_differs_and_by_how_much(two, capsys):
    assert main(["compare", *map(str, two)]) == 0
    out, err = capsys.readouterr()
    assert printable(out) == out
    assert "B/A" in out
    tables, settings = out.split("differs")
    assert max(map(len, tables.split("\n\n", 1)[1].splitlines())) <= 76  # the app takes 4 of 80 columns for itself
    assert "budgets" in settings
    assert "optimal params N by budget C" in err
    assert main(["compare", *map(str, two), "--format", "json", "--target", "1e22"]) == 0
    document = json.loads(capsys.readouterr().out)
    last = document["optimum"][-1]
    assert last["budget"] == 1e22
    assert last["ratio_low"][0] < 1.0 < last["ratio_high"][0]
    assert set(document["differences"]) >= {"budgets", "trials"}


@pytest.mark.slow
def test_one_sweep_is_nothing_to_compare(two, capsys):
    assert main(["compare", str(two[0])]) == 2
    assert "two sweeps or more" in capsys.readouterr().err
    assert main(["compare", str(two[0]), str(Path(two[0]).parent)]) == 2


@pytest.mark.slow
def test_the_recipe_is_among_the_settings(two):
    from flopsfit_tui.report.files.sweeps import read_sweep

    plan = read_sweep(two[0]).plan
    changed = settings(replace(plan, recipe=replace(plan.recipe, clip=plan.recipe.clip + 1)))
    assert {name for name, value in settings(plan).items() if changed[name] != value} == {"clip"}
