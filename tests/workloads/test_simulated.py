"""The simulated sweep trains nothing, counts honestly, and gives back the law that it was drawn from."""

import time

import pytest
import torch

from flopsfit_tui.core.events import TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Request
from flopsfit_tui.fit import fit_law
from flopsfit_tui.sweep.job import Train, make_plan, run_job
from flopsfit_tui.train.measure import measure_size
from flopsfit_tui.train.model import build_model
from flopsfit_tui.workloads import mock, resolve, simulated


@pytest.fixture(scope="module")
def plan():
    return make_plan(Request("simulated"))


def run(trial, plan, workload="simulated"):
    return list(run_job(Train(workload, trial, plan.recipe, "auto")))


def test_the_formula_is_what_counting_gives():
    workload = resolve("simulated")
    counted = measure_size(
        type(workload)(**{**vars(workload), "flops_per_sample": None}),
        256,
        next(workload.val_dataset.once(2)),
        2 * simulated.CONTEXT,
    )
    assert counted.flops_per_token * simulated.CONTEXT == simulated.flops_per_sample(256)
    assert counted.params == build_model(workload, 256, "meta").num_params()


def test_five_budgets_by_seven_sizes_of_billions(plan):
    assert len(plan.trials) == 35
    assert max(t.params for t in plan.trials) > 1e10
    assert "nothing is trained" in plan.notes[0]


def test_a_trial_spends_its_plan_and_ends_at_the_law(plan, monkeypatch):
    monkeypatch.setattr(simulated, "PACE", 0.0)
    trial = plan.trials[3]
    *progress, ended = run(trial, plan)
    assert isinstance(ended, TrialEnded)
    assert all(isinstance(e, TrialProgress) for e in progress)
    assert (progress[-1].step, progress[-1].tokens) == (trial.steps, trial.tokens)
    assert progress[0].loss > progress[-1].loss == ended.outcome.loss
    outcome = ended.outcome
    assert (outcome.status, outcome.device) == ("finished", "simulated")
    assert (outcome.steps, outcome.tokens, outcome.samples) == (trial.steps, trial.tokens, trial.samples)
    assert outcome.flops == pytest.approx(trial.flops)
    assert outcome.loss == pytest.approx(mock.LAW.loss(trial.params, trial.tokens), rel=0.02)


def test_the_whole_sweep_takes_seconds_and_recovers_its_law(plan, monkeypatch):
    monkeypatch.setattr(simulated, "PACE", 0.0)
    began = time.perf_counter()
    losses = [run(t, plan)[-1].outcome.loss for t in plan.trials]
    assert time.perf_counter() - began < 10
    fit = fit_law([t.params for t in plan.trials], [t.tokens for t in plan.trials], losses)
    assert fit.law.alpha == pytest.approx(mock.LAW.alpha, abs=0.05)
    assert abs(fit.law.E - mock.LAW.E) < 0.1


def test_a_law_that_raises_is_the_outcome(plan):
    workload = resolve("simulated")
    broken = type(workload)(**{**vars(workload), "simulate": lambda trial: 1 / 0})
    (ended,) = run(plan.trials[0], plan, broken)
    assert ended.outcome.status == "failed"
    assert "ZeroDivisionError" in ended.outcome.error


def test_it_draws_no_data():
    with pytest.raises(AssertionError, match="draws no batch of 8"):
        simulated.NoText().batches(8, seed=0)
    assert torch.equal(next(simulated.NoText().once(2))[0], torch.zeros(2, simulated.CONTEXT, dtype=torch.int64))
