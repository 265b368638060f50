"""Leaving runs of a table out, by the rule and by hand, and what the report says of it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from flopsfit_tui.cli import cli
from flopsfit_tui.fit import Law

LAW = Law(1.69, 406.4, 410.7, 0.34, 0.28)
FAR = [7, 8, 16, 17]


@pytest.fixture
def table(tmp_path):
    """63 runs, four of them 30 % off the law: lines 9, 10, 18 and 19."""
    C = np.repeat(np.geomspace(1e18, 1e20, 7), 9)
    N = np.concatenate([LAW.optimum(c).params * 1.7 ** np.arange(-4.0, 5.0) for c in C[::9]])
    L = LAW.loss(N, C / 6 / N) * np.exp(0.005 * np.random.default_rng(0).normal(size=63))
    L[FAR] *= 1.3
    path = tmp_path / "runs.csv"
    path.write_text("C,N,loss\n" + "".join(f"{c},{n},{one}\n" for c, n, one in zip(C, N, L, strict=True)))
    return str(path)


def run(*arguments):
    found = CliRunner().invoke(cli, [*arguments])
    return found.exit_code, found.stdout + found.stderr


def document(*arguments):
    return json.loads(CliRunner().invoke(cli, [*arguments, "--format", "json"]).stdout)


def test_outliers_are_left_out_listed_and_kept_on_demand(table):
    found, kept = document("fit", table), document("fit", table, "--keep-all")
    assert found["outliers"] == ["line 9", "line 10", "line 18", "line 19"]
    assert (found["points"], kept["points"]) == (59, 63)
    assert found["exponent_with_outliers"] == kept["exponent"]
    assert kept["outliers"] == []
    _, text = run("fit", table)
    assert "with the 4 runs left out" in text
    assert "4 runs (line 9, line 10, line 18, line 19) are" in " ".join(text.split())


def test_runs_are_left_out_by_line_or_name(table):
    by_hand = document(
        "fit", table, "--leave-out", "9", "--leave-out", "line 10", "--leave-out", "18", "--leave-out", "19"
    )
    assert by_hand["points"] == 59
    assert by_hand["law"] == document("fit", table)["law"]
    assert by_hand["outliers"] == []
    with pytest.raises(ValueError, match="no run is called '99'"):  # main() makes it a sentence and exit code 2
        cli.main(["predict", table, "1e21", "--leave-out", "99"], standalone_mode=False)


def test_both_intervals_are_shown_beyond_the_budgets(table):
    _, text = run("predict", table, "1e21")
    row = document("predict", table, "1e21")["targets"][0]
    assert "by noise alone 1e21: " in text
    assert row["params_low"] < row["params_noise_low"] < row["params_noise_high"] < row["params_high"]
    assert "noise alone" not in run("predict", table, "1e19")[1]
