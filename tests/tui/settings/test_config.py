"""The settings file: what it may hold, what it is refused for, and that the screens follow it."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from pathlib import Path

import pytest
from textual.screen import Screen

import flopsfit_tui.tui
from flopsfit_tui.cli import main
from flopsfit_tui.core.events import SweepEnded, SweepStarted, TrialEnded, TrialStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.session.app_state import USUAL_KEYS, AppState
from flopsfit_tui.tui.session.messages import Events
from flopsfit_tui.tui.session.notify import QUIET_SECONDS, Notifier, desktop_sequence
from flopsfit_tui.tui.settings.config import Config, config_path, read_config, toml
from flopsfit_tui.tui.settings.config_text import config_text
from flopsfit_tui.tui.settings.keymap import SCREENS, Action, _is_key, actions_of, all_actions
from flopsfit_tui.tui.settings.load import load_config
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.table import Table

THEMES, BINDINGS = ("flopsfit-dark", "dracula"), ("pause", "stop", "zoom")


def written(text):
    """The user's file."""
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def every_act() -> list[Action]:
    return [act for found in all_actions(FlopsfitApp).values() for act in found]


# ---- reading ----


def test_without_a_file_the_defaults_hold():
    assert not config_path().exists()
    assert load_config(FlopsfitApp) == Config() == Config("", True, False, 0.5, {})


def test_every_setting_is_read():
    path = written('theme = "dracula"\nbell = false\ndesktop = true\nredraw_seconds = 2\n[keys]\npause = "f5, x"\n')
    assert read_config(path, THEMES, lambda: BINDINGS) == Config("dracula", False, True, 2, {"pause": "f5, x"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('them = "dracula"', "there is no setting 'them'; the nearest is 'theme'"),
        ("xyz = 1", "there is no setting 'xyz'; there are theme, bell, desktop, redraw_seconds, keys"),
        ('bell = "yes"', 'bell = "yes" is not true or false'),
        ("bell = 1", "bell = 1 is not true or false"),
        ("theme = 3", "theme = 3 is not a text"),
        ('theme = "dracul"', "there is no theme 'dracul'; the nearest is 'dracula'"),
        ("redraw_seconds = true", "redraw_seconds = true is not a number from 0.1 to 60"),
        ("redraw_seconds = 0", "redraw_seconds = 0 is not a number from 0.1 to 60"),
        ("redraw_seconds = nan", "redraw_seconds = nan is not a number from 0.1 to 60"),
        ('keys = "f5"', "write [keys], and below it lines like"),
        ('[keys]\npaus = "f5"', "[keys]: there is no binding 'paus'; the nearest is 'pause'"),
        ("[keys]\npause = 5", "[keys]: pause = 5 is not a key"),
        ('[keys]\npause = ""', '[keys]: pause = "" is not a key'),
        ('[keys]\npause = "a,,b"', '[keys]: pause = "a,,b" is not a key'),
        ('[keys]\npause = ["f5"]', '[keys]: pause = ["f5"] is not a key'),
        ("bell = true\nbell =\n", "is not TOML: Invalid value (at line 2,"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(text, sentence):
    path = written(text)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is looked at below
        read_config(path, THEMES, lambda: BINDINGS)
    assert str(path) in str(refused.value)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_text_or_cannot_be_read_is_refused():
    path = written("")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="is not UTF-8"):
        load_config(FlopsfitApp)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        load_config(FlopsfitApp)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ('pause = "f55"', "pause: there is no key 'f55'; the nearest is 'f5'"),
        ('pause = "Ctrl+X"', "pause: there is no key 'Ctrl+X'; the nearest is 'ctrl+x'"),
        ('pause = "x"', "pause = 'x' takes 'x', which on the sweep is stop"),
        ('help = "x"', "help = 'x' takes 'x', which on the start screen is stop"),
        ('zoom = "f5"\nlaw = "f5"', "takes 'f5', which on the sweep is"),
        ('filter = "j"', "filter = 'j' takes 'j', which on the sweep is down"),
        ('zoom = "ctrl+q"', "which on the sweep is 'Quit'"),
        ('zoom = "ctrl+p"', "which on the sweep is 'Command palette'"),
        ('zoom = "+"', "takes 'plus', which on the sweep is more_workers"),
    ],
)
def test_keys_that_are_none_or_are_taken_are_refused(keys, sentence):
    path = written(f"[keys]\n{keys}\n")
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is looked at below
        load_config(FlopsfitApp)
    assert str(refused.value).startswith(f"'{path}': [keys]: ")
    assert sentence in str(refused.value)


def test_keys_can_change_places():
    written('[keys]\nstop = "e"\nexport = "x"\n')
    assert load_config(FlopsfitApp).keys == {"stop": "e", "export": "x"}


@pytest.mark.parametrize("command", [["run", "simulated"], ["watch", "DIR"], ["open", "DIR"], ["config"], []])
def test_the_command_line_refuses_it_before_anything_starts(command, capsys):
    written("bel = true")
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "there is no setting 'bel'; the nearest is 'bell'" in err


# ---- the bindings themselves ----


def everything_in_the_room(kind):
    """Every class of a kind that the app's modules define."""
    for module in pkgutil.iter_modules(flopsfit_tui.tui.__path__, "flopsfit_tui.tui."):
        for found in vars(importlib.import_module(module.name)).values():
            if isinstance(found, type) and issubclass(found, kind) and found.__module__ == module.name:
                yield found


def test_every_screen_and_table_with_keys_is_in_a_place():
    placed = {node for nodes in SCREENS.values() for node in nodes}
    for kind in (Screen, Table):
        for node in everything_in_the_room(kind):
            assert any(issubclass(one, node) for one in placed), node


def test_every_binding_has_a_name_but_the_way_out():
    for node in [FlopsfitApp, *(node for nodes in SCREENS.values() for node in nodes)]:
        nameless = [act.keys for act in actions_of(node) if not act.id]
        assert nameless == ([("ctrl+q",)] if node is FlopsfitApp else [])


def test_a_name_means_the_same_keys_everywhere():
    keys: dict[str, set] = {}
    for node in [FlopsfitApp, *(node for nodes in SCREENS.values() for node in nodes)]:
        for act in actions_of(node):
            keys.setdefault(act.id, set()).add(act.keys)
    assert {name: found for name, found in keys.items() if len(found) > 1} == {}


def test_no_key_of_ours_is_the_prefix_of_tmux_or_screen():
    every = [FlopsfitApp, *(node for nodes in SCREENS.values() for node in nodes)]
    taken = {key: act for node in every for act in actions_of(node) for key in act.keys}
    assert len(taken) > 40
    assert not {"ctrl+a", "ctrl+b"} & taken.keys()


def test_every_usual_key_could_stand_in_the_file():
    assert [key for act in every_act() for key in act.keys if not _is_key(key)] == []


def test_the_keys_that_lines_name_are_the_usual_ones():
    usual = {act.id: {"exclamation_mark": "!"}.get(act.keys[0], act.keys[0]) for act in every_act()}
    assert {name: usual[name] for name in USUAL_KEYS} == USUAL_KEYS


# ---- what is printed ----


def test_what_is_printed_could_be_saved_and_changes_nothing(capsys):
    written('theme = "dracula"\nbell = false\n[keys]\npause = "f5"\n')
    before = load_config(FlopsfitApp)
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    document = tomllib.loads(printed)
    assert document["keys"].keys() == {act.id for act in every_act()}
    assert 'pause = "f5"  # Pause / Resume (default: p,space)' in printed
    written(printed)
    assert load_config(FlopsfitApp) == before


def test_without_a_file_every_default_is_printed(capsys):
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    assert str(config_path()) in printed
    written(printed)
    assert load_config(FlopsfitApp) == Config()


def test_a_value_of_any_text_is_toml():
    for text in ('a"b', "back\\slash", "tab\t", "é", "\x1b[31m", "line\nbreak"):
        assert tomllib.loads(f"a = {toml(text)}") == {"a": text}
    document = tomllib.loads(
        config_text(Config(keys={"pause": '"'}), {"here": [Action("pause", ("p",), "P")]}, Path("/a\nb"))
    )
    assert document["keys"] == {"pause": '"'}


# ---- in the app ----


def keys_shown(app) -> str:
    """The last line."""
    return str(app.app.screen.query_one(Footer).render())


async def test_changed_keys_work_and_are_shown(open_app, rehearsed, options):
    written('[keys]\npause = "f6"\nhelp = "f1"\npanel_trials = "f2"\nno = "f9"\nstop = "f5"\n')
    rehearsed.ends = 3
    async with open_app(options, start=True, config=load_config(FlopsfitApp)) as app:
        await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
        assert "f6 Pause" in keys_shown(app)
        assert "f1 Help" in keys_shown(app)
        assert any("f2 Trials" in line for line in app.picture())
        await app.press("p", "question_mark")
        assert app.state.phase == "running"
        await app.press("f6")
        await app.until(lambda: app.state.phase == "paused", "the pause")
        assert "f6 Resume" in keys_shown(app)
        await app.press("f6")
        await app.until(lambda: app.state.phase == "running", "the resume")
        await app.press("f1")
        assert any("f6" in line and "Pause" in line for line in app.picture())
        assert any("f1" in line and "Help" in line for line in app.picture())
        await app.press("escape", "f5")
        assert isinstance(app.app.screen, ConfirmDialog)
        assert any("Go on (f9)" in line for line in app.picture())
        await app.press("f9")
        assert not isinstance(app.app.screen, ConfirmDialog)
        await app.press("q", "y")


async def test_a_changed_key_stands_where_the_usual_one_stood(open_app, rehearsed, options):
    rehearsed.ends = 2
    async with open_app(options, start=True, config=Config(keys={"pause": "f6"})) as app:
        await app.until(lambda: app.state.count("running"), "a running trial")
        shown = keys_shown(app)
        assert shown.index("f6 Pause") < shown.index("x Stop")
        await app.press("q", "y")


async def test_the_theme_of_the_file_holds(open_app, rehearsed, options):
    async with open_app(options, config=Config(theme="flopsfit-light")) as app:
        assert app.app.theme == "flopsfit-light"


# ---- the bell ----


class Ringing:
    """An alarm, what it called, and its clock."""

    def __init__(self, plan, reading=False):
        self.calls, self.now = [], 0.0
        self.alarm = Notifier(self.calls.append, lambda: self.now)
        self.app_state = AppState(Options(Request("tiny")), plan=plan, reading=reading)

    def on_message(self, *events):
        for event in events:
            self.alarm.on_message(self.app_state, Events([event]))
            self.app_state.state.apply(event)

    def end(self, reason="done"):
        self.on_message(SweepEnded(reason))
        self.alarm.ended(self.app_state)


@pytest.fixture
def plan(tiny_file):
    """A small plan."""
    from flopsfit_tui.sweep.executor import InThread
    from flopsfit_tui.sweep.job import MakePlan

    return InThread().call([MakePlan(Request(tiny_file, budgets=(2e5, 4e5)))])[0]


def failed(trial):
    return TrialEnded(trial.key, Outcome("failed", error="Traceback\nRuntimeError: it \x1b[31mbroke"))


def finished(trial):
    return TrialEnded(trial.key, Outcome("finished", loss=1.0, steps=1, samples=1, tokens=1, flops=1.0))


def test_a_storm_of_failures_rings_once(plan):
    sweep = Ringing(plan)
    sweep.on_message(SweepStarted(plan, {}, 1, {}))
    for trial in plan.trials[:4]:
        sweep.on_message(TrialStarted(trial.key, "w"), failed(trial))
        sweep.now += 1
    assert sweep.calls == ["tiny: a trial failed: RuntimeError: it \x1b[31mbroke"]
    sweep.now += QUIET_SECONDS
    sweep.on_message(failed(plan.trials[4]))
    assert len(sweep.calls) == 2


def test_the_end_rings_and_says_how_it_went(plan):
    sweep = Ringing(plan)
    sweep.on_message(SweepStarted(plan, {}, 1, {}), TrialStarted(plan.trials[0].key, "w"), finished(plan.trials[0]))
    sweep.end()
    assert sweep.calls == ["tiny: done"]


def test_a_stop_by_the_person_does_not_ring_but_that_of_a_followed_sweep_does(plan):
    for reading, calls in ((False, []), (True, ["tiny: stopped"])):
        sweep = Ringing(plan, reading)
        sweep.on_message(SweepStarted(plan, {}, 1, {}), TrialStarted(plan.trials[0].key, "w"))
        sweep.end("stopped")
        assert sweep.calls == calls


def test_a_sweep_that_is_only_looked_at_does_not_ring(plan):
    sweep = Ringing(plan, reading=True)
    outcomes = {plan.trials[0].key: failed(plan.trials[0]).outcome}
    sweep.on_message(SweepStarted(plan, outcomes, 1, {}))
    sweep.end()
    assert sweep.calls == []


def test_a_notification_is_one_sequence_of_its_own():
    assert desktop_sequence("gpt: done", {"TERM": "xterm-256color"}) == "\x1b]9;flopsfit gpt: done\x07"
    assert desktop_sequence("a; b", {"TERM": "foot"}) == "\x1b]777;notify;flopsfit;a, b\x1b\\"
    in_tmux = desktop_sequence("x", {"TERM": "tmux-256color", "TMUX": "/tmp/t,1,0"})
    assert in_tmux == "\x1bPtmux;\x1b\x1b]9;flopsfit x\x07\x1b\\"
    assert desktop_sequence("x", {"TERM": "screen", "STY": "1.pts"}) == "\x1bP\x1b]9;flopsfit x\x07\x1b\\"
    hostile = desktop_sequence("a\x1b]0;title\x07b\n\x9cc" * 50, {})
    assert hostile.count("\x1b") == 1
    assert hostile.count("\x07") == 1
    assert "\x9c" not in hostile
    assert len(hostile) < 200


@pytest.mark.parametrize(("config", "rings"), [(Config(), 1), (Config(bell=False), 0)])
async def test_the_app_rings_at_the_end_if_it_may(open_app, rehearsed, options, config, rings, monkeypatch):
    rung = []
    monkeypatch.setattr(FlopsfitApp, "bell", lambda self: rung.append(1))
    async with open_app(options, start=True, config=config) as app:
        await app.ended()
        assert len(rung) == rings
