"""A script written for flops-fit runs with its import changed: every name and form that its users rely on."""

import os
import re
import socket
import sys
import types
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flopsfit_tui as ff
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.examples import (
    GPT,
    CIFAR10Dataset,
    GPTConfig,
    TinyStoriesDataset,
    VisionTransformer,
    gpt_loss_fn,
    vit_loss_fn,
)
from flopsfit_tui.workloads import cifar10, tinystories, tokens

VOCABULARY, LENGTH = 50_257, 32
BUDGETS = [1e16, 3e16, 1e17]
HEADINGS = ["Compute Budget", "Optimal N", "Optimal D", "D/N Ratio", "Predicted Loss"]


def make_gpt(d_model):
    return GPT(GPTConfig(d_model=d_model, num_layers=2, num_heads=4, vocab_size=VOCABULARY, max_seq_len=LENGTH))


def loss_fn(outputs, labels):
    logits, _ = outputs
    return F.cross_entropy(logits.view(-1, VOCABULARY), labels.view(-1))


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refused(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(tokens, "_load_gpt2", refused)
    monkeypatch.setattr(cifar10, "read", refused)
    monkeypatch.setattr(tinystories, "read_texts", refused)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    data = torch.randint(0, VOCABULARY, (16, LENGTH))
    return ff.find_optimal(
        model_cls=make_gpt,
        model_size_param="d_model",
        dataset=TensorDataset(data, data.clone()),
        loss_fn=loss_fn,
        compute_budgets=BUDGETS,
        train=True,
        mode="mock",
        output_dir=str(tmp_path_factory.mktemp("outputs")),
    )


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_table_is_markdown_under_known_headings(result):
    head, rule, *rows = result.chinchilla_table().splitlines()
    assert head.startswith(f"| {' | '.join(HEADINGS)} |")
    assert set(rule) == {"|", "-"}
    assert [float(cells(row)[0]) for row in rows] == [*BUDGETS, 1e18, 1e19]
    for row in rows:
        budget, params, tokens_, ratio, loss = (float(cell.replace(",", "")) for cell in cells(row)[:5])
        assert params.is_integer()
        assert 6 * params * tokens_ == pytest.approx(budget, rel=1e-3)
        assert ratio == pytest.approx(tokens_ / params, abs=0.06)
        assert loss == pytest.approx(result.predict(budget)["expected_loss"], abs=1e-4)


def test_the_table_of_chosen_budgets_has_a_row_for_each_in_their_order(result):
    table = result.chinchilla_table([1e18, 1e16])
    assert [cells(row)[0] for row in table.splitlines()[2:]] == ["1.00e+18", "1.00e+16"]
    assert result.chinchilla_table(compute_budgets=[1e18, 1e16]) == table


def test_a_prediction_has_whole_numbers(result):
    best = result.predict(1e21)
    assert isinstance(best, dict)
    assert best["target_compute"] == 1e21
    for name in ("optimal_params", "optimal_tokens", "params_low", "tokens_high"):
        assert isinstance(best[name], int), name
        assert best[name] > 0
    assert f"{best['optimal_params']:,}".replace(",", "").isdecimal()
    assert result.predict(compute_budget=1e21) == best


def test_a_result_says_where_it_lies_and_what_was_swept(result):
    assert Path(result.output_dir, "trials.csv").is_file()
    assert result.output_dir + "/plots"  # a string, as there
    assert result.compute_budgets == BUDGETS


def test_plot_gives_a_list_of_figures_and_saves_them(result):
    from matplotlib.figure import Figure

    figures = result.plot(show=False)
    assert isinstance(figures, list)
    assert len(figures) == len(list(Path(result.output_dir, "plots").glob("*.png"))) == 4
    assert all(isinstance(figure, Figure) for figure in figures)
    assert {figure.get_label() for figure in figures} == {"isoflop", "scaling", "loss_curves", "residuals"}


def test_plot_shows_windows_of_its_own_figures(result, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: shown.extend(plt.figure(n).canvas.figure for n in plt.get_fignums()))
    shown = []
    plt.switch_backend("agg")
    figures = result.plot(show=True, save=False)
    plt.close("all")
    assert len(shown) == len(figures)


def test_without_matplotlib_plot_prints_and_says_what_is_missing(result, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "flopsfit_tui.report.plots.figures", raising=False)
    monkeypatch.delattr("flopsfit_tui.report.plots.figures", raising=False)
    monkeypatch.delattr("flopsfit_tui.report.plots.show", raising=False)
    monkeypatch.delitem(sys.modules, "flopsfit_tui.report.plots.show", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert result.plot() == []
    out, err = capsys.readouterr()
    assert "params" in out or "N" in out
    assert "pip install 'flopsfit-tui[plots]'" in err


def test_a_plan_lists_experiments():
    plan = ff.find_optimal(mlp, "width", model_kwargs={"depth": 2}, compute_budgets=[1e9, 1e10], train=False)
    assert isinstance(plan, ff.Plan)
    assert plan.num_experiments == len(plan.experiments) > 0
    assert plan.compute_budgets == [1e9, 1e10]
    assert (plan.size_param, plan.model_cls_name, plan.model_kwargs) == ("width", "mlp", {"depth": 2})
    first = plan.experiments[0]
    assert first.compute_budget in plan.compute_budgets
    assert first.num_params == sum(p.numel() for p in mlp(first.size_param_value, 2).parameters())
    assert first.tokens_per_param == first.num_tokens / first.num_params
    assert len({e.experiment_id for e in plan.experiments}) == plan.num_experiments
    assert plan.total_flops == pytest.approx(sum(e.compute_budget for e in plan.experiments), rel=0.01)
    assert str(plan.num_experiments) in repr(plan)
    assert "e+" in repr(plan)


def mlp(width, depth=1):
    hidden = [nn.Linear(width, width) for _ in range(depth)]
    return nn.Sequential(nn.Linear(4, width), *hidden, nn.Linear(width, 1))


def test_a_model_alone_is_planned_for():
    plan = ff.plan_sweep(
        model_cls=mlp, size_param="width", model_kwargs={"depth": 2}, compute_budgets=[1e10, 1e9], points=3
    )
    assert isinstance(plan, ff.Plan)
    assert isinstance(plan.experiments[0], ff.Experiment)
    assert plan.compute_budgets == [1e9, 1e10]
    assert plan.num_experiments == 6
    with pytest.raises(TypeError, match="either a workload or a model_cls"):
        ff.plan_sweep()
    with pytest.raises(TypeError, match="size_param"):
        ff.plan_sweep(model_cls=mlp)
    with pytest.raises(TypeError, match="does not know min_size; it takes budgets, sizes, points"):
        ff.plan_sweep(model_cls=mlp, size_param="width", min_size=8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataset": "a text"}, "dataset is a str; give a torch Dataset"),
        ({"dataset": {"a": 1}}, "dataset is a dict"),
        ({"loss_fn": 42}, "loss_fn must be callable.*it is a int"),
    ],
)
def test_what_is_no_data_and_no_loss_is_refused_also_where_only_a_plan_is_wanted(given, message):
    with pytest.raises(TypeError, match=message):
        ff.find_optimal(mlp, "width", compute_budgets=[1e9], **given)


def test_a_stored_plan_keeps_what_it_says_of_the_model():
    plan = ff.find_optimal(mlp, "width", model_kwargs={"depth": 2}, compute_budgets=[1e9], train=False)
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert (again.model_cls_name, again.model_kwargs) == ("mlp", {"depth": 2})


class Offline(torch.utils.data.Dataset):
    def __len__(self):
        return 1000

    def __getitem__(self, index):
        raise ConnectionError("no route to the data")


def test_a_data_set_that_cannot_be_read_is_planned_for_without_it():
    plan = ff.find_optimal(
        mlp, "width", dataset=Offline(), loss_fn=loss_fn, compute_budgets=[1e10], sizes=[8], train=False
    )
    assert plan.notes[-1] == (
        "the dataset cannot be read (ConnectionError: no route to the data): planned at 6N FLOPs a token"
    )
    (only,) = plan.experiments
    assert 6 * only.num_params * only.num_tokens == pytest.approx(1e10, rel=1e-3)


def test_a_part_of_a_lazy_data_set_is_as_lazy(no_network):
    part = torch.utils.data.Subset(CIFAR10Dataset(), range(128))
    plan = ff.find_optimal(
        lambda d: VisionTransformer(d, num_heads=2, num_layers=1),
        "d",
        dataset=DataLoader(part, batch_size=4),
        loss_fn=vit_loss_fn,
        compute_budgets=[1e12],
        sizes=[16],
        train=False,
    )
    assert (plan.dataset_samples, plan.trials[0].batch_size) == (128, 4)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_lazy_data_set_is_planned_for_unread(wrapped, no_network, tmp_path):
    stories = TinyStoriesDataset(split="train", seq_len=LENGTH, cache_dir=str(tmp_path / "c"), tokenizer_name="gpt2")
    images = CIFAR10Dataset(train=True, data_dir=str(tmp_path / "d"))
    given = (DataLoader(stories, batch_size=4), DataLoader(images, batch_size=4)) if wrapped else (stories, images)
    plan = ff.find_optimal(
        make_gpt, "d_model", dataset=given[0], loss_fn=loss_fn, compute_budgets=[1e15], sizes=[16], train=False
    )
    assert (plan.unit, plan.tokens_per_sample) == ("tokens", LENGTH)
    assert plan.trials[0].batch_size == (4 if wrapped else 32)
    assert "TinyStories was not read" in plan.notes[-1]
    plan = ff.find_optimal(
        lambda d: VisionTransformer(embed_dim=d, num_heads=2, num_layers=1),
        "d",
        dataset=given[1],
        loss_fn=vit_loss_fn,
        compute_budgets=[1e12],
        sizes=[16],
        train=False,
    )
    assert (plan.unit, plan.dataset_samples) == ("images", 50_000)
    assert list(tmp_path.iterdir()) == []


def test_the_page_about_the_switch_names_what_there_is():
    page = (Path(__file__).parents[1] / "docs" / "switch.md").read_text()
    scope = {}
    exec(page.split("```python\n")[1].split("```")[0], scope)
    assert scope["flops_fit"] is ff
    for heading in HEADINGS:
        assert f"`{heading}`" in page


def test_data_sets_keep_what_they_were_given():
    assert CIFAR10Dataset(train=False, data_dir="/tmp/test").data_dir == "/tmp/test"
    assert CIFAR10Dataset(train=False).train is False
    stories = TinyStoriesDataset(split="validation", seq_len=64, cache_dir="/tmp/cache", tokenizer_name="gpt2")
    assert (stories.split, stories.seq_len, stories.cache_dir) == ("validation", 64, "/tmp/cache")
    assert stories.tokenizer_name == "gpt2"


def test_prepare_data_reads_once(tmp_path, monkeypatch):
    monkeypatch.setattr(tinystories, "read_texts", lambda *_: iter(["Once upon a time there was a bear."] * 20))
    stories = TinyStoriesDataset(seq_len=16, cache_dir=str(tmp_path), tokenizer_name="bytes")
    stories.prepare_data()
    monkeypatch.setattr(tinystories, "read_texts", lambda *_: pytest.fail("it was read again"))
    stories.prepare_data()
    again = TinyStoriesDataset(seq_len=16, cache_dir=str(tmp_path), tokenizer_name="bytes")
    again.prepare_data()
    input_ids, labels = again[0]
    assert input_ids.shape == labels.shape == (16,)
    assert bytes(input_ids.tolist()) == b"Once upon a time"
    assert bytes(labels.tolist()) == b"nce upon a time "


class Encoding:
    def encode_ordinary_batch(self, texts):
        return [[len(word) for word in text.split()] for text in texts]


def test_the_vocabulary_is_kept_where_a_restart_leaves_it(tmp_path, monkeypatch):
    fake = types.ModuleType("tiktoken")
    fake.get_encoding = lambda name: (seen.append((name, os.environ["TIKTOKEN_CACHE_DIR"])), Encoding())[1]
    seen = []
    monkeypatch.setitem(sys.modules, "tiktoken", fake)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    tokens.kind_of("gpt2").load()
    assert seen == [("gpt2", str(tmp_path / "flopsfit-tui" / "tiktoken"))]
    assert "TIKTOKEN_CACHE_DIR" not in os.environ
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/mine")
    tokens.kind_of("gpt2").load()
    assert seen[1][1] == os.environ["TIKTOKEN_CACHE_DIR"] == "/mine"


def test_a_vocabulary_that_cannot_be_downloaded_is_one_sentence(tmp_path, monkeypatch):
    def fails(name):
        raise ConnectionError(f"{name}: no route " + "x" * 500)

    fake = types.ModuleType("tiktoken")
    fake.get_encoding = fails
    monkeypatch.setitem(sys.modules, "tiktoken", fake)
    stories = TinyStoriesDataset(cache_dir=tmp_path)
    with pytest.raises(
        ValueError, match=r'vocabulary.*ConnectionError: gpt2: no route.*tokenizer_name="bytes"'
    ) as said:
        stories.prepare_data()
    assert len(str(said.value)) < 400


def test_the_loss_functions_take_both_output_forms():
    logits, labels = torch.randn(2, 8, VOCABULARY), torch.randint(0, VOCABULARY, (2, 8))
    assert torch.equal(gpt_loss_fn((logits, None), labels), loss_fn((logits, None), labels))
    assert vit_loss_fn(torch.randn(2, 10), torch.randint(0, 10, (2,))).shape == ()
    assert VisionTransformer(embed_dim=64, num_layers=2, num_heads=8)(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_the_models_have_the_defaults_that_they_have_there():
    config = GPTConfig()
    assert (config.d_model, config.num_layers, config.num_heads) == (256, 6, 4)
    assert (config.vocab_size, config.max_seq_len) == (VOCABULARY, 256)
    assert VisionTransformer().num_params() == VisionTransformer(256, 32, 4, 10, 6, 8, None).num_params()


def test_the_gpt_takes_the_names_of_hugging_face():
    model, ids = make_gpt(16), torch.randint(0, VOCABULARY, (2, LENGTH))
    logits, loss = model(input_ids=ids)
    assert (logits.shape, loss) == ((2, LENGTH, VOCABULARY), None)
    assert model(input_ids=ids, labels=ids)[1].item() > 0
    assert isinstance(model.num_params(), int)


class Counted(nn.Module):
    def __init__(self, width, says):
        super().__init__()
        self.up, self.down, self.says = nn.Linear(4, width), nn.Linear(width, 1), says

    def forward(self, x):
        return self.down(self.up(x))

    def num_params(self):
        return self.says(sum(p.numel() for p in self.parameters()))


@pytest.mark.parametrize(
    ("says", "note"),
    [
        (lambda n: n, None),
        (lambda n: n - 5, r"num_params\(\) says 44 at width=8; N is the 49 trainable parameters"),
        (lambda n: "many", r"num_params\(\) gives a str at width=8"),
        (lambda n: n / 0, r"num_params\(\) fails at width=8 \(ZeroDivisionError"),
    ],
)
def test_a_models_own_count_is_compared(says, note):
    plan = ff.find_optimal(
        Counted, "width", model_kwargs={"says": says}, compute_budgets=[1e8], sizes=[8, 16], train=False
    )
    found = "\n".join(said for said in plan.notes if "num_params" in said)
    assert re.search(note, found) if note else not found
    assert found in repr(plan)


@pytest.mark.parametrize(("shift", "said"), [(0, True), (1, False)])
def test_labels_that_are_the_inputs_are_said(shift, said):
    data = torch.randint(0, 64, (40, LENGTH + 1))
    given = TensorDataset(data[:, :LENGTH], data[:, shift : LENGTH + shift].clone())
    plan = ff.find_optimal(
        lambda d: GPT(GPTConfig(d, 1, 2, 64, LENGTH)),
        "d",
        dataset=given,
        loss_fn=gpt_loss_fn,
        compute_budgets=[1e9],
        sizes=[8],
        train=False,
    )
    assert any("the labels equal the inputs" in note for note in plan.notes) == said


def test_a_run_says_what_the_plan_says(tmp_path, capsys):
    given = {"dataset": [0], "loss_fn": loss_fn, "mode": "mock", "output_dir": tmp_path}
    ff.find_optimal(Counted, "width", {"says": lambda n: 7}, compute_budgets=[1e8], sizes=[8, 16], **given)
    assert "num_params() says 7 at width=8" in capsys.readouterr().err
