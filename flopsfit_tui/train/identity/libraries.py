"""Whose code it is: a library's, which its name and version stand for, or the user's own, which is read."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import site
import sys
import sysconfig
from functools import cache

OWN = "flopsfit_tui"
READ = ("workloads", "examples")  # of this package: models and data, which are read like a user's
INSTALLED = ("/site-packages/", "/dist-packages/")


def library_of(module: str | None) -> str | None:
    """The top-level name of the library that a module belongs to; None for the user's own."""
    if not module or module == "__main__":
        return None
    top, _, rest = module.partition(".")
    if top == OWN:
        return None if rest.partition(".")[0] in READ else OWN
    loaded = sys.modules.get(module)
    if getattr(loaded, "__file__", None) is None:  # made by an extension, or by hand: like the package that it is in
        loaded = sys.modules.get(top, loaded)
    spec = getattr(loaded, "__spec__", None) if loaded else _spec(top)
    where = getattr(loaded, "__file__", None) or getattr(spec, "origin", None)
    if top in sys.stdlib_module_names:  # unless a file of the user's has the same name
        return "python" if where in (None, "built-in", "frozen") or is_installed(str(where)) else None
    if where == "built-in":
        return "python"
    if where is None:  # a namespace package, or a module made by hand
        places = getattr(loaded, "__path__", None) or getattr(spec, "submodule_search_locations", None)
        where = next(iter(places or ()), None)
    return top if where and is_installed(str(where)) else None


@cache
def _spec(top: str) -> object:
    """Where a package lies that is not loaded."""
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None


def is_installed(path: str) -> bool:
    """Whether a file was installed with Python or by a package manager, rather than written by the user."""
    return any(part in path for part in INSTALLED) or path.startswith(_directories())


@cache
def _directories() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(sorted({f"{path}/" for path in (*found, *site.getsitepackages(), site.getusersitepackages())}))


@cache
def version_of(library: str) -> str:
    """A library's version; Python's own without the last number, which never changes bytecode."""
    if library == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    if library == OWN:
        return ""  # the code that trains is hashed itself
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        found = importlib.metadata.packages_distributions().get(library)
        return importlib.metadata.version(found[0]) if found else "unknown"
