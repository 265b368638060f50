"""The answer of a table: what it says, as text and as JSON, for much data and for little."""

import json
import subprocess
import sys

import numpy as np
import pytest

from flopsfit_tui.fit import Law, fit_law
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.runs import Runs
from flopsfit_tui.report.files.document import answer_document
from flopsfit_tui.report.text.summary import prediction_text, report_text

LAW = Law(1.69, 406.4, 410.7, 0.34, 0.28)
WIDTHS = np.array([512, 768, 1024, 1536, 2048, 3072, 4096])


def sweep(budgets=5, noise=0.005, seed=0):
    """Runs of one ladder of widths at each of some budgets."""
    sizes, C = np.tile(WIDTHS, budgets), np.repeat(np.geomspace(1e18, 1e20, 5)[:budgets], 7)
    N = 0.02 * sizes**3.0
    D = C / (6 * N)
    L = LAW.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))
    lines = tuple(f"line {line}" for line in range(2, 2 + N.size))
    known = tuple(zip(WIDTHS.tolist(), (0.02 * WIDTHS**3.0).tolist(), strict=True))
    notes = ("params from column 'N'",)
    return Runs("runs.csv", N, D, L, lines, notes, sizes=tuple(sizes.tolist()), known_sizes=known)


@pytest.fixture(scope="module")
def report():
    return analyse(sweep(), [3e21])


def test_the_text_has_all_its_parts(report):
    text = report_text(report, 90)
    assert text.startswith("35 runs of runs.csv: params from column 'N'.")
    for part in ("L(N, D) = ", "95 % interval", "by the law", "by 5 parabolas", "→ 3e21", "→ 1e22", "→ 1e21",
                 "At 3e21 FLOPs build size", "Fitted without its largest budgets (7 runs from 1e20 FLOPs up)",
                 "! far_target: "):  # fmt: skip
        assert part in text
    prose = [line for line in text.splitlines() if line.startswith(("!", "  ", "At ", "Fitted"))]
    assert max(map(len, prose)) <= 100


def test_the_prediction_is_the_part_that_was_asked(report):
    text = prediction_text(report, 100)
    assert "→ 3e21" in text
    assert "1e18" not in text
    assert "L(N, D)" not in text


def test_the_json_says_the_same_and_is_json(report):
    document = json.loads(json.dumps(answer_document(report), allow_nan=False))
    fit = fit_law(report.runs.params, report.runs.tokens, report.runs.losses)
    assert document["law"]["alpha"] == fit.law.alpha
    assert document["exponent"]["low"] == fit.exponent.low
    (target,) = document["targets"]
    assert target["kind"] == "extrapolated"
    assert target["params"] == fit.predict(3e21).params
    assert target["loss_high"] == fit.predict(3e21).loss_high
    assert target["recommendation"]["choice"]["size"] in WIDTHS
    assert [row["budget"] for row in document["optimum"]] == sorted(row["budget"] for row in document["optimum"])
    assert {w["code"] for w in document["warnings"]} >= {"far_target"}
    assert document["hold_out"]["points"] == 7
    assert document["schema_version"] == 1


def test_flagged_and_excluded_runs_are_named_by_line():
    runs = sweep()
    runs.losses[4] *= 1.2
    runs.losses[9] = np.nan
    found = analyse(runs)
    assert "line 6 is more than 4.5 sigma off the law" in report_text(found)
    assert "34 of 35 runs" in report_text(found)
    document = answer_document(found)
    assert (document["flagged"], document["excluded"]) == (["line 6"], ["line 11"])


@pytest.mark.parametrize("count", [1, 4, 7, 9, 14])
def test_little_data_gives_what_it_can(count):
    runs = sweep()
    few = Runs("few.csv", runs.params[:count], runs.tokens[:count], runs.losses[:count], runs.names[:count])
    found = analyse(few, [1e21])
    assert "! " in report_text(found)
    assert prediction_text(found)
    assert answer_document(found)["runs"]["count"] == count
    if count == 7:
        assert "1e18" in report_text(found)
        assert "one_budget" in report_text(found)


def test_a_target_is_positive():
    with pytest.raises(ValueError, match="positive number of FLOPs"):
        analyse(sweep(), [-1.0])


def test_neither_torch_nor_textual_is_loaded(tmp_path):
    path = tmp_path / "runs.csv"
    runs = sweep()
    rows = zip(runs.params, runs.tokens, runs.losses, strict=True)
    path.write_text("N,D,loss\n" + "".join(f"{n},{d},{loss}\n" for n, d, loss in rows))
    code = (
        "import sys\n"
        "from flopsfit_tui.report.answer.analysis import analyse\n"
        "from flopsfit_tui.report.files.read_runs import read_runs\n"
        "from flopsfit_tui.report.text.summary import report_text\n"
        "print(report_text(analyse(read_runs(sys.argv[1]))))\n"
        "assert not {'torch', 'textual', 'plotext', 'scipy.optimize'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "L(N, D)" in done.stdout
