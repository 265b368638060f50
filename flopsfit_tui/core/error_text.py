"""A traceback for a person: what went wrong first, then the lines of their own code; ours and the libraries' folded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flopsfit_tui.core.trial import Outcome

START = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(?P<file>[^"]*)", line \d+')
_OURS = re.compile(r"[/\\]flopsfit_tui[/\\](?!examples[/\\])")
_OUR_MODULE = re.compile(r"^flopsfit_tui(\.\w+)*\.(?=\w+(:|$))")  # before the name of an exception of ours
_LIBRARIES = re.compile(r"[/\\](site-packages|dist-packages)[/\\]|[/\\]lib[/\\]python3|^<frozen ")
NO_REASON = "no reason given"


@dataclass(frozen=True)
class ErrorText:
    """An error taken apart."""

    headline: str  # what went wrong, one line
    rest: str = ""  # the other lines of its message
    frames: tuple[str, ...] = ()  # of the user's code, each as Python prints it
    folded: int = 0  # frames of this package and of libraries, left out

    def text(self) -> str:
        """The whole as lines, the headline first."""
        parts = [self.headline, self.rest, *self.frames]
        if self.folded:
            parts.append(f"  … {self.folded} frame{'s' * (self.folded > 1)} of flopsfit-tui and of libraries folded")
        return "\n".join(filter(None, parts))


def take_apart(error: str) -> ErrorText:
    """An outcome's error, which is a traceback, or a message whose first line says what went wrong."""
    error = error.strip("\n")
    _, found, block = error.rpartition(START)
    if not found:
        first, _, rest = error.strip().partition("\n")
        if first.startswith("Traceback"):  # another's, whose last line says it
            return ErrorText(rest.strip().rpartition("\n")[2] or NO_REASON)
        return ErrorText(first or NO_REASON, rest)
    frames, message = _frames(block.strip("\n").split("\n"))
    users = tuple(frame for frame, yours in frames if yours)
    shown = users or tuple(frame for frame, _ in frames[-1:])
    return ErrorText(_OUR_MODULE.sub("", message[0]), "\n".join(message[1:]), shown, len(frames) - len(shown))


def _frames(lines: list[str]) -> tuple[list[tuple[str, bool]], list[str]]:
    """Frames of a traceback, each with whether it is the user's; and the lines of the message after them."""
    frames: list[tuple[str, bool]] = []
    for number, line in enumerate(lines):
        match = _FRAME.match(line)
        if match:
            file = match["file"]
            frames.append((line, not _OURS.search(file) and not _LIBRARIES.search(file)))
        elif frames and (line.startswith("    ") or re.match(r"  \[Previous line repeated", line)):
            frames[-1] = (f"{frames[-1][0]}\n{line}", frames[-1][1])
        elif line.strip():
            return frames, lines[number:]
    return frames, [NO_REASON]


def repeated(outcomes: Mapping[str, Outcome]) -> list[tuple[str, list[str]]]:
    """What failed trials say, each headline once with the trials that say it, the most frequent first."""
    found: dict[str, list[str]] = {}
    for key, outcome in outcomes.items():
        if outcome.status == "failed":
            found.setdefault(take_apart(outcome.error).headline, []).append(key)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def counted(outcomes: Iterable[Outcome]) -> str:
    """Why trials failed, in one line: ``RuntimeError: out of memory (3), ValueError: odd``."""
    heads = Counter(take_apart(outcome.error).headline for outcome in outcomes if outcome.status == "failed")
    return ", ".join(f"{head} ({count})" if count > 1 else head for head, count in heads.most_common())
