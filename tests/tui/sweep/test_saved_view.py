"""What was in sight of a sweep is there again the next time; nothing that goes wrong with it is ever noticed."""

from __future__ import annotations

import json
import os

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.events import SweepEnded
from flopsfit_tui.tui.settings.config import Config
from flopsfit_tui.tui.sweep import saved_view as view_state
from flopsfit_tui.tui.sweep.saved_view import MOST_FILES, load_view, save_view
from flopsfit_tui.tui.sweep.screen import SweepScreen


def only_file(directory):
    """The one file that holds a view."""
    return view_state._path(directory)


def test_a_view_comes_back_and_belongs_to_its_directory(tmp_path):
    assert load_view(tmp_path / "a") == {}
    save_view(tmp_path / "a", {"panel": "loss", "zoomed": True})
    save_view(tmp_path / "b", {"panel": "trials"})
    assert load_view(tmp_path / "a") == {"panel": "loss", "zoomed": True}
    assert load_view(tmp_path / "a" / ".." / "a") == load_view(tmp_path / "a")
    assert str(tmp_path / "b") == json.loads(only_file(tmp_path / "b").read_text())["directory"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"view": 3}', b"{}", b"\xff\xff", b"[" * 10_000, b'{"view": {}} ' * 9_999]
)
def test_garbled_content_is_no_view(content, tmp_path):
    save_view(tmp_path, {"panel": "loss"})
    only_file(tmp_path).write_bytes(content)
    assert load_view(tmp_path) == {}


def test_a_view_that_cannot_be_kept_is_let_go(tmp_path, monkeypatch):
    save_view(tmp_path, {"thing": object()})
    save_view(tmp_path, {"long": "x" * 100_000})
    assert load_view(tmp_path) == {}
    (tmp_path / "state").write_text("a file, where a directory should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    save_view(tmp_path, {"panel": "loss"})
    assert load_view(tmp_path) == {}


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    save_view(tmp_path, {"panel": "loss"})

    def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fails)
    save_view(tmp_path, {"panel": "trials"})
    assert load_view(tmp_path) == {"panel": "loss"}
    assert len(list(only_file(tmp_path).parent.iterdir())) == 1


def test_only_the_latest_views_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(view_state, "MOST_FILES", 3)
    for i in range(5):
        save_view(tmp_path / str(i), {"panel": "loss"})
        os.utime(only_file(tmp_path / str(i)), (i, i))
    save_view(tmp_path / "5", {"panel": "loss"})
    assert [bool(load_view(tmp_path / str(i))) for i in range(6)] == [False, False, False, True, True, True]
    assert MOST_FILES == 200


# ---- in the app ----


def swept(options):
    """A finished sweep."""
    executor = Rehearsed()
    assert list(Sweep(prepare(options, executor), options, executor, plots=False))[-1] == SweepEnded("done")


async def test_a_sweep_is_seen_again_as_it_was_left(open_app, options):
    swept(options)
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.state.phase == "done", "the sweep")
        await app.press("4", "L", "z")
        app.app.theme = "flopsfit-light"
        await app.press("q")
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.app.theme == "flopsfit-light", "the theme")
        screen = app.app.screen
        assert isinstance(screen, SweepScreen)
        assert screen.visible_panels() == ["loss"]
        assert screen.view()["by_law"] is True
        assert screen.view()["zoomed"] is True


async def test_a_change_is_kept_even_if_the_app_is_killed(open_app, options):
    swept(options)
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.state.phase == "done", "the sweep")
        await app.press("5")
        await app.until(lambda: load_view(options.out).get("panel") == "scaling", "the file")


async def test_the_theme_of_the_settings_is_stronger_than_that_of_a_view(open_app, options):
    swept(options)
    save_view(options.out, {"theme": "flopsfit-light", "panel": "loss"})
    async with open_app(options, reading=options.out, config=Config(theme="dracula")) as app:
        await app.until(lambda: app.app.screen.view()["panel"] == "loss", "the view")
        assert app.app.theme == "dracula"
        await app.press("1")
        await app.until(lambda: load_view(options.out)["panel"] == "points", "the file")
        assert "theme" not in load_view(options.out)


@pytest.mark.parametrize(
    "view",
    [
        {"panel": "nowhere", "plot": 3, "table": ["points"], "zoomed": "yes", "by_law": None, "theme": "nothing"},
        {"panel": {}, "filter": ["x"], "sorted_by": 3, "descending": "no", "theme": []},
        {"filter": "nonsense ???", "unknown": 1},
    ],
)
async def test_a_view_that_makes_no_sense_is_left_alone(open_app, options, view):
    swept(options)
    save_view(options.out, view)
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.state.phase == "done", "the sweep")
        await app.until(lambda: app.app._views._screen is not None, "the view")
        assert app.app.screen.visible_panels() == ["points"]
        assert app.app.theme == "flopsfit-dark"


async def test_a_screen_that_is_going_is_left_alone(open_app, options):
    swept(options)
    async with open_app(options, reading=options.out) as app:
        await app.until(lambda: app.app._views._screen is not None, "the view")
        save_view(options.out, {"panel": "loss"})
        await app.app.screen.query("*").remove()
        app.app._views.sync()
        assert load_view(options.out) == {"panel": "loss"}
