"""Code in a form that keeps what it does and forgets how it is written.

Comments, layout, docstrings, line numbers and the names of local variables leave no trace in it: it is the bytecode
that Python makes of the source with every line number replaced, with variables numbered as they first appear. Where
there is no source, or the file has changed since it was loaded, it is the loaded bytecode. Bytecode differs between
Python's minor versions, so that version stands beside it in a plan.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from flopsfit_tui.train.identity.source import without_layout
from flopsfit_tui.train.identity.stream import Stream, atom

SILENT = {"NOP", "CACHE", "EXTENDED_ARG", "RESUME", "MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE"}
NAME_READERS = {"locals", "vars", "eval", "exec", "dir"}  # with one of these the names of locals can decide something
BOOKKEEPING = {"__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"}  # of class bodies
FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200  # *args, **kwargs, generators and coroutines
READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}


@dataclass(frozen=True)
class Read:
    """A global name that code reads, with the attributes that it goes on to read from it."""

    name: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Import:
    """An import statement within a function: the module, and the names taken from it (none: the module itself)."""

    module: str
    level: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """What a code object does: a digest of its own, and the globals whose values it depends on."""

    digest: str
    reads: tuple[Read | Import, ...]
    texts: tuple[str, ...]  # its string constants, any of which may be a file's path
    names: frozenset[str]
    free: tuple[str, ...]  # its free variables, in the order of their first use


@lru_cache(maxsize=4096)
def canonical(code: CodeType) -> Code:
    """The form of a loaded code object that decides a key."""
    plain = without_layout(code) or code
    free = tuple(sorted(plain.co_freevars, key=_first_use(plain)))
    writer = _Writer()
    writer.write(plain, {name: f"free {i}" for i, name in enumerate(free)})
    reads, texts, names = tuple(dict.fromkeys(writer.reads)), tuple(dict.fromkeys(writer.texts)), writer.names
    return Code(writer.stream.hexdigest(), reads, texts, frozenset(names), free)


class _Writer:
    def __init__(self) -> None:
        self.stream = Stream()
        self.reads: list[Read | Import] = []
        self.texts: list[str] = []
        self.names: set[str] = set()
        self._numbered = 0

    def write(self, code: CodeType, outer: dict[str, str]) -> None:
        """Add code and all that is nested in it; `outer` numbers the variables of enclosing functions."""
        feed, text = self.stream.feed, self.stream.text
        arguments = code.co_argcount + code.co_kwonlyargcount
        arguments += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & FLAGS)
        text("code", repr((counts, code.co_varnames[:arguments])))
        self.names.update(code.co_names)
        variables = {name: outer[name] for name in code.co_freevars}
        fast = {name: f"fast {i}" for i, name in enumerate(code.co_varnames)}
        steps = list(_steps(code))
        if any(step.opname in READS and step.argval in NAME_READERS for step in steps):
            text("locals", repr((code.co_varnames, code.co_cellvars, code.co_freevars)))
        places = _places(code, steps)
        for i, step in enumerate(steps):
            operation, value = step.opname, step.argval
            if operation == "LOAD_CONST":
                self._constant(value, variables, fast)
            elif step.opcode in dis.hasfree:
                if value not in variables:
                    variables[value] = fast.get(value) or self._number()
                text(operation, variables[value])
            elif step.opcode in dis.hasname:
                text(operation, str(value))
                if operation in READS:
                    self.reads.append(_read(steps, i))
                elif operation == "IMPORT_NAME":
                    names = steps[i - 1].argval or ()
                    self.reads.append(Import(str(value), int(steps[i - 2].argval or 0), tuple(names)))
            elif step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
                text(operation, str(places[value]))
            elif step.opcode in dis.hascompare:
                text(operation, str(value))
            else:
                feed(operation, str(step.arg).encode())
        for entry in getattr(dis.Bytecode(code), "exception_entries", ()):
            spread = (places[entry.start], places[entry.end], places[entry.target], entry.depth, entry.lasti)
            text("except", repr(spread))
        feed("end")

    def _number(self) -> str:
        self._numbered += 1
        return f"cell {self._numbered}"

    def _constant(self, value: Any, variables: dict[str, str], fast: dict[str, str]) -> None:
        feed = self.stream.feed
        if isinstance(value, CodeType):
            for name in sorted(value.co_freevars, key=_first_use(value)):
                if name not in variables:
                    variables[name] = fast.get(name) or self._number()
            self.write(value, variables)
        elif isinstance(value, tuple | frozenset):
            parts = value if isinstance(value, tuple) else sorted(value, key=lambda x: (type(x).__name__, repr(x)))
            feed(type(value).__name__, str(len(value)).encode())
            for part in parts:
                self._constant(part, variables, fast)
        else:
            feed(*(atom(value) or (type(value).__name__, repr(value).encode())))
            if isinstance(value, str):
                self.texts.append(value)


def _first_use(code: CodeType) -> Any:
    """Free variables in the order in which code uses them, which does not hang on their names."""
    order: dict[str, int] = {}

    def visit(part: CodeType) -> None:
        for step in dis.get_instructions(part):
            if step.opcode in dis.hasfree and step.opname not in SILENT:
                order.setdefault(str(step.argval), len(order))
            elif isinstance(step.argval, CodeType):
                visit(step.argval)

    visit(code)
    return lambda name: order.get(name, len(order))


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    """The instructions that do something: none that only set up variables, lines, or a class's own record."""
    kept = [step for step in dis.get_instructions(code) if step.opname not in SILENT]
    skip = set()
    for i, step in enumerate(kept[1:], 1):
        if step.opname == "STORE_NAME" and step.argval in BOOKKEEPING:
            skip |= {i - 1, i}
    return (step for i, step in enumerate(kept) if i not in skip)


def _places(code: CodeType, steps: list[dis.Instruction]) -> dict[int, int]:
    """For each offset in the bytecode the number of the first step at or after it."""
    places, at = {}, 0
    for offset in range(0, len(code.co_code) + 2, 2):
        while at < len(steps) and steps[at].offset < offset:
            at += 1
        places[offset] = at
    return places


def _read(steps: list[dis.Instruction], i: int) -> Read:
    chain: list[str] = []
    for step in steps[i + 1 :]:
        if step.opname not in ATTRIBUTES:
            break
        chain.append(str(step.argval))
    return Read(str(steps[i].argval), tuple(chain))
