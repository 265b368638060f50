"""A finished sweep in a store, without training."""

from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial
from flopsfit_tui.store.sqlite import SqliteStore


def plan_of(count=12, steps=100):
    keys = [f"{number:012x}" for number in range(count)]
    trials = tuple(Trial(k, 1e9, 8, 1000, 6400, 800, steps, 8, i, 1e9, 0.01) for i, k in enumerate(keys))
    return Plan(
        "tiny", "abc", "width", "tokens", 8, 500, Recipe(0.01), (1e9,), (1e3,), (Size(8, 1000, 6000.0),), trials
    )


def outcome_of(trial):
    loss = 2 + trial.seed / 1000
    return Outcome("finished", 100, 800, 6400, 1e9, loss, loss - 0.1, 5.5, 12.0, "cpu", "")


def write_store(directory, count=12, rows=80, close=True):
    """Every trial finished, with `rows` rows of history each; the writer where it is not closed."""
    store, plan = SqliteStore(directory), plan_of(count)
    store.begin(plan)
    for trial in plan.trials:
        store.record(TrialStarted(trial.key, "worker 1"))
        for step in range(1, rows + 1):
            store.record(TrialProgress(trial.key, step, 64 * step, 1e7 * step, 5 / step + 1, 0.1 * step))
        store.record(TrialEnded(trial.key, outcome_of(trial)))
    store.record(Note("info", "here printed: hello"))
    if close:
        store.close()
    return store


def truth(count=12):
    return {trial.key: outcome_of(trial) for trial in plan_of(count).trials}
