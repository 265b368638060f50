"""What a word multiplies a number by: SI prefixes, number words, powers of ten, and petaFLOP/s-days.

The same words stand in a header (`params (M)`) and in a cell (`22.8M`); both read them here.
"""

from __future__ import annotations

import re
import unicodedata

PREFIX = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24, "r": 1e27,
          "q": 1e30}  # fmt: skip
PREFIX_WORD = {"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18, "zetta": 1e21,
               "yotta": 1e24, "ronna": 1e27, "quetta": 1e30}  # fmt: skip
NUMBER_WORD = {"thousand": 1e3, "million": 1e6, "mio": 1e6, "mln": 1e6, "mn": 1e6, "mm": 1e6, "mill": 1e6,
               "billion": 1e9, "bn": 1e9, "bln": 1e9, "bil": 1e9, "milliard": 1e9, "mrd": 1e9, "trillion": 1e12,
               "tn": 1e12, "trn": 1e12, "trln": 1e12, "quadrillion": 1e15, "quintillion": 1e18, "sextillion": 1e21,
               "septillion": 1e24}  # fmt: skip
SECONDS = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0,
           "h": 3600.0, "day": 86400.0, "d": 86400.0, "year": 365.25 * 86400, "yr": 365.25 * 86400}  # fmt: skip

_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_PREFIXES = "|".join([*PREFIX_WORD, *PREFIX])
# PF-days, pfdays, petaflop/s-days, PFLOP/s-day, EFLOPs * hours: a rate kept up for a time
_RATE_TIME = re.compile(
    rf"(?<![a-z])({_PREFIXES})?[\s_-]*(?:f|flops?)(?:[\s_]*/[\s_]*s(?:ec(?:ond)?)?|ps)?[\s_*.·-]*"
    r"(day|hour|hr|year|yr)s?(?![a-z])"
)


def simplify(text: str) -> str:
    """Raised digits as ^6, every kind of space as one, full-width and LaTeX signs as plain ones; case is kept."""
    text = _RAISED.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPT), text)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("×", "x").replace("⋅", "*")
    text = re.sub(r"\\(?:times|cdot)(?![a-zA-Z])", " x ", text).replace("\\pm", "±")
    text = re.sub(r"\$([^$]*)\$", r"\1", text)
    return re.sub(r"\s+", " ", text.replace("\\", "")).strip()


def scale_of_word(word: str) -> float | None:
    """1e6 for million, millions, mln, mega; letters are left to the caller, who knows what stands beside them."""
    for name in (word, word.removesuffix("s")):
        if name in NUMBER_WORD:
            return NUMBER_WORD[name]
        if name in PREFIX_WORD:
            return PREFIX_WORD[name]
    return None


def rate_times(text: str) -> tuple[float, str] | None:
    """The FLOPs in a petaFLOP/s-day and its kin, and the text without it (lower case in and out); None without one."""
    match = _RATE_TIME.search(text)
    if match is None:
        return None
    prefix = match[1] or ""
    scale = PREFIX_WORD.get(prefix) or PREFIX.get(prefix) or 1.0
    return scale * SECONDS[match[2]], text[: match.start()] + " flops " + text[match.end() :]


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
