"""The built-in workloads by name, and from a name, module or file to the Workload it means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flopsfit_tui.core.workload import Workload

DEFAULT = "gpt-bytes"


@dataclass(frozen=True)
class Builtin:
    """A line of `flopsfit-tui workloads`, known without loading torch."""

    name: str
    about: str
    reference: str  # module:attribute
    downloads: str = ""  # how much, when it is first planned


BUILTIN = {
    b.name: b
    for b in [
        Builtin(
            "gpt-bytes",
            "byte-level GPT on the Python standard library's own sources; offline, minutes on a laptop",
            "flopsfit_tui.workloads.gpt_bytes:workload",
        ),
        Builtin(
            "vit-textures",
            "ViT on endless synthetic images whose lowest possible loss is known; offline, minutes on a laptop",
            "flopsfit_tui.workloads.vit_textures:workload",
        ),
        Builtin(
            "vit-cifar10",
            "ViT on CIFAR-10; downloads 170 MB when first used, then a quarter of an hour on a laptop",
            "flopsfit_tui.workloads.vit_cifar10:workload",
            "170 MB",
        ),
        Builtin(
            "gpt-tinystories",
            "byte-level GPT on TinyStories; downloads 100 MB when first used, then minutes on a laptop",
            "flopsfit_tui.workloads.gpt_tinystories:workload",
            "100 MB",
        ),
        Builtin(
            "simulated",
            "losses drawn from Chinchilla's published law; trains nothing, ends in seconds: for a first look",
            "flopsfit_tui.workloads.simulated:workload",
        ),
    ]
}


def check_reference(reference: str) -> None:
    """Raise ValueError for what cannot be a workload, before anything is loaded or started."""
    path, colon, _ = reference.partition(":")
    if reference in BUILTIN:
        return
    if path.endswith(".py"):
        if not Path(path).is_file():
            raise ValueError(f"workload file {path!r} does not exist; give the path of a Python file")
    elif not colon:
        raise ValueError(
            f"unknown workload {reference!r}; built in are {', '.join(BUILTIN)}; your own is package.module:attribute "
            f"or path/to/file.py"
        )


def resolve(reference: str | Workload) -> Workload:
    """The Workload meant by a built-in name, `package.module:attribute`, or `path/to/file.py[:attribute]`.

    The attribute defaults to `workload` and may be a Workload or a callable without arguments that gives one. Raises
    ValueError with what was given and what would have worked.
    """
    from flopsfit_tui.core.workload import Workload  # the app paints its start screen before them
    from flopsfit_tui.workloads.load import call, load_file, load_module

    if isinstance(reference, Workload):
        return reference
    check_reference(reference)
    wanted = BUILTIN[reference].reference if reference in BUILTIN else reference
    path, _, attribute = wanted.partition(":")
    attribute = attribute or "workload"
    module = load_file(Path(path)) if path.endswith(".py") else load_module(path, reference)
    if not hasattr(module, attribute):
        raise ValueError(f"{path} has no attribute {attribute!r}; name the Workload in it, like {path}:my_workload")
    found = getattr(module, attribute)
    if callable(found) and not isinstance(found, Workload):
        found = call(found, reference)
    if not isinstance(found, Workload):
        raise ValueError(f"{path}:{attribute} is a {type(found).__name__}; it must be a flopsfit_tui.Workload")
    return found
