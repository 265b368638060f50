"""What jobs and the sweeping process tell each other through files on a shared disk.

A sealed file is JSON with a hash over it, written beside its place, on disk, and renamed there: it is read whole or not
at all. What is said while a trial runs is a line of JSON each; of a line that was cut off, the next one begins anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TextIO

from flopsfit_tui.core.events import Event, Note, TrialProgress, TrialStarted
from flopsfit_tui.core.job_files import result_path
from flopsfit_tui.core.to_json import to_json
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.store.seals import outcome_of, outcome_row, seal

_KINDS = {kind.__name__: kind for kind in (TrialStarted, TrialProgress, Note)}


class Damaged(ValueError):
    """A sealed file that is not as it was written."""


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all. Raises OSError."""
    text = json.dumps(content, sort_keys=True)
    part = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump({"content": text, "seal": seal("file", path.name, text).hex()}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What was written; None where there is no file, or it cannot be read now. Raises Damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    except ValueError as error:
        raise Damaged(f"{path} is damaged") from error
    try:
        outer = json.loads(text)
        if seal("file", path.name, outer["content"]).hex() != outer["seal"]:
            raise Damaged(f"{path} is damaged")
        content: dict[str, Any] = json.loads(outer["content"])
        return content
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is damaged") from error


def write_result(directory: Path, key: str, outcome: Outcome, worker: str) -> None:
    """Leave a trial's outcome for the sweeping process. Raises OSError."""
    path = result_path(directory, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, {"trial": key, "outcome": outcome_row(outcome), "worker": worker})


def read_result(directory: Path, key: str) -> tuple[Outcome, str] | None:
    """A trial's outcome and who trained it; None where there is none. Raises Damaged."""
    path = result_path(directory, key)
    content = read_sealed(path)
    if content is None:
        return None
    try:
        if content["trial"] != key:
            raise Damaged(f"{path} is of another trial")
        return outcome_of(content["outcome"]), content["worker"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is damaged") from error


class Said:
    """What one job says, line by line, as a context; each attempt of a job begins with an empty line."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open while the job runs
        self._file.write("\n")

    def __enter__(self) -> Said:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, kind: str, **content: Any) -> None:
        """One line, seen at once."""
        self._file.write(json.dumps({"kind": kind, **to_json(content)}) + "\n")
        self._file.flush()

    def write_event(self, event: Event) -> None:
        """An event, where it is one that a running trial has."""
        name = type(event).__name__
        if name in _KINDS:
            self.write(name, **asdict(event))


def event_of(line: Mapping[str, Any]) -> Event | None:
    """The event that a line holds."""
    kind = _KINDS.get(line["kind"])
    if kind is None:
        return None
    names = {field.name for field in fields(kind)}
    event: Event = kind(**{name: value for name, value in line.items() if name in names})
    return event


class Heard:
    """Reads what one job says, from where it was read last."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def take(self) -> list[dict[str, Any]]:
        """Whole lines that are new."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except OSError:
            return []
        whole = text.rpartition(b"\n")[0]
        self._offset += len(whole) + 1 if whole or text.startswith(b"\n") else 0
        lines = []
        for line in whole.split(b"\n"):
            with contextlib.suppress(ValueError):
                content = json.loads(line)
                if isinstance(content, dict) and "kind" in content:
                    lines.append(content)
        return lines
