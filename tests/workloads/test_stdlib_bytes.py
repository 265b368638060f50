"""Real text, split by file, cut into windows without loss."""

import numpy as np
import pytest
import torch

from flopsfit_tui.workloads import resolve, stdlib_bytes
from flopsfit_tui.workloads.stdlib_bytes import ByteWindows, load_corpus, read_sources


def test_the_corpus_is_real_and_split_by_file():
    corpus = load_corpus()
    text = corpus.train.tobytes()
    assert len(corpus.train) > 5e6
    assert 0.03 < len(corpus.held_out) / len(corpus.train) < 0.3
    assert b"import " in text
    lines = {line for line in corpus.held_out.tobytes().split(b"\n") if len(line) > 80}
    assert len(lines) > 100
    assert sum(line in text for line in sorted(lines)[:100]) < 15  # held-out files are other files
    assert corpus.fingerprint in corpus.note


def test_the_fingerprint_changes_with_the_text(tmp_path, monkeypatch):
    monkeypatch.setattr(stdlib_bytes, "ENOUGH", 10)
    for i in range(40):
        (tmp_path / f"m{i}.py").write_text(f"x = {i}\n")
    first = read_sources(tmp_path, "test")
    (tmp_path / "m7.py").write_text("x = 'other'\n")
    second = read_sources(tmp_path, "test")
    assert first.fingerprint != second.fingerprint
    assert first.files == 40
    assert (
        len(first.train) + len(first.held_out) == sum(len(f"x = {i}\n") for i in range(40)) + 38
    )  # joined by newlines


def test_tests_and_site_packages_are_not_text(tmp_path, monkeypatch):
    monkeypatch.setattr(stdlib_bytes, "ENOUGH", 1)
    for folder in ("site-packages", "test", "json"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("pass\n")
    assert read_sources(tmp_path, "test").files == 1


def test_an_install_without_sources_falls_back_to_those_of_torch(monkeypatch, tmp_path):
    monkeypatch.setattr(stdlib_bytes.sysconfig, "get_path", lambda _: str(tmp_path))
    corpus = load_corpus.__wrapped__()
    assert "sources of the torch package" in corpus.note
    assert len(corpus.train) > 2e6


def windows(n=10 * 8 + 5, T=8):
    return ByteWindows(np.arange(n, dtype=np.uint8), T, "test")


def test_targets_are_one_byte_ahead():
    x, y = next(windows().batches(4, seed=0))
    assert x.shape == y.shape == (4, 8)
    assert x.dtype == torch.int64
    assert torch.equal(y, x + 1)


def test_an_epoch_sees_every_window_once_and_the_next_another_order():
    source = windows()
    batches = source.batches(3, seed=1)
    starts = [int(x[0]) for _ in range(6) for x in next(batches)[0]]
    phase = starts[0] % 8
    same_phase = [s for s in starts[:10] if s % 8 == phase]
    assert len(set(same_phase)) == len(same_phase) >= 9
    again = source.batches(3, seed=1)
    assert [int(x[0]) for _ in range(6) for x in next(again)[0]] == starts
    other = source.batches(3, seed=2)
    assert [int(x[0]) for _ in range(6) for x in next(other)[0]] != starts


def test_once_is_fixed_and_evenly_spread():
    source = ByteWindows(np.zeros(8 * 100 + 1, dtype=np.uint8), 8, "test", limit=10)
    assert source.samples == 10
    assert sum(len(x) for x, _ in source.once(4)) == 10
    assert sum(len(x) for x, _ in windows().once(64)) == windows().samples == 10


def test_too_little_text_is_refused():
    with pytest.raises(ValueError, match="less than one batch"):
        next(windows(n=20).batches(8, seed=0))


def test_gpt_bytes_declares_what_it_is():
    workload = resolve("gpt-bytes")
    assert workload.name == "gpt-bytes"
    assert len(workload.budgets) == 5
    assert workload.dataset.samples > 100_000
    assert workload.val_dataset.samples == 1024
