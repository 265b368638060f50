"""Steps a second of a whole sweep, beside what people train with today, on the same plan, model and batches.

    python benchmarks/against.py [--repetitions 1] [--budgets 1.5e10,3e10,6e10] [--points 5]
    pip install transformers accelerate lightning      # for two of the rows; without them the others are measured

Every side is a process of its own, timed from its start to its end, imports and planning included, and trains every
trial of the plan from its first to its last step: the sweep also plans, takes held-out losses and fits, the others do
not. The model is the same for all: what is compared is what lies around it. 5 minutes a repetition on two cores.

The library that find_optimal takes its names from (flops-fit) is on no package index; "one trial after the other" is
the least that such a library does: a DataLoader, backward, step, with torch's default threads and no loss read.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from terminal import load

GOAL = 2.0  # times the steps a second of the best of the others


class Trial(NamedTuple):
    """What every side trains."""

    size: int
    steps: int
    batch_size: int
    rate: float


def dataset() -> Any:
    """The windows of gpt-bytes as a map-style torch Dataset, as one would write it."""
    import torch

    from flopsfit_tui.workloads import resolve

    source: Any = resolve("gpt-bytes").dataset
    starts = source.starts()

    class Windows(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return int(source.samples)

        def __getitem__(self, index: int) -> Any:
            inputs, targets = source.cut(starts[index : index + 1])
            return inputs[0], targets[0]

    return Windows()


def _model(trial: Trial) -> tuple[Any, Callable[[Any, Any], Any], Any]:
    import torch

    from flopsfit_tui.workloads import resolve

    workload = resolve("gpt-bytes")
    model = workload.model_cls(d_model=trial.size).train()
    return model, workload.loss_fn, torch.optim.AdamW(model.parameters(), lr=trial.rate, betas=(0.9, 0.95))


def _batches(data: Any, trial: Trial) -> Iterator[Any]:
    from torch.utils.data import DataLoader

    done = 0
    while True:
        for batch in DataLoader(data, batch_size=trial.batch_size, shuffle=True, drop_last=True):
            if done == trial.steps:
                return
            done += 1
            yield batch


def plain(trials: list[Trial], read: bool = True) -> None:
    """The loop of most tutorials: a DataLoader, torch's default threads, the loss read each step."""
    import torch

    data = dataset()
    for trial in trials:
        model, loss_fn, optimizer = _model(trial)
        total = 0.0
        for inputs, targets in _batches(data, trial):
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if read:
                total += loss.item()


def one_by_one(trials: list[Trial]) -> None:
    """The same, and no loss is read."""
    plain(trials, read=False)


def transformers(trials: list[Trial]) -> None:
    """Hugging Face's Trainer with its logging, and no checkpoints."""
    import torch
    from transformers import Trainer, TrainingArguments

    class Wrapped(torch.nn.Module):
        def __init__(self, model: Any, loss_fn: Callable[[Any, Any], Any]) -> None:
            super().__init__()
            self.model, self.loss_fn = model, loss_fn

        def forward(self, inputs: Any, labels: Any) -> dict[str, Any]:
            return {"loss": self.loss_fn(self.model(inputs), labels)}

    def collate(rows: list[Any]) -> dict[str, Any]:
        return {"inputs": torch.stack([row[0] for row in rows]), "labels": torch.stack([row[1] for row in rows])}

    data = dataset()
    for trial in trials:
        model, loss_fn, optimizer = _model(trial)
        arguments = TrainingArguments(
            output_dir=tempfile.mkdtemp(), max_steps=trial.steps, per_device_train_batch_size=trial.batch_size,
            save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, remove_unused_columns=False,
        )  # fmt: skip
        Trainer(Wrapped(model, loss_fn), arguments, collate, data, optimizers=(optimizer, None)).train()


def lightning(trials: list[Trial]) -> None:
    """Lightning's Trainer without logger, checkpoints and progress bar."""
    import lightning as pl  # type: ignore[import-not-found,unused-ignore]
    from torch.utils.data import DataLoader

    class Module(pl.LightningModule):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self, trial: Trial) -> None:
            super().__init__()
            self.model, self.loss_fn, self._optimizer = _model(trial)

        def training_step(self, batch: Any, _index: int) -> Any:
            return self.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return self._optimizer

    data = dataset()
    for trial in trials:
        trainer = pl.Trainer(
            max_steps=trial.steps, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, gradient_clip_val=1.0,
        )  # fmt: skip
        trainer.fit(Module(trial), DataLoader(data, batch_size=trial.batch_size, shuffle=True, drop_last=True))


SIDES: dict[str, tuple[str, Callable[[list[Trial]], None], str]] = {  # by name: for people, what, the package it needs
    "plain": ("PyTorch loop, DataLoader, .item() each step", plain, "torch"),
    "one_by_one": ("one trial after the other, no loss read", one_by_one, "torch"),
    "transformers": ("Hugging Face Trainer", transformers, "accelerate"),
    "lightning": ("Lightning", lightning, "lightning"),
}


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--budgets", default="1.5e10,3e10,6e10")
    parser.add_argument("--points", default="5")
    parser.add_argument("--side", choices=SIDES, help="train one side here; the plan comes on stdin")
    arguments = parser.parse_args()
    if arguments.side:
        SIDES[arguments.side][1]([Trial(*row) for row in json.loads(os.environ["FLOPSFIT_PLAN"])])
        return 0
    command = [sys.executable, "-m", "flopsfit_tui"]
    options = ["gpt-bytes", "--budgets", arguments.budgets, "--points", arguments.points]
    planned = json.loads(
        subprocess.run(
            [*command, "plan", *options, "--format", "json"], capture_output=True, text=True, check=True
        ).stdout
    )
    trials = [Trial(t["size"], t["steps"], t["batch_size"], t["learning_rate"]) for t in planned["plan"]["trials"]]
    steps = sum(trial.steps for trial in trials)
    plain_environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    plain_environment["FLOPSFIT_PLAN"] = json.dumps(trials)
    found: dict[str, list[float]] = {}
    for _ in range(arguments.repetitions):
        with tempfile.TemporaryDirectory() as out:
            ours = _seconds([*command, "--no-ui", "run", *options, "--out", str(Path(out) / "sweep")], dict(os.environ))
        found.setdefault("flopsfit-tui", []).append(steps / ours)
        for side, (name, _, package) in SIDES.items():
            if importlib.util.find_spec(package) is None:
                print(f"{name} is left out: {package} is not installed", file=sys.stderr)
                continue
            took = _seconds([sys.executable, __file__, "--side", side], plain_environment)
            found.setdefault(name, []).append(steps / took)
    rates = {name: statistics.median(values) for name, values in found.items()}
    print(f"| steps a second of a sweep of {len(trials)} trials, {steps:,} steps ({load()}) | median | ours by it |")
    print("|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:.0f} | {rates['flopsfit-tui'] / rate:.2f} |")
    best = max((rate for name, rate in rates.items() if name != "flopsfit-tui"), default=0.0)
    return 0 if rates["flopsfit-tui"] >= GOAL * best else 1


if __name__ == "__main__":
    sys.exit(main())
