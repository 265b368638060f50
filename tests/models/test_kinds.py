"""Models of the kinds that people bring go from a plan to an answer, from Python and from the command line."""

import csv
from pathlib import Path

import pytest
import zoo

import flopsfit_tui as ff
from flopsfit_tui.cli import main
from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.job import make_plan

FILE = Path(zoo.__file__)
IN_A_WORKER = ["--workers", "1"]  # which reads the file anew; the others need not load torch for it
KINDS = ["cnn", "lstm", "gpt2", "mobile", "depth", "presets", "shapes"]
SIZES = {
    "cnn": [2, 4, 8, 16],
    "lstm": [4, 8, 16, 32],
    "gpt2": [4, 8, 16, 32],
    "mobile": [0.1, 0.2, 0.35],
    "presets": ["tiny", "small", "base", "large"],
    "shapes": [(1, 4), (1, 8), (2, 16), (2, 32)],
}


def declared(kind):
    if kind == "gpt2":
        pytest.importorskip("transformers")
    return getattr(zoo, kind)()


@pytest.mark.parametrize("kind", [*KINDS[:2], *KINDS[4:]])
def test_the_plan_has_each_size_as_it_was_given(kind):
    workload = declared(kind)
    plan = make_plan(Request(workload))
    sizes = list(plan.settings())
    assert sizes == SIZES.get(kind, sizes)
    assert [type(s) for s in sizes] == [type(s) for s in SIZES.get(kind, sizes)]
    params = [s.params for s in plan.sizes]
    assert params == sorted(params)
    assert len(set(params)) == len(params)


def test_an_lstm_is_counted_with_its_recurrence_and_tied_weights_once():
    plan = make_plan(Request(declared("lstm"), budgets=(1e8,), sizes=(8, 16)))
    for size in plan.sizes:
        h, v = size.size, zoo.VOCABULARY
        assert size.params == v * h + 8 * h * h + 8 * h
        assert size.flops_per_token == pytest.approx(6 * (8 * h * h + v * h), rel=0.02)  # the first step has no state


def test_hugging_face_gets_its_labels_and_says_so():
    plan = make_plan(Request(declared("gpt2"), budgets=(1e8,), sizes=(4, 8)))
    assert plan.recipe.pass_labels == "labels"
    assert plan.unit == "tokens"
    assert any("given the targets as 'labels'" in note for note in plan.notes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_from_python(kind, tmp_path):
    workload = declared(kind)
    result = ff.find_optimal(
        workload.model_cls,
        workload.model_size_param,
        dataset=workload.dataset,
        loss_fn=workload.loss_fn,
        compute_budgets=workload.budgets[:-1],
        sizes=workload.sizes,
        batch_size=workload.batch_size,
        learning_rate=workload.learning_rate,
        output_dir=tmp_path,
    )
    assert {row["status"] for row in result.trials} <= {"finished"}
    assert {row["size"] for row in result.trials} <= set(SIZES.get(kind, range(1, 10**6)))
    assert "|" in result.chinchilla_table() or "No optimum" in result.chinchilla_table()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_from_the_command_line(kind, tmp_path, capsys):
    budget = f"{declared(kind).budgets[0]:g}"
    command = ["run", f"{FILE}:{kind}", "--no-ui", "--budgets", budget, "--out", str(tmp_path / "out")]
    assert main([*command, *(IN_A_WORKER if kind == "shapes" else ["--executor", "thread"])]) == 0
    with open(tmp_path / "out" / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"finished"}
    assert {row["size"] for row in rows} <= {str(s) for s in SIZES.get(kind, range(1, 10**4))}
    assert capsys.readouterr().out.split()[0] in ("FLOPs", "No")
