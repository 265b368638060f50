"""Planning again measures nothing again, unless something that decides it has changed."""

from dataclasses import replace

import pytest
from tiny import make

from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.trial import Recipe, Request, Size
from flopsfit_tui.sweep.cache import MOST, JsonCache
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.sweep.measured import MeasuredSizes
from flopsfit_tui.train import measure

REQUEST = {"budgets": (1e6,), "sizes": (8, 16)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_second_plan_counts_no_flops_and_is_the_same(monkeypatch):
    first = make_plan(Request(make(), **REQUEST))
    counted = []
    monkeypatch.setattr(measure, "_count_flops", lambda *_: counted.append(1) or 1)
    assert make_plan(Request(make(), **REQUEST)) == first
    assert counted == []
    make_plan(Request(make(nan_at=2), **REQUEST))  # another argument of the model
    assert counted


def test_only_what_can_be_compared_and_has_the_same_params_is_taken():
    workload, content = make(), Identity({"model_cls": "1"})
    MeasuredSizes(workload, Recipe(0.1), content).keep([Size(8, 100, 600.0)])
    assert MeasuredSizes(workload, Recipe(0.2), content).get(8, 100) == Size(8, 100, 600.0)
    for other in (
        MeasuredSizes(workload, Recipe(0.1), content).get(8, 101),
        MeasuredSizes(workload, Recipe(0.1), content).get("8", 100),
        MeasuredSizes(workload, Recipe(0.1, reduction="sum"), content).get(8, 100),
        MeasuredSizes(workload, Recipe(0.1), replace(content, parts={"model_cls": "2"})).get(8, 100),
        MeasuredSizes(workload, Recipe(0.1), replace(content, unsure=("a socket",))).get(8, 100),
        MeasuredSizes(workload, Recipe(0.1), None).get(8, 100),
        MeasuredSizes(workload, Recipe(0.1), content, [[[2, 64], "torch.int64"]]).get(8, 100),
    ):
        assert other is None


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": {"8": "x"}}'])
def test_a_damaged_cache_is_empty(tmp_path, text):
    (tmp_path / "cache.json").write_text(text)
    cache = JsonCache(tmp_path / "cache.json")
    assert cache.get("b") is None
    cache.put("b", 1)
    assert JsonCache(tmp_path / "cache.json").get("b") == 1


def test_a_cache_that_cannot_be_written_or_is_full_fails_nobody(tmp_path):
    JsonCache(tmp_path / "cache.json" / "no" / "directory.json").put("a", 1)
    (tmp_path / "file").write_text("")
    JsonCache(tmp_path / "file" / "cache.json").put("a", 1)
    cache = JsonCache(tmp_path / "full.json")
    cache._all = {}
    (tmp_path / "full.json").write_text("{" + ", ".join(f'"{n}": 1' for n in range(MOST)) + "}")
    cache.put("new", 2)
    kept = JsonCache(tmp_path / "full.json")._read()
    assert len(kept) == MOST
    assert ("0" in kept, kept["new"]) == (False, 2)
