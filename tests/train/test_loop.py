"""One trial spends exactly what it says, says how it goes, and never raises."""

import math
from itertools import pairwise

import pytest
from tiny import broken, make

from flopsfit_tui.core.events import TrialAlive, TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.plan.grid import plan_point
from flopsfit_tui.train.loop import torch_threads, train_trial
from flopsfit_tui.train.measure import measure_size
from flopsfit_tui.train.training import Training


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def trial_of(workload, width=12, budget=2e6, seed=0):
    size = measure_size(workload, width, next(workload.dataset.batches(2, 0)), 2)
    recipe = Recipe(workload.learning_rate, workload.base_size)
    return plan_point(budget, size, seed + 1, workload.batch_size, 1, recipe, "tiny")[seed], recipe


def said(events):
    """What an executor passes on."""
    return [event for event in events if not isinstance(event, TrialAlive)]


def train(workload, **kwargs):
    trial, recipe = trial_of(workload, **kwargs)
    return trial, said(train_trial(workload, trial, recipe, "cpu"))


def test_a_trial_draws_and_reports_exactly_its_samples():
    workload = make()
    trial, recipe = trial_of(workload)
    workload.dataset.drawn = 0
    *progress, ended = said(train_trial(workload, trial, recipe, "cpu"))
    outcome = ended.outcome
    assert workload.dataset.drawn == outcome.samples == outcome.tokens == trial.samples
    assert outcome.steps == trial.steps
    assert outcome.flops == pytest.approx(trial.flops)
    assert abs(outcome.flops - trial.budget) <= trial.flops / trial.steps
    assert all(isinstance(e, TrialProgress) for e in progress)
    assert progress[0].step == 1
    assert progress[-1].step == trial.steps
    assert progress[-1].tokens == trial.tokens


def test_training_learns():
    _, events = train(make(), budget=8e6)
    outcome = events[-1].outcome
    assert outcome.status == "finished"
    assert outcome.first_loss == pytest.approx(math.log(4), abs=0.05)
    assert outcome.loss < 0.9 * math.log(4)
    assert abs(outcome.train_loss - outcome.loss) < 0.3
    assert outcome.device == "cpu"
    assert outcome.seconds > 0


def test_the_same_seed_gives_the_same_loss_to_the_last_digit():
    losses = [train(make(), seed=seed)[1][-1].outcome.loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_progress_comes_at_most_ten_times_a_second(monkeypatch):
    """With a clock that moves 1 ms a look, a step looks once: a hundred steps to a progress."""
    now = iter(range(10**9))
    monkeypatch.setattr("flopsfit_tui.train.loop.time.perf_counter", lambda: next(now) / 1000)
    trial, events = train(make(), budget=4e6)
    steps = [e.step for e in events[:-1]]
    assert trial.steps > 300
    assert all(b - a >= 90 for a, b in pairwise(steps[1:-1]))
    assert len(steps) <= trial.steps / 90 + 3


def test_a_trial_can_be_paused_after_every_step_that_is_not_short(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock, step = Clock(), Training.step

    def slow_step(training, rate):
        clock.now += 0.03
        return step(training, rate)

    monkeypatch.setattr("flopsfit_tui.train.loop.time", clock)
    monkeypatch.setattr(Training, "step", slow_step)
    workload = make()
    trial, recipe = trial_of(workload)
    stood = 0
    for event in train_trial(workload, trial, recipe, "cpu"):
        if isinstance(event, TrialAlive | TrialProgress) and stood < trial.steps:
            stood += 1
            assert clock.now == pytest.approx(100 * (stood - 1) + 0.03 * stood)  # once a step
            clock.now += 100  # it is paused, and the clock of the trial with it
    assert stood == trial.steps
    assert event.outcome.seconds == pytest.approx(0.03 * trial.steps)


def test_an_exception_in_the_model_is_the_outcome():
    _, events = train(broken(), width=8)
    (ended,) = events
    assert isinstance(ended, TrialEnded)
    assert ended.outcome.status == "failed"
    assert "in forward" in ended.outcome.error
    assert "RuntimeError: the forward pass of width 8 is broken" in ended.outcome.error
    assert (ended.outcome.steps, ended.outcome.flops) == (0, 0)


def test_a_loss_that_is_not_a_number_is_the_outcome():
    trial, events = train(broken(), width=16)
    outcome = events[-1].outcome
    assert outcome.status == "failed"
    assert "the training loss became nan by step 1" in outcome.error
    assert 0 < outcome.flops < trial.flops  # what was spent by then


def test_a_device_that_is_not_there_is_the_outcome():
    workload = make()
    trial, recipe = trial_of(workload)
    (ended,) = train_trial(workload, trial, recipe, "abacus")
    assert "device 'abacus' is not available here; there is " in ended.outcome.error
