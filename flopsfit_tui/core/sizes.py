"""Settings of a size knob: any number, string or tuple that a model takes, kept as the user gave it."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from typing import Any

Setting = int | float | str | tuple[Any, ...]
WANTED = "write a list like 16,24,32, or 0.25,0.5,1, or tiny,small, or (2,64),(4,128)"
FORMS = "whole numbers, numbers, strings or tuples"


def check_sizes(given: Any, what: str = "sizes") -> tuple[Setting, ...]:
    """The settings in a list, array or range, each once, in the order given.

    Raises TypeError or ValueError naming what cannot be the setting of a knob.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{what} is {given!r}; give a list of {FORMS}, such as [16, 24, 32]")
    found = list(dict.fromkeys(_check(value, what) for value in given))
    if not found:
        raise ValueError(f"{what} is empty; give a list of {FORMS}, such as [16, 24, 32]")
    return tuple(found)


def _check(value: Any, what: str) -> Setting:
    if type(value).__module__ in ("numpy", "torch") and hasattr(value, "item"):
        value = value.item()  # a scalar of an array: the number that it holds
    if isinstance(value, list):
        raise TypeError(f"{what} has the list {value!r}; write it as a tuple, {tuple(value)!r}")
    if isinstance(value, bool) or type(value) not in (int, float, str, tuple):
        raise TypeError(f"{what} has {value!r}, a {type(value).__name__}; give {FORMS}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} has {value!r}; give finite numbers")
    if isinstance(value, tuple) and restore_size(_plain(value)) != value:
        raise TypeError(f"{what} has the tuple {value!r}; tuples may hold numbers, strings and tuples")
    return value  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """What JSON makes of a tuple: lists; None where it cannot hold something."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | str | bool | None) and value == value else object()


def restore_size(value: Any) -> Any:
    """A setting as it was before JSON made lists of its tuples."""
    return tuple(restore_size(part) for part in value) if isinstance(value, list) else value


def parse_sizes(text: str, what: str = "size") -> tuple[Setting, ...]:
    """Read a list `16,24,32`, `0.25,0.5,1`, `tiny,small` or `(2,64),(4,128)`; each once, numbers ascending.

    Raises ValueError naming the text and what would have worked.
    """
    found = list(dict.fromkeys(_parse(part, what) for part in _split(text, what)))
    numbers = sum(isinstance(value, int | float) for value in found)
    if numbers == len(found):
        found.sort()  # type: ignore[type-var]
    elif numbers:
        raise ValueError(
            f"{what}s {text!r} mix numbers and {'words' if any(type(v) is str for v in found) else 'tuples'}; {WANTED}"
        )
    return tuple(found)


def _split(text: str, what: str) -> list[str]:
    """Parts between the commas that stand in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    if depth or quote:
        raise ValueError(f"{what} list {text!r} has an open {'quote' if quote else 'bracket'}; write (2,64),(4,128)")
    return parts


def _parse(part: str, what: str) -> Setting:
    part = part.strip()
    if not part:
        raise ValueError(f"{what} '' is empty; {WANTED}")
    try:
        value = restore_size(ast.literal_eval(part))
    except (ValueError, SyntaxError):
        value = part  # a word
    if isinstance(value, int | float) and not isinstance(value, bool) and not (0 < value < math.inf):
        raise ValueError(f"{what} {part!r} is not a positive number; {WANTED}")
    if isinstance(value, str) and any(letter in value for letter in "()[]{}") and value == part:
        raise ValueError(f"{what} {part!r} cannot be read; {WANTED}")
    try:
        return _check(part if isinstance(value, bool | None) else value, what)
    except (TypeError, ValueError):
        raise ValueError(f"{what} {part!r} cannot be a size; {WANTED}") from None


def as_declared(asked: Sequence[Setting], declared: Iterable[Any] | None) -> tuple[Setting, ...]:
    """Sizes typed on a command line as the workload declares them: 1 for 1.0, "64" for the string, where equal."""
    if declared is None:
        return tuple(asked)
    known = {value: value for value in declared}
    words = {str(value): value for value in known}
    return tuple(known.get(value, words.get(str(value), value)) for value in asked)
