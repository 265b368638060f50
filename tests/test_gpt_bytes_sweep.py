"""A real sweep of the default workload, smaller than its default: real text, worker processes, the command line."""

import csv
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_gpt_bytes_learns_real_text_and_larger_budgets_want_larger_models(tmp_path):
    options = ["--budgets", "4e9,1.6e10", "--points", "5", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "flopsfit_tui", "--no-ui", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "trials.csv", newline="") as file:
        trials = list(csv.DictReader(file))
    assert len(trials) == 10
    assert {row["status"] for row in trials} == {"finished"}
    best = {}
    for row in trials:
        assert abs(float(row["flops"]) - float(row["budget"])) <= float(row["flops"]) / int(row["steps"])
        best[row["budget"]] = min(best.get(row["budget"], 9.9), float(row["loss"]))
    losses = [best[budget] for budget in sorted(best, key=float)]
    assert losses == sorted(losses, reverse=True)  # more compute, lower loss
    assert losses[0] < 2.55  # an untrained model is at ln 256 = 5.5
    assert losses[-1] < 2.2
    with open(tmp_path / "optimum.csv", newline="") as file:
        params = [float(row["params"]) for row in csv.DictReader(file)]
    assert len(params) == 4
    assert params == sorted(params)
