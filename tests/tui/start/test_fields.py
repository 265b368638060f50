"""The start screen's fields, own workloads and earlier sweeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rehearsed import Rehearsed
from textual.widgets import Input, OptionList

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Goal, Request
from flopsfit_tui.store.directory import delete_sweep, sweeps_directory
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.recent.find import age, find_recent, request_of
from flopsfit_tui.tui.recent.screen import RecentScreen, RecentTable
from flopsfit_tui.tui.start.fields import options_of, texts_of
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.workloads.discover import own_workloads

EMPTY = dict.fromkeys(("budgets", "sizes", "points", "seeds", "until", "workers", "device"), "")


def test_fields_read_as_options_and_back():
    base = Options(Request("gpt-bytes"))
    typed = EMPTY | {"budgets": "1e10..1e12:3", "sizes": "16, 24", "seeds": "2", "workers": "3", "device": "cpu"}
    options = options_of(typed, base)
    assert options.request == Request("gpt-bytes", (1e10, 1e11, 1e12), (16, 24), None, 2)
    assert (options.workers, options.device) == (3, "cpu")
    assert options_of(texts_of(options), base) == options
    assert options_of(EMPTY, options) == base
    until = options_of(EMPTY | {"until": "x1.2"}, replace(base, targets=(1e13,)))
    assert until.request.goal == Goal(1.2, 1e13)
    assert options_of(texts_of(until), until) == until


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("budgets", "1e10,x", "budget 'x'"),
        ("budgets", "1e12..1e10:3", "1e10..1e12:5"),
        ("sizes", "16,-2", "size '-2'"),
        ("points", "0", "points '0'"),
        ("seeds", "two", "seeds 'two'"),
        ("until", "often", "until 'often' is neither grid nor a factor above 1"),
        ("until", "0.9", "a factor above 1, such as 1.2"),
        ("workers", "1.5", "workers '1.5'"),
        ("device", "tpu", "device 'tpu' is none of auto, cpu, cuda, mps"),
    ],
)
def test_a_field_that_cannot_be_meant_says_what_could(field, text, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        options_of(EMPTY | {field: text}, Options(Request("gpt-bytes")))


def test_own_workloads_are_files_that_declare_one(tmp_path):
    (tmp_path / "mine.py").write_text("from flopsfit_tui import Workload\nworkload = Workload()\n")
    (tmp_path / "function.py").write_text("import flopsfit_tui\ndef workload():\n    pass\n")
    (tmp_path / "other.py").write_text("workload = 3\n")
    (tmp_path / "user.py").write_text("from flopsfit_tui import find_optimal\n")
    assert own_workloads(tmp_path) == ["function.py", "mine.py"]


async def test_typing_plans_again_and_nonsense_is_a_sentence(open_app, rehearsed, options):
    async with open_app(options) as app:
        await app.ready()
        field = app.app.screen.query_one("#field-budgets", Input)
        assert field.value == "2e5,4e5,8e5"
        field.focus()
        field.value = "2e5,1x"
        await app.until(lambda: app.app_state.problem, "the sentence")
        assert "budget '1x'" in app.text("#problem")
        assert not app.app.check_action("start", ())
        field.value = "2e5,4e5"
        await app.until(lambda: app.app_state.stage == "ready", "the new plan")
        assert app.app_state.plan.budgets == (2e5, 4e5)
        assert "6 trials" in app.text("#totals")
        await app.press("enter")
        await app.until(lambda: app.state.phase == "done", "the sweep")
        assert len(app.state.trials) == 6


async def test_another_workload_is_planned_when_chosen(open_app, rehearsed, options):
    async with open_app(options) as app:
        await app.ready()
        assert app.app_state.plan.workload == "tiny"
        workloads = app.app.screen.query_one(OptionList)
        workloads.highlighted = [o.id for o in workloads.options].index("simulated")
        await app.press("enter")
        await app.until(lambda: app.app_state.plan and app.app_state.plan.workload == "simulated", "the other plan")
        assert isinstance(app.app.screen, StartScreen)


@pytest.fixture
def earlier(tiny_file):
    """Two sweeps in the data directory: one finished, one stopped."""
    directories = []
    for name, ends in (("one", 100), ("two", 4)):
        executor, store = Rehearsed(), SqliteStore(sweeps_directory() / name)
        executor.ends = ends
        request = Request(tiny_file, budgets=(2e5, 4e5, 8e5))
        running = run_sweep(make_plan(request, executor), tiny_file, executor, store)
        for _ in running:
            if len(store.outcomes()) == ends:
                break
        running.close()
        store.close()
        directories.append(store.directory)
    return directories


async def test_earlier_sweeps_open_and_are_deleted_after_a_question(open_app, rehearsed, options, earlier):
    async with open_app(options) as app:
        await app.ready()
        await app.press("r")
        assert isinstance(app.app.screen, RecentScreen)
        table = app.app.screen.query_one(RecentTable)
        await app.until(lambda: table.row_count == 2, "the sweeps")
        assert {sweep.state for sweep in table.sweeps} == {"finished", "stopped"}
        table.cursor = [sweep.state for sweep in table.sweeps].index("finished")
        await app.press("enter")
        await app.until(lambda: app.app_state.reading and app.app_state.stage == "ended", "the open sweep")
        assert isinstance(app.app.screen, SweepScreen)
        assert app.state.count("finished") == 9
        await app.press("escape")
        assert isinstance(app.app.screen, StartScreen)
        assert not app.app_state.reading
        assert app.app_state.plan is not None
        await app.press("r")
        table = app.app.screen.query_one(RecentTable)
        await app.until(lambda: table.row_count == 2, "the sweeps")
        gone = table.sweeps[0].directory
        await app.press("d", "n")
        assert gone.exists()
        await app.press("d")
        assert isinstance(app.app.screen, ConfirmDialog)
        await app.press("y")
        assert not gone.exists()
        assert table.row_count == 1


def test_what_is_not_a_sweep_s_own_is_not_deleted(earlier):
    (earlier[0] / "notes.csv").write_text("mine")
    delete_sweep(earlier[0])
    assert [path.name for path in earlier[0].iterdir()] == ["notes.csv"]
    holder = SqliteStore(earlier[1])
    with pytest.raises(ValueError, match="stop it first"):
        delete_sweep(earlier[1])
    holder.close()


def test_a_request_is_read_off_a_plan(earlier, tiny_file):
    found = []
    find_recent(found.append)
    plan = found[0].plan
    request = replace(request_of(plan), workload=tiny_file)
    assert [t.key for t in make_plan(request, Rehearsed()).trials] == [t.key for t in plan.trials]


def test_age_has_one_unit(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1e6)
    assert [age(1e6 - s) for s in (5, 120, 7300, 200000)] == ["just now", "2 min ago", "2 h ago", "2 d ago"]
