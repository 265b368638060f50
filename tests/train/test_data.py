"""Whatever holds the user's data gives exactly the samples asked for, by seed."""

from collections import UserDict

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from flopsfit_tui.train.data import as_pair, as_source, batch_length, cut, shapes, sources

COUNT = 50
X = torch.arange(COUNT * 3).float().view(COUNT, 3)
Y = torch.arange(COUNT)


class Items(Dataset):
    """Counts what is drawn from it."""

    def __init__(self, count=COUNT):
        self.count, self.drawn = count, 0

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if i >= self.count:
            raise IndexError(i)
        self.drawn += 1
        return X[i], Y[i]


class Stream(IterableDataset):
    def __init__(self, count=COUNT):
        self.count, self.drawn = count, 0

    def __iter__(self):
        for i in range(self.count):
            self.drawn += 1
            yield X[i], Y[i]


class Calls:
    """One batch a call, as in a hand-written get_batch."""

    def __init__(self):
        self.drawn = 0

    def __call__(self, batch_size, seed):
        self.drawn += batch_size
        chosen = torch.randint(COUNT, (batch_size,), generator=torch.Generator().manual_seed(seed))
        return X[chosen], Y[chosen]


class FixedCalls:
    """An iterable of batches a call, of a size of its own."""

    def __init__(self):
        self.drawn = 0

    def __call__(self):
        for first in range(0, 40, 8):
            self.drawn += 8
            yield X[first : first + 8], Y[first : first + 8]


def kinds():
    """name -> (what the user gives, what counts)."""
    items, stream, calls, fixed = Items(), Stream(), Calls(), FixedCalls()
    inner, streamed = Items(), Stream()
    return {
        "items": (items, items),
        "stream": (stream, stream),
        "loader": (DataLoader(inner, batch_size=8, shuffle=True), inner),
        "ordered loader": (DataLoader(in_order := Items(), batch_size=8), in_order),
        "stream loader": (DataLoader(streamed, batch_size=8), streamed),
        "calls": (calls, calls),
        "fixed calls": (fixed, fixed),
        "tensors": (TensorDataset(X, Y), None),
    }


def take(source, count, seed=0, batch_size=8):
    stream = iter(source.batches(batch_size, seed))
    return [next(stream) for _ in range(count)]


@pytest.mark.parametrize("kind", kinds())
def test_exactly_what_is_trained_on_is_drawn(kind):
    given, counter = kinds()[kind]
    source = as_source(given)
    batches = take(source, 5)
    assert all(x.shape == (8, 3) and y.shape == (8,) for x, y in batches)
    assert all(torch.equal(x[:, 0], 3.0 * y) for x, y in batches)  # inputs and targets stay together
    if counter is not None:
        assert counter.drawn == 40


@pytest.mark.parametrize("kind", ["items", "loader", "calls", "tensors"])
def test_the_same_seed_draws_the_same_and_another_seed_another(kind):
    given, _ = kinds()[kind]
    source = as_source(given)
    first, again, other = (torch.cat([y for _, y in take(source, 20, seed)]) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", ["items", "tensors"])
def test_an_epoch_is_every_sample_once_and_the_next_another_order(kind):
    given, _ = kinds()[kind]
    drawn = torch.cat([y for _, y in take(as_source(given), 25, batch_size=8)])  # 200 samples: four epochs
    epochs = drawn.view(4, COUNT)
    assert all(torch.equal(epoch.sort().values, Y) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_loader_keeps_whole_batches_and_reshuffles():
    source = as_source(DataLoader(Items(), batch_size=8, shuffle=True))
    drawn = torch.cat([y for _, y in take(source, 12)])
    assert len(set(drawn[:48].tolist())) == 48  # 6 of 6.25 batches
    assert not torch.equal(drawn[:48], drawn[48:])


@pytest.mark.parametrize("kind", ["items", "loader", "calls", "tensors"])
def test_held_out_data_is_split_off_and_never_trained_on(kind):
    train, held_out = sources(kinds()[kind][0])
    kept = torch.cat([y for _, y in held_out.once(4)])
    again = torch.cat([y for _, y in held_out.once(7)])
    assert torch.equal(kept, again)
    if kind != "calls":
        trained = torch.cat([y for _, y in take(train, 30)])
        assert len(kept) == 5
        assert not set(kept.tolist()) & set(trained.tolist())


def test_of_a_stream_the_first_samples_are_held_out(monkeypatch):
    monkeypatch.setattr("flopsfit_tui.train.data.HELD_OUT_MOST", 10)
    train, held_out = sources(Stream())
    assert torch.cat([y for _, y in held_out.once(4)]).tolist() == list(range(10))
    assert torch.cat([y for _, y in take(train, 6)]).tolist() == [*range(10, 50), *range(10, 18)]


def test_a_stream_that_ends_before_training_can_begin_is_refused():
    with pytest.raises(ValueError, match="no sample beyond its first 2048"):
        take(sources(Stream())[0], 1)


def test_dicts_lists_and_several_inputs():
    assert as_pair({"input_ids": X, "labels": Y})[0] is X
    inputs, target = as_pair({"a": X, "b": X, "label": Y})
    assert (set(inputs), target is Y) == ({"a", "b"}, True)
    inputs, target = as_pair([X, Y, Y])
    assert isinstance(inputs, tuple)
    assert batch_length({"a": X}) == COUNT
    part = cut({"a": X, "b": (Y, "name")}, 2, 5)
    assert part["a"].shape == (3, 3)
    assert part["b"][1] == "name"


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (Items(0), ValueError, "dataset is empty"),
        (42, TypeError, "dataset is a int; give a torch Dataset"),
        (DataLoader(Items(5), batch_size=8), ValueError, "5 samples, fewer than one batch of 8"),
        (DataLoader(Items(), batch_size=None), TypeError, "without a batch_size"),
    ],
)
def test_what_cannot_give_batches_is_named(given, kind, message):
    with pytest.raises(kind, match=message):
        as_source(given)


@pytest.mark.parametrize(
    ("batch", "message"),
    [({"a": X}, "has no target; name it one of labels"), ([], "it must be"), ("text", "it must be")],
)
def test_a_batch_without_a_target_is_named(batch, message):
    with pytest.raises(TypeError, match=message):
        as_pair(batch)


@pytest.mark.parametrize("batch", [X, (X,), [X]])
def test_a_single_tensor_is_input_and_target(batch):
    inputs, targets = as_pair(batch)
    assert inputs is X
    assert targets is X


def test_a_callable_without_a_seed_cannot_be_split():
    with pytest.raises(ValueError, match="give val_dataset"):
        sources(FixedCalls())


def test_the_shapes_of_a_batch_are_equal_where_only_numbers_differ():
    class Encoding(UserDict):
        """A mapping that is no dict, as tokenizers give."""

    def batch(length=4, dtype=torch.int64, flag=True):
        ids = torch.randint(9, (2, length), dtype=dtype)
        return Encoding(ids=ids, extra=[ids, object(), flag]), ids

    assert shapes(batch()) == shapes(batch())
    for other in (batch(5), batch(dtype=torch.int32), batch(flag=False)):
        assert shapes(other) != shapes(batch())
