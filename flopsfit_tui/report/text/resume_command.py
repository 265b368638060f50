"""The command that goes on with a sweep, to be copied from the terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from flopsfit_tui.core.options import Options

NAMES = {  # options of the command line that are passed on where they are not the usual ones
    "executor": "--executor",
    "workers": "--workers",
    "ray_address": "--ray-address",
    "cpus_per_trial": "--cpus-per-trial",
    "gpus_per_trial": "--gpus-per-trial",
    "device": "--device",
    "checkpoint_seconds": "--checkpoint-seconds",
    "silent_after": "--silent-after",
    "on_full": "--on-full",
}


def resume_command(options: Options, directory: Path) -> str:
    """What to type, or, for objects that a script holds, to write, so that the rest of a sweep runs."""
    if not isinstance(options.request.workload, str):
        return f"run the same script again, with output_dir={str(directory)!r}"
    return shlex.join(["flopsfit-tui", *resume_arguments(options, directory)])


def resume_arguments(options: Options, directory: Path) -> list[str]:
    """The command's words behind its name, of a workload that a name or a path stands for."""
    request, usual = options.request, Options(options.request)
    assert isinstance(request.workload, str)
    words = ["run", request.workload]
    if request.budgets:
        words += ["--budgets", ",".join(map(repr, request.budgets))]
    if request.sizes:
        words += ["--sizes", ",".join(map(str, request.sizes))]
    if request.points:
        words += ["--points", str(request.points)]
    if request.seeds != 1:
        words += ["--seeds", str(request.seeds)]
    if request.goal:
        words += ["--until", repr(request.goal.factor)]
        words += ["--max-flops", repr(request.goal.most_flops)] if request.goal.most_flops else []
    for target in options.targets:
        words += ["--target", repr(target)]
    if len(request.rates) > 1:
        words += ["--tune-lr", "each"]
    if request.nproc != 1:
        words += ["--nproc-per-trial", str(request.nproc)]
    if request.compile != "off":
        words += ["--compile", request.compile]
    if request.checks_recipe:
        words, directory = [*words, "--check-recipe"], directory.parent
    for name, option in NAMES.items():
        if (value := getattr(options, name)) != getattr(usual, name):
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    for name, text in options.slurm:
        words += ["--slurm", name if text is True else f"{name}={text}"]
    return [*words, "--out", str(directory)]
