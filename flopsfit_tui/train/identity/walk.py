"""From an object to everything that it does and holds: code, attributes, closures, globals, data and files."""

from __future__ import annotations

import functools
import os
import sys
import types
import weakref
from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from pathlib import PurePath
from typing import Any

from flopsfit_tui.train.identity import plain
from flopsfit_tui.train.identity.arrays import walk_array
from flopsfit_tui.train.identity.files import Files, TooMuch, are_paths, common_folder, is_file, is_folder, may_be_path
from flopsfit_tui.train.identity.functions import walk_function, walk_import
from flopsfit_tui.train.identity.instances import walk_instance
from flopsfit_tui.train.identity.libraries import library_of
from flopsfit_tui.train.identity.stream import Stream, atom

DEEPEST = 5_000  # levels
BY_NAME = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
UNKNOWABLE = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType)
NOT_OF_CLASSES = {
    "__doc__", "__module__", "__qualname__", "__dict__", "__weakref__", "__annotations__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__slotnames__", "__firstlineno__", "__static_attributes__",
    "__abstractmethods__", "_abc_impl",
}  # fmt: skip
PATH_WORDS = ("root", "dir", "path", "folder", "file")  # in the name of what holds a path


class Walker:
    """Visits objects once each and feeds what they are into one digest a part; see `part`.

    `libraries` are those whose code was met, which their versions stand for; `unsure` names what cannot be compared
    between two runs.
    """

    def __init__(self) -> None:
        self.stream = Stream()
        self.libraries: set[str] = set()
        self.unsure: dict[str, None] = {}
        self._files = Files()
        self._seen: MutableMapping[int, tuple[str, Any]] = {}  # kept alive, so that no other object takes its id
        self._labels: list[str] = []
        self._count = 0  # of objects visited in this part
        self._folder: str | None = None  # below which the files of a list lie

    def part(self, name: str, value: Any) -> str:
        """The digest of one part of a workload; what an earlier part holds too is referred to."""
        self.stream, self._count = Stream(), 0
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 10 * DEEPEST))
        try:
            self.walk(value, name)
        finally:
            sys.setrecursionlimit(limit)
        return self.stream.hexdigest()

    def doubt(self, what: str) -> None:
        """Note that the object at hand cannot be compared between runs."""
        label = ".".join(label for label in self._labels if label)
        self.unsure[f"{label} ({what})"] = None
        self.stream.feed("unsure")

    def walk(self, value: Any, label: str = "") -> None:
        """Visit a value. `label` is its attribute's or variable's name, for people."""
        self._labels.append(label)
        try:
            if len(self._labels) > DEEPEST:
                self.doubt("nested too deeply")
            else:
                self._visit(value)
        except Exception as error:  # noqa: BLE001 - attributes of the user's objects may raise anything
            self.doubt(f"looking at it raises {type(error).__name__}: {error}")
        finally:
            self._labels.pop()

    def walk_named(self, values: Mapping[str, Any], leave_out: Iterable[str] = ()) -> None:
        """Visit named values whose order decides nothing, such as attributes."""
        for name in sorted(values.keys() - set(leave_out), key=str):
            self.stream.text("name", str(name))
            self.walk(values[name], str(name))

    def library(self, module: object) -> str | None:
        """The library that a module belongs to, noted; None for the user's own."""
        found = library_of(module) if isinstance(module, str) else None
        if found:
            self.libraries.add(found)
        return found

    def _visit(self, value: Any) -> None:
        kind, feed = type(value), self.stream.feed
        if kind is str:
            return self.text(value)
        if piece := atom(value):
            return feed(*piece)
        if isinstance(value, PurePath):
            return self.path(value)
        if kind is tuple:  # equal ones may be one object or two
            return self._sequence(value)
        if isinstance(value, BY_NAME):
            return self._builtin(value)
        if isinstance(value, type) and (library := self.library(value.__module__)):
            return self.stream.text("class", f"{library} {value.__module__}.{value.__qualname__}")
        if value is os.environ:  # what is read from it is looked up by name; see functions
            return feed("environment")
        if id(value) in self._seen:
            return self.stream.text("again", self._seen[id(value)][0])
        self._count += 1
        self._seen[id(value)] = f"{self._labels[0]} {self._count}", value
        return self._first_visit(value, kind)

    def _first_visit(self, value: Any, kind: type) -> None:
        if kind is list:
            return self._sequence(value)
        if kind in (dict, types.MappingProxyType):
            return self._mapping(value)
        if kind in (set, frozenset):
            return self._set(value)
        if kind is types.FunctionType:
            return walk_function(self, value)
        if kind is types.MethodType:
            self.stream.feed("method")
            return self.walk_all(value.__func__, value.__self__)
        if kind is functools.partial:
            self.stream.feed("partial")
            self.walk_all(value.func, value.args)
            return self.walk_named({**value.__dict__, **value.keywords})
        if isinstance(value, functools._lru_cache_wrapper | staticmethod | classmethod):
            self.stream.text("wraps", kind.__name__)
            return self.walk(value.__wrapped__)
        if isinstance(value, property):
            self.stream.feed("property")
            return self.walk_all(value.fget, value.fset, value.fdel)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.ModuleType):
            return self.module(value)
        if isinstance(value, types.CellType):
            return self.cell(value)
        if isinstance(value, UNKNOWABLE):
            return self.doubt(f"a {kind.__name__}")
        if isinstance(value, weakref.ref):
            return self.stream.text("weak", kind.__name__)
        if walk_array(self, value):
            return None
        return walk_instance(self, value)

    def walk_all(self, *values: Any) -> None:
        """Visit one after the other."""
        for value in values:
            self.walk(value)

    def cell(self, cell: types.CellType, label: str = "") -> None:
        """Visit what a closure holds."""
        try:
            content = cell.cell_contents
        except ValueError:
            return self.stream.feed("empty cell")
        return self.walk(content, label)

    def module(self, module: types.ModuleType) -> None:
        """Visit all of a user's module: it is used as a whole."""
        if library := self.library(module.__name__):
            return self.stream.text("module", f"{library} {module.__name__}")
        self.stream.text("module", module.__name__.rpartition(".")[2])
        return self.walk_named({name: value for name, value in vars(module).items() if not name.startswith("__")})

    def imported(self, name: str) -> None:
        """Visit a module that a function imports."""
        walk_import(self, name)

    def _builtin(self, value: Any) -> None:
        owner = getattr(value, "__self__", None)
        owner = owner if owner is not None else getattr(value, "__objclass__", None)
        named = [getattr(x, "__module__", None) for x in (value, owner, type(owner))]
        module = next((name for name in named if isinstance(name, str)), None)
        if self.library(module):
            self.stream.text("builtin", f"{module} {getattr(value, '__qualname__', value.__name__)}")
        else:
            self.stream.text("builtin", value.__name__)
        if owner is not None and not isinstance(owner, types.ModuleType | type):
            self.walk(owner)  # a bound method

    def _class(self, value: type) -> None:
        self.stream.text("class", value.__name__)
        self.walk_all(*value.__bases__)
        if type(value) is not type:
            self.walk(type(value))
        self.walk_named(vars(value), NOT_OF_CLASSES)

    def _sequence(self, values: Sequence[Any]) -> None:
        self.stream.text(type(values).__name__, str(len(values)))
        texts = plain.plain_texts(values)
        folder = self._folder
        if texts is not None and not (paths := are_paths(texts)):
            for part in plain.written(values):
                self.stream.feed("plain", part)
            return
        if texts is not None and paths and folder is None:
            self._folder = common_folder(texts)
        for value in values:
            self.walk(value)
        self._folder = folder

    def _mapping(self, values: Mapping[Any, Any]) -> None:
        """In order: a dict's order may be the order in which layers are made."""
        self.stream.text("dict", str(len(values)))
        for key, value in list(values.items()):
            self.walk(key)
            self.walk(value, str(key) if isinstance(key, str | int) else "")

    def _set(self, values: Iterable[Any]) -> None:
        """Each on its own, sorted: the order of a set differs between processes."""
        outer, count, seen, digests = self.stream, self._count, self._seen, []
        for value in values:
            self.stream, self._count, self._seen = Stream(), count, ChainMap({}, seen)
            self.walk(value)
            digests.append(self.stream.hexdigest())
        self.stream, self._count, self._seen = outer, count, seen
        outer.text("set", " ".join(sorted(digests)))

    def text(self, text: str) -> None:
        """A string: what lies there, if it names a file; itself else."""
        hinted = self._labels and any(word in self._labels[-1].lower() for word in PATH_WORDS)
        if (hinted or may_be_path(text)) and is_file(text):
            return self.file(text)
        if text and (hinted or os.sep in text) and is_folder(text):
            return self.folder(text)
        return self.stream.text("str", text)

    def texts(self, texts: Sequence[str]) -> None:
        """Strings that lie in an array or a table's column, where they are the paths of files."""
        if are_paths(texts):
            self._sequence(list(texts))

    def path(self, path: PurePath) -> None:
        """What lies at a path, not where it is."""
        if is_file(str(path)):
            self.file(str(path))
        elif is_folder(str(path)):
            self.folder(str(path))
        else:
            self.stream.text("path", path.as_posix())

    def file(self, path: str) -> None:
        """A file's content, with its name: in a list of files, its path below their common folder."""
        name = os.path.relpath(path, self._folder) if self._folder else os.path.basename(path)
        try:
            self.stream.feed("file", name.encode("utf-8", "surrogateescape") + b"\0" + self._files.content(path))
        except TooMuch:
            self.doubt("more files than are read")
        except OSError as error:
            self.doubt(f"{path} cannot be read: {error.strerror}")

    def folder(self, path: str) -> None:
        """What a folder holds."""
        try:
            for name, content in self._files.folder(path):
                self.stream.feed("file", name.encode("utf-8", "surrogateescape") + b"\0" + content)
            self.stream.feed("folder")
        except TooMuch:
            self.doubt(f"{path} holds more than is read")
        except OSError as error:
            self.doubt(f"{path} cannot be read: {error.strerror}")
