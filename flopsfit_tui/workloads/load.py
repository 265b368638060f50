"""A user's file or module, imported as a program of its own: its own `sys.argv`, its faults in one sentence."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from flopsfit_tui.core.error_text import take_apart

SAID = 300  # characters of an exception's message that a sentence of ours quotes


def load_file(path: Path) -> ModuleType:
    """Import a Python file under a name of its own. Raises ValueError naming the file and the line at fault."""
    path = path.resolve()
    name = f"flopsfit_workload_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles in the file look themselves up here
    sys.path.insert(0, str(path.parent))  # a file may import its neighbours
    try:
        with own_program(path.name, str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


def load_module(name: str, reference: str) -> ModuleType:
    """Import a module by its name. Raises ValueError for one that is not there, or that fails."""
    try:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
    except (ModuleNotFoundError, ValueError) as error:
        missing = getattr(error, "name", None) or name
        raise ValueError(
            f"workload {reference!r}: there is no module {missing!r} on the Python path; run where it can be "
            f"imported, or give path/to/file.py"
        ) from None
    with own_program(name, name):
        return importlib.import_module(name)


def call(function: Any, reference: str) -> Any:
    """What a user's function without arguments gives. Raises ValueError in one sentence when it fails."""
    with own_program(reference, reference):
        return function()


@contextmanager
def own_program(called: str, argument: str) -> Iterator[None]:
    """Run a user's code with no arguments in `sys.argv`, and turn what it raises into ValueError with its line."""
    before = sys.argv
    sys.argv = [argument]
    try:
        yield
    except SystemExit as error:
        raise ValueError(
            f"{called}{_line(error, argument)} ends Python (SystemExit: {error.code}) when it is loaded; it is given "
            f"no arguments: give each a default, and keep what runs a program under `if __name__ == '__main__'`"
        ) from None
    except SyntaxError as error:
        at = f", line {error.lineno}" if error.lineno else ""
        where = called if Path(error.filename or "").name == called else f"{called}: {error.filename}"
        raise ValueError(f"{where}{at}: {type(error).__name__}: {error.msg}{_syntax(error)}") from None
    except Exception as error:
        text = " ".join(str(error).split())
        said = f"{type(error).__name__}: {text[:SAID]}" if not _ours(error) else text
        raise ValueError(f"{called}{_line(error, argument)}: {said}{_frames(error)}") from error
    finally:
        sys.argv = before


def _ours(error: Exception) -> bool:
    """Whether a sentence of this package was raised, which needs no type in front."""
    frames = traceback.extract_tb(error.__traceback__)
    within = bool(frames) and Path(frames[-1].filename).is_relative_to(Path(__file__).parents[1])
    return isinstance(error, ValueError | TypeError) and within


def _syntax(error: SyntaxError) -> str:
    """The line that cannot be read, with the place marked, below the sentence."""
    lines = "".join(traceback.format_exception_only(type(error), error)).rstrip().split("\n")[:-1]
    return "".join(f"\n{line}" for line in lines)


def _frames(error: Exception) -> str:
    """The lines of the user's own code on the way to an error that is theirs, below the sentence."""
    if _ours(error):
        return ""
    frames = take_apart("".join(traceback.format_exception(error))).frames
    return "".join(f"\n{frame}" for frame in frames)


def _line(error: BaseException, path: str) -> str:
    """Where in the user's file it came from: the last of its lines on the way."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""
