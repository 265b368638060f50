"""The settings as they are, as a TOML file that could be saved as one: what `flopsfit-tui config` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from flopsfit_tui.tui.settings.config import SETTINGS, Config, toml
from flopsfit_tui.tui.settings.keymap import Action


def config_text(config: Config, places: Mapping[str, Sequence[Action]], path: Path) -> str:
    """Every setting and every binding with its present value; `places` is what `all_actions` gives."""
    return "\n".join(_lines(config, places, path))


def _lines(config: Config, places: Mapping[str, Sequence[Action]], path: Path) -> Iterator[str]:
    yield "# The settings of flopsfit-tui as they are. They are read from"
    yield f"#   {toml(str(path))}" + ("" if path.is_file() else ", which is not there yet: every one is its default")
    yield "# Saving this output as that file keeps the defaults. A line left out is its default."
    defaults = {field.name: field.default for field in fields(Config)}
    for setting in SETTINGS:
        value, default = getattr(config, setting.name), defaults[setting.name]
        yield ""
        yield from (f"# {line}" for line in setting.about)
        if value == "":  # not set, which is no value that could be written
            yield f'# {setting.name} = "flopsfit-dark"'
        else:
            yield f"{setting.name} = {toml(value)}" + (f"  # default: {toml(default)}" if default != "" else "")
    yield ""
    yield "# Keys: one or several with commas between, such as f5, x, X, ctrl+x, space, comma, question_mark."
    yield "# Ctrl+q always quits."
    yield "[keys]"
    for place, actions_of in places.items():
        yield f"# {place}"
        for action in actions_of:
            default = ",".join(action.keys)
            value = config.keys.get(action.id, default)
            changed = f" (default: {default})" if value != default else ""
            yield f"{action.id} = {toml(value)}  # {action.about}{changed}"
