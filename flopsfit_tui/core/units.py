"""Numbers as people type and read them: ``3e12``, ``1.2M``, ``1e10..1e12:5``, ``4 min 10 s``."""

from __future__ import annotations

import math
import re

_SUFFIX = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_NUMBER = re.compile(r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([kKMGBTPE]?)")


def parse_number(text: str, what: str = "number") -> float:
    """Read a positive number, plain (``3e12``) or with a suffix (``1.2M``, ``7B``).

    Raises ValueError naming the text and what would have worked.
    """
    match = _NUMBER.fullmatch(text.strip())
    value = float(match[1].replace("_", "")) * _SUFFIX[match[2]] if match else math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} {text.strip()!r} is not a positive number; write it like 3e12 or 1.2M")
    return value


MOST_NUMBERS = 1000  # of a list: a plan of more is a slip of the finger


def parse_numbers(text: str, what: str = "number") -> tuple[float, ...]:
    """Read a list ``3e10,1e11`` or a geometric range ``1e10..1e12:5``; ascending, without repeats.

    Raises ValueError naming the text and what would have worked.
    """
    found: set[float] = set()
    for part in text.split(","):
        found.update(_parse_range(part, what) if ".." in part else [parse_number(part, what)])
    if len(found) > MOST_NUMBERS:
        raise ValueError(f"{len(found)} {what}s are too many to plan; at most {MOST_NUMBERS}, such as 1e10..1e12:5")
    return tuple(sorted(found))


def _parse_range(text: str, what: str) -> list[float]:
    ends, _, count_text = text.partition(":")
    low_text, _, high_text = ends.partition("..")
    low, high = parse_number(low_text, what), parse_number(high_text, what)
    if not count_text.strip().isdecimal() or int(count_text) < 2 or high <= low:
        raise ValueError(f"{what} range {text.strip()!r} is not LOW..HIGH:COUNT with LOW < HIGH; write 1e10..1e12:5")
    count = int(count_text)
    if count > MOST_NUMBERS:
        raise ValueError(f"{count} {what}s are too many to plan; at most {MOST_NUMBERS}, such as 1e10..1e12:5")
    ratio = (high / low) ** (1 / (count - 1))
    return [float(f"{low * ratio**i:.6g}") for i in range(count - 1)] + [high]


def format_count(value: float, digits: int = 3) -> str:
    """A count for a table or an axis: ``31.6M``, ``950``, ``1.2B``; beyond 1e15, and far below 1, in powers of ten."""
    if not math.isfinite(value):
        return str(value)
    if 0 < abs(value) < 1e-4:
        return format_flops(value)
    for limit, suffix in ((1e15, ""), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return format_flops(value) if not suffix else f"{_round(value / limit, digits)}{suffix}"
    return _round(value, digits)


def format_ratio(value: float) -> str:
    """Tokens per parameter, as the field writes them: ``20.4``; ``31.6k`` and ``0.025`` where a decimal says too much
    or nothing."""
    return f"{value:.1f}" if 0.1 <= value < 1e4 else format_count(value)


def format_share(value: float) -> str:
    """A share in per cent: ``31.4%``; of less than one per cent two digits: ``0.034%``."""
    return f"{value:.1%}" if value >= 0.00995 or value == 0 else f"{100 * value:.2g}%"


def format_flops(value: float) -> str:
    """FLOPs as the field writes them: ``3e10``, ``1.26e+11`` becomes ``1.26e11``; none are ``0``."""
    if not value:
        return "0"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _round(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text


def format_seconds(seconds: float) -> str:
    """A duration in at most two units: ``45 s``, ``4 min 10 s``, ``3 h 05 min``, ``2 d 4 h``."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, small, small_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name} {rest:02d} {small_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def format_bytes(count: float) -> str:
    """Memory in binary units: ``412 MiB``, ``1.3 GiB``."""
    for limit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= limit:
            return f"{_round(count / limit, 3)} {name}"
    return f"{count:.0f} B"
