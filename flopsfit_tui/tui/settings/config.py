"""The user's own settings: one TOML file, read whole and checked before the app starts.

Knows no Textual: the caller passes the known themes and bindings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_config_path


@dataclass(frozen=True)
class Config:
    """What the user has chosen; the defaults hold where there is no file."""

    theme: str = ""  # empty: flopsfit-dark, and a theme chosen in the app is remembered with its sweep
    bell: bool = True
    desktop: bool = False
    redraw_seconds: float = 0.5
    keys: Mapping[str, str] = field(default_factory=dict)  # binding id -> keys, those that are changed


@dataclass(frozen=True)
class Setting:
    """What may stand in the file: its name, what a value must be, and what it is for."""

    name: str
    kind: str
    about: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        """Whether a value is of the kind."""
        match self.kind:
            case "true or false":
                return isinstance(value, bool)
            case "a text":
                return isinstance(value, str) and bool(value)
            case _:
                number = isinstance(value, int | float) and not isinstance(value, bool)
                return number and LEAST_SECONDS <= value <= MOST_SECONDS  # type: ignore[operator]


LEAST_SECONDS, MOST_SECONDS = 0.1, 60
SETTINGS = (
    Setting(
        "theme",
        "a text",
        (
            "flopsfit-dark, flopsfit-light, or any of Textual's own. Where it is not set, the app starts in",
            "flopsfit-dark, and a theme chosen in the app (ctrl+p) is remembered with its sweep.",
        ),
    ),
    Setting(
        "bell",
        "true or false",
        ("Ring the terminal's bell when a sweep ends, and when a trial fails (at most every 30 seconds).",),
    ),
    Setting(
        "desktop",
        "true or false",
        (
            "Ask the terminal for a desktop notification then (OSC 9, or OSC 777 for foot, rxvt and VTE). Terminals",
            "that know neither show nothing; tmux passes it on only with `set -g allow-passthrough on`.",
        ),
    ),
    Setting(
        "redraw_seconds",
        f"a number from {LEAST_SECONDS} to {MOST_SECONDS}",
        ("Seconds between redraws; use 2 on slow connections.",),
    ),
)


def config_path() -> Path:
    """Where the settings are read from, whether the file is there or not."""
    return user_config_path("flopsfit-tui") / "config.toml"


def read_config(path: Path, themes: Iterable[str], bindings: Callable[[], Iterable[str]]) -> Config:
    """The settings in a file; the defaults when there is none.

    `themes` are the names that `theme` may hold, `bindings` gives those of `[keys]`, and is called where a key is
    changed. Raises ValueError with one sentence that
    names the file, what is wrong in it, and what would have worked.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text (byte {error.start})") from None
    import tomllib  # most users have no such file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{str(path)!r} is not TOML: {error}") from None
    try:
        return _config(document, tuple(themes), bindings)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _config(document: Mapping[str, Any], themes: tuple[str, ...], bindings: Callable[[], Iterable[str]]) -> Config:
    settings = {setting.name: setting for setting in SETTINGS}
    for name, value in document.items():
        if name == "keys":
            continue
        if name not in settings:
            raise ValueError(f"there is no setting {name!r}; {nearest(name, [*settings, 'keys'])}")
        if not settings[name].accepts(value):
            raise ValueError(f"{name} = {toml(value)} is not {settings[name].kind}")
    theme = document.get("theme")
    if theme and theme not in themes:
        raise ValueError(f"there is no theme {theme!r}; {nearest(theme, themes)}")
    keys = document.get("keys", {})
    if not isinstance(keys, dict):
        raise ValueError(f'keys = {toml(keys)} is not a table; write [keys], and below it lines like pause = "f5"')
    known = tuple(bindings()) if keys else ()
    for name, value in keys.items():
        if name not in known:
            raise ValueError(f"[keys]: there is no binding {name!r}; {nearest(name, known)}")
        if not isinstance(value, str) or not all(map(str.strip, value.split(","))):
            raise ValueError(
                f'[keys]: {name} = {toml(value)} is not a key, or keys like "f5,space" (a comma is "comma")'
            )
    return Config(**{**document, "keys": keys})


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant; everything there is, when nothing is near and there is little of it."""
    import difflib  # most users make no such mistake

    names = list(known)
    if close := difflib.get_close_matches(name.lower(), names, 1, 0.5):
        return f"the nearest is {close[0]!r}"
    listed = ", ".join(names)
    return f"there are {listed}" if len(listed) < 500 else "`flopsfit-tui config` lists them"


def toml(value: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    return str(value)
