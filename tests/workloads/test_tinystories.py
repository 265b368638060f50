"""TinyStories from small directories in the library's own formats: lazy, packed without loss, kept on disk."""

import itertools
import math
import pickle
import socket
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.job import Train, make_plan, run_job
from flopsfit_tui.workloads import resolve, tinystories
from flopsfit_tui.workloads.tinystories import TinyStoriesDataset

STORIES = {
    "train": [f"Once upon a time there was a bear called {i}. The bear ate {i} häppy figs." for i in range(2500)],
    "validation": [f"The fox number {i} slept." for i in range(40)],
}


@pytest.fixture(scope="module")
def datasets():
    import datasets

    datasets.disable_progress_bars()
    return datasets


@pytest.fixture(scope="module")
def saved(datasets, tmp_path_factory):
    """What Dataset.save_to_disk writes."""
    path = tmp_path_factory.mktemp("saved")
    splits = {name: datasets.Dataset.from_dict({"text": texts}) for name, texts in STORIES.items()}
    datasets.DatasetDict(splits).save_to_disk(str(path))
    return path


@pytest.fixture(scope="module")
def parquet(datasets, tmp_path_factory):
    """The hub's own layout: data/train-00000-of-00002.parquet, and so on."""
    path = tmp_path_factory.mktemp("parquet")
    (path / "data").mkdir()
    for name, texts in STORIES.items():
        for part, some in enumerate((texts[: len(texts) // 2], texts[len(texts) // 2 :])):
            file = path / "data" / f"{name}-{part:05}-of-00002.parquet"
            datasets.Dataset.from_dict({"text": some}).to_parquet(file)
    return path


@pytest.fixture(params=["saved", "parquet"])
def stories(request):
    return request.getfixturevalue(request.param)


def packed(split):
    return b"".join(text.encode() + b"\0" for text in STORIES[split])


def make(path, tmp_path, split="train", seq_len=16, tokenizer_name="bytes", **kwargs):
    return TinyStoriesDataset(split, seq_len, tmp_path, tokenizer_name, path=path, **kwargs)


def test_constructing_reads_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tinystories, "read_texts", lambda *_: pytest.fail("it was read"))
    data = TinyStoriesDataset()
    assert (data.split, data.tokens_per_sample, data.vocab_size) == ("train", 256, 50_257)
    assert resolve("gpt-tinystories").dataset.vocab_size == 256
    assert list(tmp_path.iterdir()) == []


def test_every_byte_of_every_story_is_kept(stories, tmp_path):
    data = make(stories, tmp_path)
    assert data.load().tokens.tobytes() == packed("train")
    assert len(data) == data.samples == (len(packed("train")) - 1) // 16
    assert data.held_out().load().tokens.tobytes() == packed("validation")


def test_as_a_torch_dataset(saved, tmp_path):
    data = make(saved, tmp_path)
    inputs, targets = data[3]
    assert bytes(inputs.tolist()) == packed("train")[48:64]
    assert bytes(targets.tolist()) == packed("train")[49:65]
    assert torch.equal(data[-1][0], data[len(data) - 1][0])
    x, _ = next(iter(DataLoader(data, batch_size=5)))
    assert x.shape == (5, 16)
    assert x.dtype == torch.int64
    with pytest.raises(IndexError, match="of 12"):
        data[len(data)]


def test_as_a_source(saved, tmp_path):
    data = make(saved, tmp_path)
    x, y = next(data.batches(8, seed=1))
    assert x.shape == y.shape == (8, 16)
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert torch.equal(x, next(data.batches(8, seed=1))[0])
    assert not torch.equal(x, next(data.batches(8, seed=2))[0])
    held_out = data.held_out(10)
    assert held_out.samples == 10
    assert sum(len(x) for x, _ in held_out.once(4)) == 10


def test_a_trial_of_gpt_tinystories_trains_on_it(saved, tmp_path):
    data = make(saved, tmp_path, seq_len=64)
    workload = replace(resolve("gpt-tinystories"), dataset=data, val_dataset=data.held_out(8), budgets=(1e9,))
    plan = make_plan(Request(workload, sizes=(8,)))
    (trial,) = plan.trials
    assert plan.dataset_samples == len(data)
    *_, ended = run_job(Train(workload, trial, plan.recipe, "cpu"))
    assert ended.outcome.status == "finished", ended.outcome.error
    assert ended.outcome.train_loss < 1 < 5 < ended.outcome.first_loss  # from ln 256; the stories are very much alike
    assert math.isfinite(ended.outcome.loss)  # high: no fox was trained on


def test_it_is_read_once_and_then_kept(saved, tmp_path, monkeypatch):
    first = make(saved, tmp_path)
    fingerprint = first.fingerprint
    monkeypatch.setattr(tinystories, "read_texts", lambda *_: pytest.fail("it was read again"))
    again = make(saved, tmp_path, seq_len=32)
    assert again.fingerprint == fingerprint
    assert isinstance(again.load().tokens, np.memmap)
    assert len(pickle.dumps(again)) < 2000
    assert pickle.loads(pickle.dumps(again)).samples == again.samples


def test_a_download_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def broken(path, split):
        yield from STORIES["train"][:1500]
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(tinystories, "read_texts", broken)
    with pytest.raises(ValueError, match="ConnectionError: reset by peer"):
        make("somewhere", tmp_path).load()
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_made_again(saved, tmp_path):
    make(saved, tmp_path).load()
    (file,) = tmp_path.glob("*.bin")
    file.write_bytes(file.read_bytes()[:100])
    assert make(saved, tmp_path).load().tokens.tobytes() == packed("train")


def test_no_more_is_drawn_than_is_wanted(tmp_path, monkeypatch):
    drawn = itertools.count()
    monkeypatch.setattr(tinystories, "read_texts", lambda *_: (f"story {next(drawn)}" for _ in range(10**6)))
    data = make("somewhere", tmp_path, max_tokens=5000)
    assert len(data.load().tokens) == 5000
    assert next(drawn) == 1000


def test_a_changed_copy_is_another_data_set(datasets, tmp_path):
    fingerprints = []
    for text in ("one", "other"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        datasets.Dataset.from_dict({"text": [text] * 100}).to_parquet(tmp_path / "copy" / "train.parquet")
        fingerprints.append(make(tmp_path / "copy", tmp_path / "cache").fingerprint)
    assert fingerprints[0] != fingerprints[1]


def test_what_a_directory_lacks_is_said(datasets, saved, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"neither a saved data set nor a file named train\*.parquet"):
        make(empty, tmp_path).load()
    one = tmp_path / "one"
    datasets.Dataset.from_dict({"text": ["a"]}, split="train").save_to_disk(str(one))
    with pytest.raises(ValueError, match="has no validation split; it has train"):
        make(one, tmp_path, "validation").load()
    other = tmp_path / "other"
    datasets.DatasetDict({"train": datasets.Dataset.from_dict({"story": ["a"]})}).save_to_disk(str(other))
    with pytest.raises(ValueError, match="has the columns story; one must be 'text'"):
        make(other, tmp_path).load()


def test_no_network_is_one_sentence_at_once_with_the_offline_alternatives(datasets, tmp_path, monkeypatch):
    def no_network(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("flopsfit_tui.workloads.stories.getproxies", dict)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    expected = "roneneldan/TinyStories, train, bytes tokens.*Name or service not known.*gpt-bytes and vit-textures"
    with pytest.raises(ValueError, match=expected):
        TinyStoriesDataset(cache_dir=tmp_path, tokenizer_name="bytes").load()


def test_what_cannot_be_meant_is_refused_at_once():
    with pytest.raises(ValueError, match="split is 'test'; give one of 'train', 'validation'"):
        TinyStoriesDataset("test")
    with pytest.raises(ValueError, match="tokenizer_name is 'bert'; give one of 'bytes', 'gpt2'"):
        TinyStoriesDataset(tokenizer_name="bert")
    with pytest.raises(ValueError, match="seq_len is 0"):
        TinyStoriesDataset(seq_len=0)


def test_gpt2_tokens_without_a_tokenizer_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r'pip install .flopsfit-tui\[gpt2\]., or take tokenizer_name="bytes"'):
        make("somewhere", tmp_path, tokenizer_name="gpt2").load()


class FakeEncoding:
    """Words as numbers, as either library would give byte pairs."""

    def encode_ordinary_batch(self, texts):
        return [[300 + len(word) for word in text.split()] for text in texts]

    def __call__(self, texts):
        return {"input_ids": self.encode_ordinary_batch(texts)}

    def __len__(self):
        return 50_257


@pytest.mark.parametrize("library", ["tiktoken", "transformers"])
def test_gpt2_tokens_by_either_library(library, saved, tmp_path, monkeypatch):
    fake = types.ModuleType(library)
    fake.get_encoding = {"gpt2": FakeEncoding()}.__getitem__
    fake.GPT2TokenizerFast = types.SimpleNamespace(from_pretrained=lambda name, **_: {"gpt2": FakeEncoding()}[name])
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setitem(sys.modules, library, fake)
    data = make(saved, tmp_path, "validation", tokenizer_name="gpt2")
    assert data.load().tokens.dtype == np.uint16
    assert data.load().tokens[:6].tolist() == [303, 303, 306, 301, 306, 50_256]


def test_a_tokenizer_without_its_vocabulary_is_refused(tmp_path, monkeypatch):
    """Transformers 5 gives such a one, without a word, where it finds no files."""

    class Empty(FakeEncoding):
        def __len__(self):
            return 1

    fake = types.ModuleType("transformers")
    fake.GPT2TokenizerFast = types.SimpleNamespace(from_pretrained=lambda name, **_: Empty())
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setitem(sys.modules, "transformers", fake)
    monkeypatch.setattr("flopsfit_tui.workloads.tokens.check_hub", lambda: None)
    with pytest.raises(ValueError, match='what came has 1 tokens, not 50257.*tokenizer_name="bytes"'):
        make("somewhere", tmp_path, tokenizer_name="gpt2").load()
