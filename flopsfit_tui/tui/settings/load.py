"""The user's settings, checked. Every screen is imported for that only where keys are changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import format_key
from textual.theme import BUILTIN_THEMES

from flopsfit_tui.tui.settings.config import Config, config_path, read_config
from flopsfit_tui.tui.theme import THEMES

Node = type[DOMNode]


def load_config(app: Node) -> Config:
    """The user's settings, checked against every theme and binding there is; `app` is the app's class.

    Raises ValueError with one sentence that names the file and what is wrong in it.
    """

    def names() -> list[str]:
        from flopsfit_tui.tui.settings.keymap import all_actions  # the first paint comes before the other screens

        return [action.id for found in all_actions(app).values() for action in found]

    path = config_path()
    config = read_config(path, [*THEMES, *BUILTIN_THEMES], names)
    if not config.keys:
        return config
    from flopsfit_tui.tui.settings.keymap import changed_keys

    try:
        return replace(config, keys=changed_keys(app, config.keys))
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: [keys]: {error}") from None


def shown_keys(config: Config) -> dict[str, str]:
    """The first key of every binding whose keys are changed, as it is shown."""
    return {name: format_key(long_name(keys.split(",")[0])) for name, keys in config.keys.items()}


def long_name(key: str) -> str:
    """A key's long name: question_mark for ?."""
    key = key.strip()
    made: Any = Binding.make_bindings([Binding(key, "", "")])
    return next(iter(made)).key if len(key) == 1 else key  # type: ignore[no-any-return]
