"""Sizes are compiled and timed before the first trial; what was measured is kept, and a stop is heard."""

from dataclasses import replace

import pytest
from rehearsed import Rehearsed
from tiny import make

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note, SweepEnded, SweepStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.plan.compiled import CompileTiming, undecided
from flopsfit_tui.plan.resume import SweepDiffers
from flopsfit_tui.sweep.compiling import choose_compiled
from flopsfit_tui.sweep.executor import InThread, WorkerLost
from flopsfit_tui.sweep.job import TimeCompiled, make_plan
from flopsfit_tui.sweep.planning import _compile_mode


class Timer:
    """Answers each TimeCompiled by a table; counts what it was asked."""

    def __init__(self, timings, workers=1):
        self.timings, self.workers, self.asked = timings, workers, []

    def call(self, jobs):
        self.asked += [job.size for job in jobs]
        found = [self.timings[job.size] for job in jobs]
        if any(isinstance(timing, Exception) for timing in found):
            raise next(timing for timing in found if isinstance(timing, Exception))
        return found


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))


@pytest.fixture(scope="module")
def plan():
    return make_plan(Request(make(), budgets=(1e6,), sizes=(8, 16), compile="auto"))


def choose(plan, executor, control=None, seconds=1e3):
    choice = choose_compiled(plan, {t.key: seconds for t in plan.trials}, None, executor, "cpu", control or Control())
    said = []
    while True:
        try:
            said.append(next(choice).message)
        except StopIteration as done:
            return *done.value, said


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_decision_is_the_same_with_any_number_of_workers(plan, workers):
    executor = Timer({8: CompileTiming(8, 20.0, 1.5), 16: CompileTiming(16, 20.0, 0.9)}, workers)
    decided, seconds, said = choose(plan, executor)
    assert [t.compiled for t in decided.trials] == [True, False]
    assert [seconds[t.key] for t in decided.trials] == pytest.approx([1e3 / 1.5, 1e3])
    assert [sentence for sentence in said if not sentence.startswith("compiling")] == [
        "width 8: compiled in 20 s, a step is 1.50 times as fast",
        "width 16: compiled in 20 s, a step is 0.90 times as fast; not used, because it saves no time",
    ]


def test_what_was_measured_is_not_measured_again(plan):
    executor = Timer({8: CompileTiming(8, 20.0, 1.5), 16: CompileTiming(16, 20.0, 0.9)})
    first = choose(plan, executor)
    assert choose(plan, executor)[:2] == first[:2]
    assert executor.asked == [8, 16]


def test_a_lost_worker_or_a_missing_compiler_compiles_nothing_and_says_why(plan):
    on = replace(plan, compile="on")
    lost = Timer({8: WorkerLost("the worker process was killed"), 16: CompileTiming(16, problem="no C++ compiler")})
    decided, _, said = choose(on, lost)
    assert not any(t.compiled for t in decided.trials)
    assert [t.key for t in decided.trials] == [t.key for t in plan.trials]
    assert [sentence for sentence in said if not sentence.startswith("compiling")] == [
        "width 8 is not compiled: the worker process was killed",
        "width 16 is not compiled: no C++ compiler",
    ]


def test_a_short_sweep_compiles_nothing(plan):
    executor = Timer({})
    decided, _, said = choose(plan, executor, seconds=2.0)
    assert (executor.asked, undecided(decided)) == ([], [])
    assert said == ["no size is compiled: what that may save is less than it takes"]


def test_a_stop_decides_nothing(plan):
    control = Control()
    control.stop()
    decided, _, _ = choose(plan, Timer({}), control)
    assert undecided(decided) == [8, 16]


def test_several_processes_and_simulations_are_not_compiled(plan):
    assert "before the first trial a size for which that saves time is compiled" in "".join(plan.notes)
    assert _compile_mode(Request(None, compile="on"), True) == (
        "off",
        ["compile is off: a simulated workload trains nothing"],
    )
    assert _compile_mode(Request(None, compile="auto", nproc=2), False)[0] == "off"
    assert _compile_mode(Request(None, nproc=2), False) == ("off", [])


def test_it_is_compiled_in_the_thread_as_well(plan):
    """A size that does not train is no reason to fail before its trials do."""
    on = replace(plan, compile="on")
    decided, _, said = choose(on, InThread())
    assert not any(t.compiled for t in decided.trials)
    assert all("is not compiled" in sentence for sentence in said[1::2])  # workload None does not resolve


class Compiling(Rehearsed):
    """Compiles width 8 alone."""

    def _do(self, job):
        if not isinstance(job, TimeCompiled):
            return super()._do(job)
        return CompileTiming(8, 20.0, 1.5) if job.size == 8 else CompileTiming(job.size, problem="no C++ compiler")


def test_a_sweep_stores_what_was_decided_and_goes_on_with_it(tiny_file, tmp_path):
    request = Request(tiny_file, budgets=(2e5, 4e5), sizes=(4, 8, 12), compile="on")
    options, executor = Options(request, out=tmp_path / "sweep"), Compiling(seconds=0.0)
    stopped = Control()
    stopped.stop()
    assert list(Sweep(prepare(options, executor), options, executor, stopped)) == [SweepEnded("stopped")]
    assert not options.out.exists()  # nothing was decided, and nothing is left
    events = list(Sweep(prepare(options, executor), options, executor, plots=False))
    (plan,) = [event.plan for event in events if isinstance(event, SweepStarted)]
    assert {t.size for t in plan.trials if t.compiled} == {8}
    (left,) = [event.seconds for event in events if isinstance(event, SweepStarted)]
    assert left.keys() == {t.key for t in plan.trials}
    said = [event.message for event in events if isinstance(event, Note)]
    assert said[:3] == [
        "compiling width 4, 8, which takes up to a minute or two",
        "width 4 is not compiled: no C++ compiler",
        "width 8: compiled in 20 s, a step is 1.50 times as fast",
    ]
    again = prepare(options, executor)
    assert (again.left, undecided(again.plan)) == ([], [])
    auto = replace(options, request=replace(request, compile="auto"))
    assert prepare(auto, executor).left == []
    with pytest.raises(SweepDiffers, match=r"--compile was on \(compiled: width 8\) and is off"):
        prepare(replace(options, request=replace(request, compile="off")), executor)
