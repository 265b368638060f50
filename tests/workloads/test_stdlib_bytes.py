"""Real text, split by file."""

from flopsfit_tui.workloads import resolve, stdlib_bytes
from flopsfit_tui.workloads.stdlib_bytes import load_corpus, read_sources


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


def test_gpt_bytes_declares_what_it_is():
    workload = resolve("gpt-bytes")
    assert workload.name == "gpt-bytes"
    assert len(workload.budgets) == 5
    assert workload.dataset.samples > 100_000
    assert workload.val_dataset.samples == 1024
