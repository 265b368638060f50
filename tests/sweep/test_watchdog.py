"""Silence is counted by looking, not by a clock that can be set; long steps are no silence."""

from flopsfit_tui.core.events import TrialProgress
from flopsfit_tui.sweep.watchdog import FIRST_SECONDS, Watchdog


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def progress(step, seconds):
    return TrialProgress("a", step, step, 1.0, 1.0, seconds)


def silence(dog, clock, seconds):
    """Look once a second; after how many it is too long, None when it is not."""
    for second in range(1, seconds + 1):
        clock.now += 1
        if dog.look():
            return second
    return None


def test_a_worker_with_short_steps_is_silent_after_a_minute():
    dog = Watchdog(clock=(clock := Clock()))
    dog.on_message(progress(1, 0.01))
    dog.on_message(progress(11, 0.11))
    assert silence(dog, clock, 100) == 60


def test_one_with_long_steps_has_twenty_of_them():
    dog = Watchdog(clock=(clock := Clock()))
    dog.on_message(progress(1, 10.0))
    dog.on_message(progress(2, 20.0))
    assert silence(dog, clock, 300) == 200


def test_before_the_first_step_there_is_time():
    dog = Watchdog(clock=(clock := Clock()))
    assert silence(dog, clock, 1000) == FIRST_SECONDS


def test_the_time_in_which_nobody_looked_does_not_count():
    dog = Watchdog(clock=(clock := Clock()))
    dog.on_message(progress(1, 0.01))
    clock.now += 1e6  # the sweeping process was stopped, or the machine slept
    assert not dog.look()
    clock.now -= 2e6
    assert not dog.look()
    assert silence(dog, clock, 100) == 59


def test_a_word_ends_the_silence():
    dog = Watchdog(clock=(clock := Clock()))
    dog.on_message(progress(1, 0.01))
    assert silence(dog, clock, 59) is None
    dog.on_message(None)
    assert silence(dog, clock, 59) is None
