"""Which column, which rows, which groups: the stated rule, or one sentence; and what a cost is believed for."""

import numpy as np
import pytest
from law_runs import C, D, L, N, same, table

from flopsfit_tui.cli import main
from flopsfit_tui.fit import fit_law
from flopsfit_tui.report.files.read_runs import read_groups, read_runs


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "runs.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def nanochat(header, *middle):
    depth = [str(i) for i in range(N.size)]
    ratio = [D / N] if "param_data_ratio" in header else []
    return table(header, C, depth, depth, *middle, depth, D, *ratio, L, L / 9, depth)


def test_nanochats_results_of_both_generations(write):
    old = read_runs(write(nanochat(
        "flops_budget,depth,model_dim,num_params,num_scaling_params,num_iterations,tokens_trained,param_data_ratio,val_bpb,"
        "core_score,train_time_sec", N, N / 2)))  # fmt: skip
    assert same(old)
    assert any("bits per byte" in note for note in old.notes)
    assert any("not 'num_scaling_params'" in note for note in old.notes)
    new = read_runs(write(nanochat(
        "flops_budget,depth,model_dim,params_wte,params_value_embeds,params_lm_head,params_transformer,params_scalars,"
        "params_total,num_iterations,tokens_trained,val_bpb,core_score,train_time_sec",
        N / 9, N / 8, N / 7, N / 2, N / 99, N)))  # fmt: skip
    assert same(new)


def test_marins_export_of_wandb(write):
    header = ('"Name","parameter_count","throughput/total_tokens","eval/paloma/macro_loss","throughput/total_gflops",'
              '"trainer.train_batch_size","trainer.num_train_steps","learning_rate",'
              '"model.hidden_dim","model.num_layers"')  # fmt: skip
    names = [f'"isoflop-{i}"' for i in range(N.size)]
    layers = [str(i) for i in range(N.size)]
    runs = read_runs(write(table(header, names, N, D, L, C / 1e9, ["64"] * 20, layers, [""] * 20, layers, layers)))
    assert same(runs)
    assert runs.cost is None
    assert not runs.warnings


def test_epochs_figure(write):
    dots = ["#fff"] * N.size
    assert same(
        read_runs(
            write(table("x,y,color,Model Size,Training FLOP,hex_color,loss", N / 1e6, D / 1e9, dots, N, C, dots, L))
        )
    )


@pytest.mark.parametrize(
    ("header", "columns", "sentence"),
    [
        ("params,tokens,val_loss,test_loss", (N, D, L, L + 0.1), "loss: 'val_loss', 'test_loss'; choose one by --loss"),
        ("N,params,tokens,loss", (N, 2 * N, D, L), "several columns for params: 'N', 'params'"),
        ("params,tokens,loss,loss", (N, D, L, L + 0.1), "column 'loss' twice"),
        ("params,tokens,train_tokens,loss", (N, D, 2 * D, L), "several columns for tokens"),
        ("params,tokens_per_second,loss", (N, D, L), "only params is there"),
        ("params,tokens,loss_std", (N, D, L), "no column for loss"),
        ("d_model,n_layers,tokens,loss", (N, N, D, L), "only tokens is there"),
    ],
)  # fmt: skip
def test_what_the_rule_does_not_decide_is_refused(write, header, columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_runs(write(table(header, *columns)))


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("params,tokens,loss,train_loss", (N, D, L, L - 0.2)),
        ("params,tokens,loss,val_loss", (N, D, L - 0.2, L)),
        ("params,non_embedding_params,tokens,loss", (N, N / 2, D, L)),
        ("total_params,params,tokens,loss", (N, N / 2, D, L)),
        ("N,params,tokens,loss", (N, N, D, L)),
        ("model,params,tokens,batch_tokens,loss,loss_std", (["gpt"] * 20, N, D, D / 9, L, L / 99)),
        ("params,tokens,flops,budget,loss", (N, D, C, C * 1.01, L)),
        ("params,tokens,tokens_per_param,gflops_per_second,loss", (N, D, D / N, C / 9, L)),
    ],
)
def test_the_rule_decides(write, header, columns):
    assert same(read_runs(write(table(header, *columns))))


@pytest.mark.parametrize("missing", ["-", "N/A", "null", "", "NA", "None", "—", "#N/A", "?"])
def test_runs_without_a_loss_are_left_out_and_counted(write, missing):
    losses = [missing if i in (3, 7) else repr(float(x)) for i, x in enumerate(L)]
    runs = read_runs(write(table("N,D,loss", N, D, losses)))
    assert runs.losses.size == 18
    assert "2 runs without a loss left out" in runs.notes


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [("State", "finished", "crashed"), ("status", "COMPLETED", "FAILED"), ("state", "done", "running"),
     ("diverged", "False", "True"), ("run_state", "success", "preempted"),
     ("finished", "1", "0"), ("outlier", "false", "true")],
)  # fmt: skip
def test_unfinished_runs_are_left_out_and_counted(write, column, good, bad):
    states = [bad if i < 2 else good for i in range(20)]
    losses = np.where(np.arange(20) < 2, 9.9, L)
    runs = read_runs(write(table(f"N,D,loss,{column}", N, D, losses, states)))
    assert runs.losses.size == 18
    assert any(note.startswith("2 ") and bad in note for note in runs.notes)


def history(*, run=True):
    rows = [
        ([f"r{i}"] if run else [])
        + [str(step), repr(float(n)), repr(float(d * step / 100)), repr(float(x + 1 - step / 100))]
        for i, (n, d, x) in enumerate(zip(N, D, L, strict=True))
        for step in (25, 50, 75, 100)
    ]
    return "\n".join([("run_id," if run else "") + "step,params,tokens,loss", *map(",".join, rows)])


def test_the_last_step_of_a_run_is_taken(write):
    runs = read_runs(write(history()))
    assert same(runs)
    assert any("last of several steps" in note for note in runs.notes)
    assert read_runs(write(history()), run="none").losses.size == 80


def test_steps_without_a_run_are_refused_or_warned_of(write):
    with pytest.raises(ValueError, match="no column that names the run; give it by --run COLUMN"):
        read_runs(write(history(run=False)))
    without_step = [",".join(line.split(",")[:1] + line.split(",")[2:]) for line in history().splitlines()]
    path = write("\n".join(without_step).replace("run_id", "label"))
    assert [warning.code for warning in read_runs(path).warnings] == ["steps"]
    assert same(read_runs(path, run="label"))
    factorial = [(n, d) for n in (1e8, 2e8, 4e8) for d in (1e9, 2e9, 3e9, 4e9)]
    text = "N,D,loss\n" + "\n".join(f"{n},{d},{1.7 + 400 / n**0.34 + 400 / d**0.28}" for n, d in factorial)
    assert not read_runs(write(text)).warnings


def test_a_grid_of_rates_is_warned_of_and_best_takes_the_best(write, capsys):
    n, d, x = np.repeat(N, 3), np.repeat(D, 3), np.repeat(L, 3) + np.tile([0.0, 0.3, 0.6], 20)
    path = write(table("N,D,lr,loss", n, d, np.tile([3e-4, 1e-3, 3e-3], 20), x))
    assert [w.code for w in read_runs(path).warnings] == ["grid"]
    assert "'lr'" in read_runs(path).warnings[0].message
    assert same(read_runs(path, best=True))
    assert main(["predict", str(path), "1e21", "--best"]) == 0
    assert "best settings of each point: 20 of 60" in capsys.readouterr().err


def test_groups_are_warned_of_and_fitted_one_by_one(write, capsys):
    n, d, x = np.tile(N, 2), np.tile(D, 2), np.concatenate([L, 0.6 * L])
    path = write(table("dataset,N,D,loss", ["a"] * 20 + ["b"] * 20, n, d, x))
    (warning,) = read_runs(path).warnings
    assert warning.code == "groups"
    assert "'dataset'" in warning.message
    parts = read_groups(path, "dataset")
    assert list(parts) == ["a", "b"]
    assert same(parts["a"])
    assert not parts["a"].warnings
    assert main(["fit", str(path), "--by", "dataset"]) == 0
    assert "dataset = b" in capsys.readouterr().out
    assert main(["fit", str(path), "--by", "nothing"]) == 2


def test_alike_groups_are_not_warned_of(write):
    rng = np.random.default_rng(0)
    x = L * np.exp(0.003 * rng.normal(size=20))
    sizes = [f"{i % 5}-size" for i in range(20)]
    assert not read_runs(write(table("machine,size_name,N,D,loss", ["a", "b"] * 10, sizes, N, D, x))).warnings


def test_the_mapping_is_said_on_stderr(write, capsys):
    assert (
        main(["predict", str(write(table("params (M),compute (PF-days),loss", N / 1e6, C / 8.64e19, L))), "1e21"]) == 0
    )
    err = capsys.readouterr().err
    assert "params from column 'params (M)' x 1e6" in err
    assert "compute from column 'compute (PF-days)' x 8.64e19" in err


def test_rounding_is_no_cost_but_a_real_cost_is(write):
    rounded = [f"{d:.1e}" for d in D]
    runs = read_runs(write(table("N,D,C,loss", N, rounded, C, L)))
    assert runs.cost is None
    counted = C * 1.3 * (N / 1e8) ** 0.05
    runs = read_runs(write(table("N,D,C,loss", N, rounded, counted, L)))
    assert runs.cost is not None
    assert np.allclose(runs.cost(N), counted / D, rtol=0.02)
    exact = read_runs(write(table("N,D,C,loss", N, D, counted, L)))
    assert np.allclose(exact.cost(N), counted / D, rtol=1e-6)


def test_the_two_methods_are_compared_under_one_cost(write):
    steep = C * (N / 1e8) ** 0.4
    runs = read_runs(write(table("N,D,C,loss", N, D, steep, L)))
    fit = fit_law(runs.params, runs.tokens, runs.losses, flops=runs.cost)
    assert fit.law.alpha == pytest.approx(0.34, abs=0.01)
    slope = np.log(fit.law.optimum(3e19, runs.cost).params / fit.law.optimum(1e18, runs.cost).params) / np.log(30)
    assert abs(slope - fit.exponent.value) > 0.05
    assert not any(w.code == "methods_disagree" for w in fit.warnings)
