"""A trial that is left and goes on ends at the loss of one that never was left; or begins anew and says so."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import Clouds, make
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from flopsfit_tui import Workload
from flopsfit_tui.core.checkpoint_files import MAGIC, Checkpointing, checkpoint_path, drop_checkpoints, make_folder
from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.plan.grid import plan_point
from flopsfit_tui.train.checkpoint_file import CannotResume, read_checkpoint, write_checkpoint
from flopsfit_tui.train.loop import train_trial
from flopsfit_tui.train.measure import measure_size
from flopsfit_tui.train.ready import fill_defaults


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """A progress at each step, so that a trial can be left at any."""
    monkeypatch.setattr("flopsfit_tui.train.loop.PROGRESS_SECONDS", 0.0)


class Points(Dataset):
    """Items with noise from every generator that code uses without being handed one."""

    def __init__(self, noisy=False):
        draw = torch.Generator().manual_seed(0)
        self.x, self.y = torch.randn(96, 8, generator=draw), torch.randint(4, (96,), generator=draw)
        self.noisy = noisy

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        noise = (torch.rand(()) + random.random() + np.random.rand()) if self.noisy else 0.0
        return self.x[i] + 0.1 * noise, self.y[i]


class Stream(IterableDataset):
    def __iter__(self):
        draw = torch.Generator().manual_seed(3)
        while True:
            yield torch.randn(8, generator=draw), torch.randint(4, (), generator=draw)


class Counter:
    """Other batches each time it is asked: no trial can be repeated with it."""

    samples, tokens_per_sample, fingerprint, asked = None, 1, "counter", 0

    def batches(self, batch_size, seed):
        self.asked += 1
        draw = torch.Generator().manual_seed(self.asked)
        while True:
            yield torch.randn(batch_size, 8, generator=draw), torch.randint(4, (batch_size,), generator=draw)


class Busy(nn.Module):
    """Dropout, batch norm, a buffer that is not kept, a counter, a list and a random factor."""

    def __init__(self, width):
        super().__init__()
        self.up, self.norm, self.head = nn.Linear(8, width), nn.BatchNorm1d(width), nn.Linear(width, 4)
        self.drop = nn.Dropout(0.2)
        self.register_buffer("mean", torch.zeros(width), persistent=False)
        self.calls, self.seen = 0, [0.0]

    def forward(self, x):
        y = self.drop(torch.relu(self.norm(self.up(x))))
        if self.training and not x.is_meta:
            self.calls += 1
            self.seen[0] = 0.9 * self.seen[0] + 0.1 * float(y.detach().mean())
            self.mean = 0.9 * self.mean + 0.1 * y.detach().mean(0)
            y = y * (1 + 0.01 * random.random() + 0.001 * self.seen[0]) + 0.01 * self.mean
        return self.head(y) * (1 + 0.001 * self.calls)


class Opaque(Busy):
    """Holds what is neither a tensor nor plain, and changes it."""

    def __init__(self, width):
        super().__init__(width)
        self.draw = random.Random(0)

    def forward(self, x):
        return super().forward(x) * (1 + 0.01 * self.draw.random())


def called(seed, batch_size):
    draw = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(batch_size, 8, generator=draw), torch.randint(4, (batch_size,), generator=draw)


DATA = {
    "source": Clouds,
    "items": Points,
    "noisy items": lambda: Points(noisy=True),
    "tensors": lambda: TensorDataset(Points().x, Points().y),
    "loader": lambda: DataLoader(Points(), batch_size=8, shuffle=True),
    "noisy loader": lambda: DataLoader(Points(noisy=True), batch_size=8, shuffle=True),
    "stream": Stream,
    "callable": lambda: called,
}


def workload_of(data, model=Busy, optimizer=None, loss_fn=F.cross_entropy):
    dataset = DATA[data]()
    val = Clouds() if isinstance(dataset, Clouds) else None
    return fill_defaults(
        Workload(
            name="busy",
            model_cls=model,
            model_size_param="width",
            dataset=dataset,
            val_dataset=val,
            loss_fn=loss_fn,
            unit="images",
            batch_size=8,
            learning_rate=1e-2,
            base_size=8,
            sizes=(8, 16),
            optimizer=optimizer,
        )
    )


def trial_of(workload):
    sample = next(workload.val_dataset.once(2))
    size = measure_size(workload, 16, sample, len(sample[1]))
    recipe = Recipe(workload.learning_rate, workload.base_size)
    return plan_point(3e5, size, 1, 8, 1, recipe, "busy")[0], recipe


def train(workload, trial, recipe, place=None, leave_at=()):
    """Train, leaving and going on at those steps; the outcome, the steps made in all, and the notes."""
    made, notes, leave_at = 0, [], list(leave_at)
    while True:
        running = train_trial(workload, trial, recipe, "cpu", place)
        for event in running:
            if isinstance(event, TrialProgress):
                made += 1
                if leave_at and event.step >= leave_at[0]:
                    leave_at.pop(0)
                    running.close()
                    torch.manual_seed(99)
                    random.seed(99)
                    break
            elif isinstance(event, Note):
                notes.append(event.message)
            elif isinstance(event, TrialEnded):
                return event.outcome, made, notes


def place_in(folder, key="a" * 12):
    assert make_folder(folder)
    return Checkpointing(checkpoint_path(folder, key))


@pytest.mark.parametrize("data", DATA)
def test_the_loss_is_equal_to_the_last_digit(data, tmp_path):
    workload = workload_of(data)
    trial, recipe = trial_of(workload)
    whole, _, _ = train(workload, trial, recipe)
    steps = trial.steps
    assert steps > 30
    left, made, notes = train(workload, trial, recipe, place_in(tmp_path), [1, steps // 3, steps // 3 + 1, steps])
    assert whole.status == left.status == "finished", left.error
    assert left.loss == whole.loss
    assert left.train_loss == pytest.approx(whole.train_loss)
    assert left.first_loss == whole.first_loss
    assert made == left.steps == steps  # nothing was made twice
    assert len(notes) == 4
    assert all("goes on from step" in note for note in notes)


@pytest.mark.parametrize(
    "optimizer",
    [lambda m, r: torch.optim.SGD(m.parameters(), r, momentum=0.9), lambda m, r: torch.optim.Adam(m.parameters(), r)],
)
def test_an_optimizer_of_the_users(optimizer, tmp_path):
    workload = workload_of("items", optimizer=optimizer)
    trial, recipe = trial_of(workload)
    whole, _, _ = train(workload, trial, recipe)
    assert train(workload, trial, recipe, place_in(tmp_path), [7, 20])[0].loss == whole.loss


def test_periodic_checkpoints_change_no_loss(tmp_path):
    workload = workload_of("noisy items")
    trial, recipe = trial_of(workload)
    whole, _, _ = train(workload, trial, recipe)
    place = Checkpointing(place_in(tmp_path).path, seconds=0.0)
    assert train(workload, trial, recipe, place)[0].loss == whole.loss
    assert place.path.is_file()  # of the last step
    assert train(workload, trial, recipe, place)[0].loss == whole.loss


def test_data_that_cannot_be_repeated_are_said_and_the_trial_begins_anew(tmp_path):
    workload = fill_defaults(make())
    object.__setattr__(workload, "dataset", Counter())
    trial, recipe = trial_of(workload)
    outcome, made, notes = train(workload, trial, recipe, place_in(tmp_path), [5])
    assert outcome.status == "finished"
    assert made == trial.steps + 5
    assert "begins anew, not from its checkpoint: the data set gives other batches" in notes[0]


def test_a_model_that_hides_its_state_is_said_and_not_saved(tmp_path):
    workload = workload_of("items", Opaque)
    trial, recipe = trial_of(workload)
    place = Checkpointing(place_in(tmp_path).path, seconds=0.0)
    outcome, made, notes = train(workload, trial, recipe, place, [5])
    assert made == trial.steps + 5
    assert not place.path.exists()
    assert outcome.loss == train(workload, trial, recipe)[0].loss
    assert "neither tensors nor plain values; stopped now, it begins anew" in notes[0]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_checkpoint_is_said_and_never_used(damage, tmp_path):
    workload = workload_of("items")
    trial, recipe = trial_of(workload)
    place = place_in(tmp_path)
    running = train_trial(workload, trial, recipe, "cpu", place)
    next(e for e in running if isinstance(e, TrialProgress) and e.step == 9)
    running.close()
    content = bytearray(place.path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    place.path.write_bytes(content[:200] if damage == "cut" else content[:26] if damage == "empty" else content)
    outcome, made, notes = train(workload, trial, recipe, place)
    assert made == trial.steps
    assert outcome.loss == train(workload, trial, recipe)[0].loss
    assert "the file is damaged" in notes[0]


def test_a_trial_that_fails_by_itself_keeps_no_checkpoint(tmp_path):
    workload = fill_defaults(make("broken", nan_at=16))
    trial, recipe = trial_of(workload)
    place = place_in(tmp_path)
    assert train(workload, trial, recipe, place)[0].status == "failed"
    assert not place.path.exists()


def test_files_that_are_no_checkpoints_are_left_alone(tmp_path):
    place = place_in(tmp_path)
    place.path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_checkpoint(place.path, {"a": 1})
    drop_checkpoints(tmp_path, ["a" * 12])
    assert place.path.read_text() == "mine"
    assert read_checkpoint(place.path) is None


@pytest.mark.parametrize("content", [b"", MAGIC, MAGIC + b"0" * 40])
def test_what_a_killed_process_left_of_a_checkpoint_goes_with_the_trial(tmp_path, content):
    path = place_in(tmp_path).path
    left, mine = path.with_name(f".{path.name}.123.part"), path.with_name(f".{path.name}.mine.part")
    left.write_bytes(content)
    mine.write_text("mine")
    drop_checkpoints(tmp_path, ["a" * 12])
    assert [file.name for file in path.parent.iterdir()] == [mine.name]


def test_only_plain_values_and_tensors_are_loaded(tmp_path):
    path = place_in(tmp_path).path
    write_checkpoint(path, {"harmless": torch.ones(2), "not": random.Random(0)})
    with pytest.raises(CannotResume, match="cannot be loaded"):
        read_checkpoint(path)


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path, monkeypatch):
    path = place_in(tmp_path).path
    write_checkpoint(path, {"step": 1})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_checkpoint(path, {"step": 2})
    assert read_checkpoint(path) == {"step": 1}
    assert [file.name for file in path.parent.iterdir()] == [path.name]
