"""A function: its code, what its closure, defaults and attributes hold, and the globals that it reads."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
import types
from typing import TYPE_CHECKING, Any

from flopsfit_tui.train.identity.code import Code, Import, Read, canonical
from flopsfit_tui.train.identity.files import is_file, may_be_path
from flopsfit_tui.train.identity.libraries import library_of

if TYPE_CHECKING:
    from flopsfit_tui.train.identity.walk import Walker

ALL_GLOBALS = {"globals", "eval", "exec"}  # builtins that can read any global
ANY_MODULE = {"import_module", "__import__"}
_MISSING = object()
ENVIRONMENT = {"environ", "getenv"}


def walk_function(walker: Walker, function: types.FunctionType) -> None:
    """A library's by name, with what its closure holds; the user's by what it does."""
    feed, text = walker.stream.feed, walker.stream.text
    names = function.__globals__
    if library := walker.library(names.get("__name__")):
        text("function", f"{library} {names['__name__']}.{function.__qualname__}")
        for cell in function.__closure__ or ():
            walker.cell(cell)
        return
    code = canonical(function.__code__)
    text("function", code.digest)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name in code.free:
        walker.cell(cells[name], name)
    feed("defaults")
    walker.walk(function.__defaults__)
    walker.walk_named(function.__kwdefaults__ or {})
    walker.walk_named(function.__dict__, ("__wrapped__",) if "__wrapped__" in function.__dict__ else ())
    _walk_reads(walker, code, names)


def _walk_reads(walker: Walker, code: Code, names: dict[str, Any]) -> None:
    for read in code.reads:
        if isinstance(read, Import):
            _walk_import_statement(walker, read, names)
        elif read.name in names:
            _walk_chain(walker, read, names[read.name])
        else:
            walker.stream.text("builtin" if hasattr(builtins, read.name) else "undefined", read.name)
            if read.name in ALL_GLOBALS:
                walker.walk_named({name: value for name, value in names.items() if not name.startswith("__")})
    for found in code.texts:
        if may_be_path(found) and is_file(found):
            walker.text(found)
    if code.names & ENVIRONMENT or any(_is_environment(names.get(name)) for name in code.names):
        for found in code.texts:
            walker.stream.text("environment", os.environ.get(found, ""))
    if code.names & ANY_MODULE:
        for name in sorted(sys.modules):
            if name != "__main__" and library_of(name) is None:
                walker.module(sys.modules[name])


def _is_environment(value: Any) -> bool:
    return value is os.environ or value is os.getenv


def _walk_chain(walker: Walker, read: Read, value: Any) -> None:
    """A global; where it is a module, what is read from it: not the rest of the module.

    Of a library only functions and classes are visited, which may have been replaced by the user's own.
    """
    label, library = read.name, None
    for attribute in read.attributes:
        if not isinstance(value, types.ModuleType):
            break
        library = walker.library(value.__name__)
        found = vars(value).get(attribute, _MISSING) if library else getattr(value, attribute, _MISSING)
        if found is _MISSING or (library and not isinstance(found, types.ModuleType | types.FunctionType | type)):
            walker.stream.text("attribute", f"{library} {value.__name__}.{attribute}")
            return
        value, label = found, attribute
    walker.walk(value, label)


def _walk_import_statement(walker: Walker, statement: Import, names: dict[str, Any]) -> None:
    try:
        name = importlib.util.resolve_name("." * statement.level + statement.module, names.get("__package__") or "")
    except ImportError:
        walker.stream.text("undefined", statement.module)
        return
    if not statement.names:
        walk_import(walker, name)
        return
    module = _import(walker, name)
    for wanted in statement.names if module else ():
        if hasattr(module, wanted):
            walker.walk(getattr(module, wanted), wanted)
        else:
            walk_import(walker, f"{name}.{wanted}")


def walk_import(walker: Walker, name: str) -> None:
    """All of a user's module."""
    if module := _import(walker, name):
        walker.module(module)


def _import(walker: Walker, name: str) -> types.ModuleType | None:
    """A user's module, imported if it is not yet, as the function will; None for a library's or one that fails."""
    if library := walker.library(name):
        walker.stream.text("module", f"{library} {name}")
        return None
    if name not in sys.modules:
        try:
            spec = importlib.util.find_spec(name)
            if spec is None:
                walker.stream.text("undefined", name)
                return None
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - the user's module may raise anything
            walker.stream.text("fails", f"{name} {type(error).__name__}")
            return None
        if library := walker.library(name):
            walker.stream.text("module", f"{library} {name}")
            return None
    return sys.modules.get(name)
