"""The table's filter: ``failed``, ``budget>=1e11``, ``size=32``, or words of an error; all terms must hold."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable
from typing import get_args

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.trial import Status
from flopsfit_tui.core.units import parse_number

Keeps = Callable[[TrialState], bool]

EXAMPLE = "failed  budget>=1e11  size=32  loss<2.1  seed=0  or an error's words; all hold"
STATUSES: tuple[str, ...] = get_args(Status)
NUMBERS: dict[str, Callable[[TrialState], float]] = {
    "budget": lambda now: now.trial.budget,
    "size": lambda now: float(now.trial.size) if isinstance(now.trial.size, int | float) else math.nan,
    "params": lambda now: now.trial.params,
    "tokens": lambda now: now.trial.tokens,
    "seed": lambda now: now.trial.seed,
    "loss": lambda now: now.outcome.loss if now.outcome else now.loss,
    "seconds": lambda now: now.outcome.seconds if now.outcome else now.seconds,
}
SUCH_AS = {"budget": "1e11", "size": "32", "params": "50k", "tokens": "1M", "seed": "0", "loss": "2.1", "seconds": "60"}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": lambda a, b: math.isclose(a, b, rel_tol=0.005),  # as it is written in the table
}
_SIGN = re.compile("[<>=]")
_TERM = re.compile(r"(\w+)(>=|<=|!=|=|>|<)(.*)")


def parse_filter(text: str, size_name: str = "size", unit: str = "tokens") -> Keeps:
    """What a filter keeps; an empty one keeps everything. The knob's own name and the unit's work too.

    Raises ValueError naming the term that cannot be meant and what would have worked.
    """
    terms = [_term(word, _also(size_name, unit)) for word in text.split()]
    return lambda now: all(keeps(now) for keeps in terms)


def complete_terms(text: str, size_name: str = "size", unit: str = "tokens") -> str:
    """A filter that is being typed, without a last term that is not yet complete: the beginning of a name that can be
    compared, or a comparison that cannot be meant as it stands. It would keep nothing, or what it is not typed for."""
    *before, last = text.split() or [""]
    also = _also(size_name, unit)
    half = not text[-1:].isspace() and any(f"{name}!".startswith(last) for name in (*NUMBERS, *also))
    try:
        _term(last, also)
    except ValueError:
        half = True
    return " ".join(before) if half else text


def _also(size_name: str, unit: str) -> dict[str, str]:
    """Other names of what can be compared."""
    return {size_name: "size", unit: "tokens", "N": "params", "D": "tokens"}


def unknown_words(text: str) -> str:
    """What a table without rows says of words that are no status: they were looked for in errors."""
    words = [word for word in text.split() if not _SIGN.search(word) and word not in STATUSES]
    if not words:
        return ""
    return f"; {words[0]!r} is no status ({', '.join(STATUSES)}), so it is looked for in errors and devices"


def _term(word: str, also: dict[str, str]) -> Keeps:
    match = _TERM.fullmatch(word)
    if match is None:
        if word in STATUSES:
            return lambda now: now.status == word
        lowered = word.lower()
        return lambda now: lowered in _words(now)
    typed_name, sign, value_text = match.groups()
    name = also.get(typed_name, typed_name)
    if name not in NUMBERS:
        near = difflib.get_close_matches(name, NUMBERS, 1)
        hint = f"did you mean {near[0]}?" if near else f"these can: {', '.join(NUMBERS)}"
        raise ValueError(f"{name!r} cannot be compared; {hint}")
    if not value_text:
        raise ValueError(f"{word!r} lacks a value, such as {word}{SUCH_AS[name]}")
    if name == "size" and sign in ("=", "!="):
        return _size_term(sign, value_text)
    value = 0.0 if value_text == "0" else parse_number(value_text, name)
    number, compare = NUMBERS[name], COMPARE[sign]
    return lambda now: compare(number(now), value)


def _size_term(sign: str, value_text: str) -> Keeps:
    """Of sizes that may be words: equal as written, or as numbers."""
    try:
        value = parse_number(value_text)
    except ValueError:
        value = math.nan

    def equal(now: TrialState) -> bool:
        written = "".join(str(now.trial.size).split())  # a term has no spaces
        return written == value_text or COMPARE["="](NUMBERS["size"](now), value)

    return equal if sign == "=" else lambda now: not equal(now)


def _words(now: TrialState) -> str:
    outcome = now.outcome
    outcome_text = f"{outcome.error} {outcome.device}" if outcome else ""
    return f"{now.status} {now.trial.key} {now.worker} {outcome_text}".lower()
