"""The command that goes on with a sweep, to be copied from the terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from flopsfit_tui.core.options import Options


def resume_command(options: Options, directory: Path) -> str:
    """What to type, or, for objects that a script holds, to write, so that the rest of a sweep runs."""
    request = options.request
    if not isinstance(request.workload, str):
        return f"run the same script again, with output_dir={str(directory)!r}"
    words = ["flopsfit-tui", "run", request.workload]
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
    if request.checks_recipe:
        words, directory = [*words, "--check-recipe"], directory.parent
    if options.executor != "processes":
        words += ["--executor", options.executor]
    if options.ray_address:
        words += ["--ray-address", options.ray_address]
    for name, value in options.slurm:
        words += ["--slurm", name if value is True else f"{name}={value}"]
    for option, number, usual in (("cpus", options.cpus_per_trial, 1.0), ("gpus", options.gpus_per_trial, 0.0)):
        if number != usual:
            words += [f"--{option}-per-trial", f"{number:g}"]
    if options.workers:
        words += ["--workers", str(options.workers)]
    if options.device != "auto":
        words += ["--device", options.device]
    return shlex.join([*words, "--out", str(directory)])
