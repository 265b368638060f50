"""Every binding of the app with its name, and whether other keys for some of them can be.

A *place* is a screen with what can have the focus on it: there one key must mean one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from textual.app import App
from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from flopsfit_tui.tui.help import HelpScreen
from flopsfit_tui.tui.recent.compare import CompareScreen
from flopsfit_tui.tui.recent.screen import RecentScreen, RecentTable
from flopsfit_tui.tui.result.screen import ResultScreen
from flopsfit_tui.tui.settings.config import nearest
from flopsfit_tui.tui.settings.load import Node, long_name
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.log_table import LogTable
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog, QuitDialog
from flopsfit_tui.tui.widgets.prompt import Prompt
from flopsfit_tui.tui.widgets.text_dialog import TextDialog

SCREENS: dict[str, tuple[Node, ...]] = {  # name -> screen, then the tables on it that may have the focus
    "the start screen": (StartScreen,),
    "the sweep": (SweepScreen, PointTable, TrialTable, LogTable),
    "a trial": (TrialScreen,),
    "the optimum": (ResultScreen,),
    "earlier sweeps": (RecentScreen, RecentTable),
    "sweeps compared": (CompareScreen,),
    "a question": (ConfirmDialog,),
    "the question whether to quit": (QuitDialog,),
    "text over the screen": (TextDialog,),
    "a line to type in": (Prompt,),
    "the help": (HelpScreen,),
}
MODAL = (ConfirmDialog, QuitDialog, TextDialog, Prompt, HelpScreen)  # the app's own keys do nothing under these
MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")
NAMED = (*(key.value for key in Keys if not key.value.startswith("<")), *KEY_NAME_REPLACEMENTS.values())


@dataclass(frozen=True)
class Action:
    """Something that keys do in a place; without a name its keys cannot be changed."""

    id: str
    keys: tuple[str, ...]
    about: str


def actions_of(node: Node) -> list[Action]:
    """What the keys of a screen, a widget or the app do, in order; our own, not Textual's."""
    found: dict[str, Action] = {}
    for owner in node.__mro__:
        if not owner.__module__.startswith("flopsfit_tui."):
            continue
        for binding in vars(owner).get("BINDINGS", ()):
            assert isinstance(binding, Binding)
            action = Action(binding.id or "", tuple(map(long_name, binding.key.split(","))), binding.description)
            before = found.setdefault(action.id or binding.key, action)
            if action.about not in before.about:  # one key for either, such as pause and resume
                found[action.id] = replace(before, about=f"{before.about} / {action.about}")
    return list(found.values())


def all_actions(app: Node) -> dict[str, list[Action]]:
    """What keys do, by place; an action that was listed before is not listed again."""
    listed = {"everywhere": actions_of(app)}
    known = {action.id for action in listed["everywhere"]}
    for place, nodes in SCREENS.items():
        fresh = {action.id: action for node in nodes for action in actions_of(node) if action.id not in known}
        known |= fresh.keys()
        listed[place] = list(fresh.values())
    return {place: [action for action in found if action.id] for place, found in listed.items()}


def changed_keys(app: Node, keys: Mapping[str, str]) -> dict[str, str]:
    """Of the keys that a file gives, those that are not the usual ones. Raises ValueError where two actions would share
    one."""
    _check_keys(app, keys)
    usual = {action.id: action.keys for found in all_actions(app).values() for action in found}
    return {name: text for name, text in keys.items() if tuple(map(long_name, text.split(","))) != usual[name]}


def _check_keys(app: Node, keys: Mapping[str, str]) -> None:
    for name, text in keys.items():
        for key in text.split(","):
            if not _is_key(key.strip()):
                raise ValueError(f"{name}: there is no key {key.strip()!r}; {nearest(key.strip(), NAMED)}")
    for place, chain in _chains(app):
        for one, other in combinations(chain, 2):
            if one.id == other.id or not {one.id, other.id} & keys.keys() or set(one.keys) & set(other.keys):
                continue
            if both := _present(one, keys) & _present(other, keys):
                mine, theirs = (one, other) if one.id in keys else (other, one)
                raise ValueError(
                    f"{mine.id} = {keys[mine.id]!r} takes {both.pop()!r}, which on {place} is "
                    f"{theirs.id or repr(theirs.about)}; give another key"
                )


def _chains(app: Node) -> Iterator[tuple[str, list[Action]]]:
    """The actions_of that one key press can reach, for every place and focus."""
    below = [*actions_of(app), Action("", (App.COMMAND_PALETTE_BINDING,), "Command palette")]
    for place, (screen, *tables) in SCREENS.items():
        always = [*actions_of(screen), *([] if screen in MODAL else below)]
        for focused in [actions_of(table) for table in tables] or [[]]:
            yield place, [*focused, *always]


def _present(action: Action, keys: Mapping[str, str]) -> set[str]:
    return set(map(long_name, keys[action.id].split(","))) if action.id in keys else set(action.keys)


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable()
    *modifiers, last = key.split("+")
    known = len(last) == 1 or last in NAMED or key_to_character(last) is not None
    return known and all(modifier in MODIFIERS for modifier in modifiers)
