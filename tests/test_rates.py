"""Points trained at several learning rates, and trials kept out of the fit: which are fitted, and who is told."""

import csv
import json
import math

import pytest
import torch
from tiny import make

import flopsfit_tui as ff
from flopsfit_tui.cli import main
from flopsfit_tui.conduct import change_fit
from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.fit.next_trial import interval_factor
from flopsfit_tui.plan.rates import WAITS, OneTry, rates_aside
from flopsfit_tui.report.files.read_runs import read_runs
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.sweep.job import make_plan

BUDGETS = [1e15, 1e16, 1e17]


def build(width):
    return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.Linear(width, 64))


def sweep(directory, **changes):
    given = {"compute_budgets": BUDGETS, "sizes": [round(2 ** (i / 2)) for i in range(6, 44)], **changes}
    return ff.find_optimal(build, "width", mode="mock", output_dir=directory, tune_lr="each", **given)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("rates"), sizes=[2048, 8192, 32768, 131072, 524288], seeds=2)


def rows(directory):
    with (directory / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_point_is_trained_at_three_rates_and_the_best_is_fitted(swept):
    assert swept.plan.rates == (0.5, 1.0, 2.0)
    assert len(swept.plan.trials) == 3 * 5 * 2 * 3
    assert swept.fit.points == 3 * 5 * 2
    left = {row["left_out"] for row in rows(swept.directory)}
    assert left == {"", "rate 0.001 is better here"}
    fitted = [row for row in rows(swept.directory) if not row["left_out"]]
    assert {row["learning_rate"] for row in fitted} == {"0.001"}
    assert not any(w.code in ("left_out", "rates_at_end") for w in swept.analysis.warnings)
    assert Plan.from_json(swept.plan.to_json()) == swept.plan


def test_its_table_gives_the_same_answer(swept, tmp_path):
    moved = tmp_path / "moved.csv"
    moved.write_bytes((swept.directory / "trials.csv").read_bytes())
    theirs = read_runs(moved)
    assert sorted(theirs.losses) == sorted(swept.analysis.runs.losses)
    named = read_runs(moved, params="params", tokens="tokens", loss="loss")
    assert sorted(named.losses) == sorted(theirs.losses)
    assert any("column 'left_out'" in note for note in named.notes)


def test_a_sweep_that_was_run_at_one_rate_goes_on_with_three(tmp_path):
    one = ff.find_optimal(build, "width", mode="mock", output_dir=tmp_path, compute_budgets=BUDGETS, sizes=[2048, 8192])
    three = sweep(tmp_path, sizes=[2048, 8192])
    assert {t.key for t in one.plan.trials} < {t.key for t in three.plan.trials}
    assert len(three.plan.trials) == 3 * len(one.plan.trials)


def test_until_the_interval_is_narrow_each_proposal_is_trained_at_every_rate(tmp_path):
    found = sweep(tmp_path, until=1.08)
    assert interval_factor(found.fit, 1e18) <= 1.08
    assert len(found.plan.trials) == 3 * found.fit.points
    assert len(found.plan.added) % 3 == 0
    assert sweep(tmp_path, until=1.08).plan == found.plan


def one(key, rate, loss, status="finished", seed=0):
    return OneTry(key, 1e15, 8, seed, rate, status, loss)


def test_which_rate_is_fitted():
    low, middle, high = one("l", 0.5, 3.0), one("m", 1.0, 2.0), one("h", 2.0, 2.5)
    assert set(rates_aside([low, middle, high])) == {"l", "h"}
    assert rates_aside([middle]) == {}
    running = [low, middle, one("h", 2.0, math.nan, "running")]
    assert rates_aside(running) == dict.fromkeys("lmh", WAITS)
    failed = [low, one("m", 1.0, math.nan, "failed"), high]
    assert set(rates_aside(failed)) == {"l", "m"}
    equal = [one("l", 0.5, 2.0), one("m", 1.0, 2.0), one("h", 2.0, 2.0)]
    assert set(rates_aside(equal)) == {"l", "h"}
    second = [
        *(one(f"{i}2", rate, 2.0, seed=1) for i, rate in enumerate((0.5, 1.0))),
        one("22", 2.0, 9.0, "pending", 1),
    ]
    assert set(rates_aside([low, middle, high, *second])) == {"l", "h", "02", "12", "22"}


def test_seeds_decide_by_their_mean():
    seeds = [one("a", 0.5, 1.0), one("b", 1.0, 2.0), one("c", 0.5, 4.0, seed=1), one("d", 1.0, 2.0, seed=1)]
    assert set(rates_aside(seeds)) == {"a", "c"}


def test_best_rates_at_an_end_are_said(tmp_path):
    rule = ff.RateRule(1e-3, 2.0, 10**7)
    found = sweep(tmp_path, sizes=[2048, 8192, 32768], learning_rate=rule)
    (warning,) = [w for w in found.analysis.warnings if w.code == "rates_at_end"]
    assert "of 9 points" in warning.message


def test_an_optimizer_that_ignores_its_rate_is_refused():
    def fixed(model, rate):
        return torch.optim.SGD(model.parameters(), lr=0.1)

    workload = ff.Workload(**{**vars(make()), "optimizer": fixed})
    with pytest.raises(ValueError, match=r"learning rate 0\.1 whatever peak rate it is given"):
        make_plan(Request(workload, rates=(0.5, 1.0, 2.0)))
    assert len(make_plan(Request(workload)).trials) == 9


def test_a_rule_gives_long_trials_another_rate():
    workload = ff.Workload(**{**vars(make()), "learning_rate": ff.RateRule(1e-2, -0.5, 100)})
    plan = make_plan(Request(workload))
    assert all(math.isclose(t.learning_rate, 1e-2 * (t.steps / 100) ** -0.5, rel_tol=1e-3) for t in plan.trials)
    assert Plan.from_json(plan.to_json()) == plan
    assert plan.identity != make_plan(Request(make())).identity


def test_rules_and_words_that_make_no_sense_are_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="tune_lr is 'some'"):
        ff.find_optimal(build, "width", mode="mock", output_dir=tmp_path, tune_lr="some")
    for rule in (
        {"peak": 0.0, "power": 0.1},
        {"peak": 1e-3, "power": math.nan},
        {"peak": 1, "power": 0, "base_steps": 0},
    ):
        with pytest.raises(ValueError, match="RateRule"):
            ff.RateRule(**rule)
    assert main(["plan", "simulated", "--tune-lr"]) == 2
    assert "--tune-lr each trains every point" in capsys.readouterr().err


def test_a_trial_left_out_by_hand_stays_out_in_every_reading(tmp_path, capsys):
    found = ff.find_optimal(
        build, "width", mode="mock", output_dir=tmp_path, compute_budgets=BUDGETS, sizes=[2048, 8192, 32768, 131072]
    )
    key = found.plan.trials[2].key
    change_fit(tmp_path, key, "its data were broken")
    stored = read_sweep(tmp_path)
    assert stored.analysis.fit.points == found.fit.points - 1
    assert [(one.trial, one.reason) for one in stored.analysis.left_out] == [
        (key, "left out by hand: its data were broken")
    ]
    assert main(["fit", str(tmp_path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == found.fit.points - 1
    assert main(["export", str(tmp_path)]) == 0
    (row,) = [row for row in rows(tmp_path) if row["left_out"]]
    assert row["trial"] == key
    assert read_runs(tmp_path / "trials.csv").left_out[0].reason == "left out by hand: its data were broken"
    again = ff.find_optimal(
        build, "width", mode="mock", output_dir=tmp_path, compute_budgets=BUDGETS, sizes=[2048, 8192, 32768, 131072]
    )
    assert again.fit.points == found.fit.points - 1
    change_fit(tmp_path, key, None)
    assert read_sweep(tmp_path).analysis.fit.points == found.fit.points
