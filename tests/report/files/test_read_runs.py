"""Anybody's CSV of runs: columns by name or by guess, and one sentence for what cannot be read."""

import numpy as np
import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.events import TrialEnded, TrialStarted
from flopsfit_tui.report.files.read_runs import read_runs
from flopsfit_tui.store.sqlite import SqliteStore


@pytest.fixture
def csv_file(tmp_path):
    def write(text):
        path = tmp_path / "runs.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "header",
    ["N,D,loss", "params,tokens,loss", "Model Size,Training Tokens,Loss", "n_params,num_tokens,val_loss", "n;d;L",
     "parameters\ttokens_seen\teval loss"],
)  # fmt: skip
def test_names_are_guessed(csv_file, header):
    separator = next(mark for mark in ",;\t" if mark in header)
    runs = read_runs(csv_file("\n".join([header, separator.join(["1e6", "2e7", "3.5"]), ""])))
    assert (runs.params[0], runs.tokens[0], runs.losses[0]) == (1e6, 2e7, 3.5)
    assert runs.names == ("line 2",)
    assert len(runs.notes) == 3


def test_tokens_from_compute_and_params_from_compute(csv_file):
    runs = read_runs(csv_file("x,Model Size,Training FLOP,loss\n0,1e6,1.2e14,3.5\n"))
    assert runs.tokens.tolist() == [2e7]
    assert "tokens computed as C / 6N" in runs.notes
    runs = read_runs(csv_file("C,D,loss\n1.2e14,2e7,3.5\n"))
    assert runs.params.tolist() == [1e6]
    assert "params computed as C / 6D" in runs.notes


def test_names_can_be_given(csv_file):
    path = csv_file("p,t,bpb,loss,run\n1e6,2e7,1.1,9,a\n2e6,2e7,1.0,9,b\n")
    runs = read_runs(path, params="p", tokens="t", loss="bpb", group="run")
    assert runs.losses.tolist() == [1.1, 1.0]
    assert runs.groups.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="no column 'q'; it has 'p', 't', 'bpb'"):
        read_runs(path, params="q")


def test_units_in_headers_and_cells(csv_file):
    runs = read_runs(csv_file("params (M),tokens [in billions],loss\n1.5,2,3\n"))
    assert (runs.params[0], runs.tokens[0]) == (1.5e6, 2e9)
    assert read_runs(csv_file("N,D,loss\n1.5M,2B,3\n")).params[0] == 1.5e6


def test_a_diverged_loss_is_kept_for_the_fit_to_exclude(csv_file):
    runs = read_runs(csv_file("N,D,loss\n1e6,2e7,nan\n1e6,2e7,inf\n1e6,2e7,3\n"))
    assert np.isfinite(runs.losses).tolist() == [False, False, True]


def test_blank_lines_are_skipped_and_lines_still_count(csv_file):
    assert read_runs(csv_file("\ufeffN,D,loss\n1e6,2e7,3\n\n,,\n2e6,2e7,3\n")).names == ("line 2", "line 5")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("1e6,,3.5", "line 3: the cell of column 'D' is empty"),
        ("-1e6,2e7,3.5", "line 3: N '-1e6' is not a positive number"),
        ("1e6,0,3.5", "line 3: D '0' is not a positive number"),
        ("1e6,2e7,low", "line 3: loss 'low' is not a positive number"),
        ("1e6,2e7,-3.5", "line 3: loss '-3.5' is not a positive number"),
        ("nan,2e7,3.5", "line 3: N 'nan' is not a positive number"),
        ("1e6,2e7", "line 3: 2 cells where the header has 3"),
        ("1e6,2e7,3.5,9", "line 3: 4 cells where the header has 3"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(csv_file, row, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        read_runs(csv_file(f"N,D,loss\n1e6,2e7,3.5\n{row}\n"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; its first line must name the columns"),
        ("N,D,loss\n", "has no runs"),
        ("N,D,perplexity\n1,2,3\n", "no column for loss among 'N', 'D', 'perplexity'; name it, e.g. --loss COLUMN"),
        ("N,loss\n1,2\n", r"no column for two of params, tokens and compute \(only params is there\)"),
        ("1e6,2e7,3\n", "the first line holds numbers, not names"),
        ("N,D,loss\n1e6,2e7,314%\n2e6,2e7,310%\n", "column 'loss' holds '314%', which is not a positive number"),
    ],
)
def test_a_file_that_is_no_list_of_runs(csv_file, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_runs(csv_file(text))


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "model.bin").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="not a CSV file"):
        read_runs(tmp_path / "model.bin")
    with pytest.raises(OSError, match="No such file"):
        read_runs(tmp_path / "nothing.csv")


TRIALS = """trial,status,budget,size,params,tokens,flops,loss
a,finished,1e10,16,1000,1e6,9e9,3
b,failed,1e10,24,2000,5e5,9.1e9,
c,finished,1e10,24,2000,5.1e5,9.18e9,2.9
d,finished,3e10,24,2000,1.53e6,2.754e10,2.5
"""


def test_a_sweep_directory_gives_its_finished_trials_and_their_cost(tmp_path):
    (tmp_path / "trials.csv").write_text(TRIALS)
    runs = read_runs(tmp_path)
    assert runs.losses.tolist() == [3, 2.9, 2.5]
    assert runs.names == ("line 2", "line 4", "line 5")
    assert "1 unfinished runs left out" in runs.notes
    assert runs.sizes == (16, 24, 24)
    assert runs.cost([1000, 2000]) == pytest.approx([9000, 18000])


def test_a_sweep_that_goes_on_is_read_as_it_stands(tmp_path):
    plan = make_plan()
    store = SqliteStore(tmp_path)
    try:
        with pytest.raises(ValueError, match="no plan yet"):
            read_runs(tmp_path)
        store.begin(plan)
        ended = outcomes(plan, 7)
        for key, outcome in ended.items():
            store.record(TrialStarted(key, "worker 1"))
            store.record(TrialEnded(key, outcome))
        (tmp_path / "trials.csv").write_text(TRIALS)  # an older export
        runs = read_runs(tmp_path)
        assert sorted(runs.losses) == sorted(outcome.loss for outcome in ended.values())
    finally:
        store.close()


def test_flops_that_are_no_function_of_params_are_not_used(csv_file):
    runs = read_runs(csv_file("N,D,C,loss\n1e6,1e7,1.2e14,3\n1e6,1e7,9e13,3\n2e6,1e7,1.2e14,3\n"))
    assert runs.cost is None
    assert any("no function of params" in note for note in runs.notes)
    near = read_runs(csv_file("N,D,C,loss\n1e6,1e7,6e13,3\n1e6,1e7,6.3e13,3\n2e6,1e7,1.21e14,3\n"))
    assert near.cost is None
    assert len(near.notes) == 4


def test_flops_that_count_more_than_6nd_are_believed(csv_file):
    runs = read_runs(csv_file("N,D,C,loss\n1e6,1e7,6.3e13,3\n2e6,1e7,1.24e14,3\n"))
    assert runs.cost([1e6, 2e6]) == pytest.approx([6.3e6, 1.24e7])
    assert "not 6N" in runs.notes[-1]
    exact = read_runs(csv_file("N,D,C,loss\n1e6,1e7,6e13,3\n2e6,1e7,1.2e14,3\n"))
    assert len(exact.notes) == 4
