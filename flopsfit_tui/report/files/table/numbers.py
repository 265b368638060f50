"""Numbers as people write them: `22,821,773`, `3,447`, `70m`, `22.8 million`, `22.82×10^6`, `3.447 ± 0.01`.

One grammar: a mantissa, perhaps an error that is left out, a power of ten, a scale, and a noun that is only checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flopsfit_tui.report.files.table.scales import PREFIX, PREFIX_WORD, rate_times, scale_of_word, simplify

Decimal = Literal[".", ","]
MISSING = frozenset(
    {"", "-", "--", "---", "–", "—", ".", "..", "...", "?", "/", "x", "na", "n/a", "n.a.", "n.a", "#n/a", "<na>", "nat",
     "null", "none", "nil", "missing", "tbd", "pending", "running", "unknown", "#div/0!", "#value!", "#num!", "#ref!",
     "undefined", "empty"}
)  # fmt: skip
DIVERGED = frozenset({"nan", "inf", "infinity", "diverged", "oom", "crashed", "failed", "exploded", "∞"})

_DIGITS = r"(?:\d+(?:\.\d*)?|\.\d+)"
_NUMBER = re.compile(
    rf"""[(\[{{]?\s*
    (?P<mantissa>[+-]?{_DIGITS})(?:[eEdD](?P<exponent>[+-]?\d+))?
    (?:\s*\(\d+\))?                                              # 3.447(12)
    (?:\s*(?:±|\+/-|\+-)\s*{_DIGITS}(?:[eEdD][+-]?\d+)?\s*%?)?   # 3.447 ± 0.01
    (?:\s*[(\[]\s*{_DIGITS}\s*(?:,|;|-|–|to)\s*{_DIGITS}\s*[)\]])?    # 3.447 [3.43, 3.46]
    \s*[)\]}}]?
    (?:\s*[xX*·]?\s*10\s*(?:\^|\*\*)\s*[({{]?(?P<power>[+-]?\d+)[)}}]?)?
    \s*(?P<tail>[A-Za-z][A-Za-z/_\s*·.-]*)?""",
    re.VERBOSE,
)
_TEN_TO = re.compile(r"(?P<sign>[+-]?)10\s*(?:\^|\*\*)\s*[({]?(?P<power>[+-]?\d+)[)}]?\s*(?P<tail>[A-Za-z].*)?")
_NOUNS = {
    "params": r"param(?:eter)?s?",
    "tokens": r"tok(?:en)?s?|samples?|images?|sequences?|examples?",
    "compute": r"flops?|f|flop-?s",
    "loss": r"nats?(?:\s*/\s*tok(?:en)?)?|bits?(?:\s*/\s*(?:byte|tok(?:en)?|char))?|bpb|bpc",
}
_COMMA_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{2,3})*,\d{3}(?![\d,])")
_POINT_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")
_SPACE_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:[ '’_]\d{3})+(?!\d)")
_PLAIN = re.compile(r"\s*[+-]?(\d[\d.,'’ _]*)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Number:
    """A cell that was read."""

    value: float  # without the scale
    scale: float  # that the cell itself names: 1e6 in 70m
    digits: int  # significant ones, without the zeros at the end of a whole number
    last: int  # power of ten of the last of them, before the scale


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def is_diverged(cell: str) -> bool:
    """Whether a loss says that the run came to nothing."""
    return cell.strip().lower().lstrip("+-") in DIVERGED


def read_number(cell: str, what: str, decimal: Decimal = ".") -> Number | None:
    """The number in a cell, or None where it is none. what: params, tokens, compute, loss, or "" for any.

    A loss has no scale (3k is no loss); a noun after the number must be that of the quantity.
    """
    text = simplify(cell).lstrip("'≈~= ")
    text = _SPACE_GROUPS.sub(lambda match: re.sub(r"[ '’_]", "", match[0]), text)
    if decimal == ",":
        text = _POINT_GROUPS.sub(lambda match: match[0].replace(".", ""), text).replace(",", ".")
    else:
        text = _COMMA_GROUPS.sub(lambda match: match[0].replace(",", ""), text)
    text = re.sub(r"(?<=\d)_(?=\d)", "", text)
    match = _TEN_TO.fullmatch(text)
    if match:
        mantissa, exponent = match["sign"] + "1", int(match["power"])
    else:
        match = _NUMBER.fullmatch(text)
        if match is None:
            return None
        mantissa, exponent = match["mantissa"], int(match["exponent"] or 0) + int(match["power"] or 0)
    scale = _tail(match["tail"] or "", what)
    value = float(f"{mantissa}e{exponent}") if abs(exponent) < 400 else math.inf
    if scale is None or not math.isfinite(value * scale):
        return None
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    figures = (whole + fraction).lstrip("0")
    zeros = 0 if fraction else len(figures) - len(figures.rstrip("0"))
    return Number(value, scale, max(len(figures) - zeros, 1), exponent - len(fraction) + zeros)


def _tail(tail: str, what: str) -> float | None:
    """What the letters after a number multiply it by; None where they are nothing known."""
    text = tail.strip().rstrip(".").lower()
    if what in ("compute", "") and (spent := rate_times(text)):
        return spent[0] if spent[1].strip() == "flops" else None
    nouns = _NOUNS.get(what, "|".join(_NOUNS.values()))
    match = re.fullmatch(rf"(?P<scale>[a-z]*?)\s*(?:of\s+)?(?:{nouns})?", text) if text else None
    if not text:
        return 1.0
    if match is None:
        return None
    word = match["scale"]
    if not word:
        return 1.0
    if what == "loss":
        return None
    if word == "e" and tail.strip()[:1] != "E":  # 1e is a number cut short; 1E may be an exaFLOP
        return None
    return PREFIX.get(word) or scale_of_word(word) or PREFIX_WORD.get(word)


def decimal_mark(cells: Iterable[str], separator: str) -> Decimal | None:
    """Which mark the numbers of a table have before their decimals; None where cells contradict each other.

    A mark before three digits may as well part thousands, and says nothing by itself; where nothing else does, a
    table parted by semicolons has decimal commas, any other decimal points.
    """
    comma = point = either = False
    for cell in cells:
        match = _PLAIN.match(simplify(cell))
        if match is None:
            continue
        number = re.sub(r"[ '’_]", "", match[1]).rstrip(".,")
        commas, points = number.count(","), number.count(".")
        if commas and points:
            comma |= number.rindex(",") > number.rindex(".")
            point |= number.rindex(".") > number.rindex(",")
        elif commas > 1 or points > 1:
            point |= commas > 1
            comma |= points > 1
        elif commas or points:
            whole, _, rest = number.partition("," if commas else ".")
            groups = len(rest) == 3 and len(whole) <= 3 and whole != "0" and not match[0].lower().count("e")
            comma |= bool(commas) and not groups
            point |= bool(points) and not groups
            either |= bool(commas) and groups
    if comma and point:
        return None
    if comma or point:
        return "," if comma else "."
    return "," if either and separator == ";" else "."
