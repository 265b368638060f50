"""Steps a second of a trial, beside those of a bare PyTorch loop, timed in turn in one process on one thread.

    OMP_NUM_THREADS=1 python -m benchmarks --only steps

The bare loop has the same model, batches, threads and optimizer, and nothing around it: no progress, no checkpoint, no
accounting. It clips and updates by torch's own functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from row import Repetition, Row

from flopsfit_tui.core.events import TrialAlive, TrialProgress
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import RateRule, Recipe, Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.loop import train_trial
from flopsfit_tui.train.optim import make_optimizer
from flopsfit_tui.train.ready import fill_defaults
from flopsfit_tui.workloads import resolve

SLICE_SECONDS = 0.5  # of processor time, of each side in a repetition: other load hardly counts
STEPS = 1_000_000  # of a trial that is never brought to its end
WIDTHS = {"gpt-bytes": (8, 16, 28, 68), "vit-textures": (8, 16, 28, 48)}  # of the default sweeps, smallest to largest

Slice = Callable[[], float]  # trains for a while; steps a second


def peak_of(workload: Workload) -> float:
    """The peak learning rate; of a rule, that of a trial of its base steps."""
    rate = workload.learning_rate
    return rate.peak if isinstance(rate, RateRule) else rate or 0.0


def recipe_of(workload: Workload) -> Recipe:
    """The recipe that the default sweep of a workload trains by."""
    assert isinstance(workload.base_size, int)
    return Recipe(peak_of(workload), workload.base_size, 2 * workload.base_size)


def trial_slices(workload: Workload, size: Setting) -> Slice:
    """A trial as a worker trains it, without a checkpoint."""
    batch = workload.batch_size or 0
    tokens = STEPS * batch * workload.dataset.tokens_per_sample
    rate = peak_of(workload)
    trial = Trial("speed", 1.0, size, 0, tokens, STEPS * batch, STEPS, batch, 0, 1.0, rate)
    events = train_trial(workload, trial, recipe_of(workload), "cpu")
    done = [0]

    def run() -> float:
        began, first = time.process_time(), done[0]
        while time.process_time() - began < SLICE_SECONDS:
            event = next(events)
            assert isinstance(event, TrialProgress | TrialAlive), event
            if isinstance(event, TrialProgress):
                done[0] = event.step
        return (done[0] - first) / (time.process_time() - began)

    return run


def bare_slices(workload: Workload, size: Setting) -> Slice:
    """The loop that one would write by hand."""
    torch.manual_seed(0)
    recipe = recipe_of(workload)
    model = workload.model_cls(**{workload.model_size_param: size}).train()
    optimizer = make_optimizer(model, workload, recipe)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * 1e-3
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]] = iter(workload.dataset.batches(workload.batch_size or 0, 0))

    def run() -> float:
        began, steps = time.process_time(), 0
        while time.process_time() - began < SLICE_SECONDS:
            inputs, targets = next(batches)
            optimizer.zero_grad()
            workload.loss_fn(model(inputs), targets).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()
            steps += 1
        return steps / (time.process_time() - began)

    return run


def _against_bare(name: str, size: int) -> Repetition:
    torch.set_num_threads(1)
    workload = fill_defaults(resolve(name))
    trial, bare = trial_slices(workload, size), bare_slices(workload, size)
    return lambda: trial() / bare()


def rows() -> Iterator[Row]:
    """Each workload at sizes of its default sweep."""
    for name, widths in WIDTHS.items():
        for width in widths:
            what = f"{name}, width {width}: steps/s of a trial by a bare loop's"
            yield Row(what, 0.98, True, "", lambda name=name, width=width: _against_bare(name, width))  # type: ignore[misc]
