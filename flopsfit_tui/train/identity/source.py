"""A loaded code object as it would be without its layout: compiled anew with line numbers that only structure decides.

Python's compiler looks at line numbers: where jumps are shortened and idle instructions kept hangs on whether two
statements share a line. Numbering the syntax tree's nodes in order takes that away.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType

Place = tuple[int, str]  # first line and name


def without_layout(code: CodeType) -> CodeType | None:
    """The same code without its layout; None where the source is missing, changed since, or does not tell which."""
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    found = _compiled(code.co_filename, text) if text else None
    if found is None:
        return None
    loaded, plain = found
    place = code.co_firstlineno, code.co_name
    return plain.get(place) if loaded.get(place) == [code] else None


@lru_cache(maxsize=256)
def _compiled(filename: str, text: str) -> tuple[dict[Place, list[CodeType]], dict[Place, CodeType]] | None:
    """A file's code objects by where they begin: as they are loaded, and without layout."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's file; it was compiled once with all of them
            tree = ast.parse(text)
            loaded = compile(text, filename, "exec", dont_inherit=True)
            lines = _renumber(tree)
            plain = compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    by_place: dict[Place, list[CodeType]] = {}
    for code in _within(loaded):
        by_place.setdefault((code.co_firstlineno, code.co_name), []).append(code)
    return by_place, {(lines[code.co_firstlineno], code.co_name): code for code in _within(plain)}


def _renumber(tree: ast.Module) -> dict[int, int]:
    """Give every node a line of its own, without docstrings; the lines that they had, by those they have."""
    lines = {1: 1}
    number = 1
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            _drop_docstring(node)
        if (line := getattr(node, "lineno", None)) is not None:
            number += 1
            lines[number] = line
            vars(node).update(lineno=number, end_lineno=number, col_offset=0, end_col_offset=0)
    return lines


def _drop_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        pass_instead = ast.copy_location(ast.Pass(), first)
        node.body[0] = pass_instead


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant)
