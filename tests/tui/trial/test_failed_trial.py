"""A failed trial begins with what went wrong; what its code printed is there; an error is told once."""

from dataclasses import replace

from flopsfit_tui.core.events import Note, TrialEnded, TrialStarted
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.status import warnings

ERROR = """Traceback (most recent call last):
  File "/x/flopsfit_tui/train/loop.py", line 105, in train_trial
    yield from _run(training)
  File "/home/me/model.py", line 12, in forward
    return x @ self.weight
RuntimeError: shapes \x1b[31m cannot be multiplied"""


async def test_a_failed_trial_begins_with_its_error(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("running") == 2, "two trials")
        state = app.state
        first, second = [key for key, now in state.trials.items() if now.status == "running"]
        state.apply(Note("info", f"{state.trials[first].worker} printed: hello from a hook"))
        for key in (first, second):
            state.apply(TrialEnded(key, Outcome("failed", error=ERROR)))
        (found,) = [line for line in warnings(app.app_state) if "2 trials failed" in line.sentence]
        assert "RuntimeError: shapes" in found.sentence
        app.app.push_screen(TrialScreen(app.app.session, first))
        await app.pilot.pause()
        lines = [line.strip() for line in app.picture() if line.strip()]
        assert lines[1].startswith("✗ RuntimeError: shapes")
        assert lines[1].endswith("in 2 trials")
        assert lines[2] == 'File "/home/me/model.py", line 12, in forward'
        text = "\n".join(lines)
        assert "\x1b" not in text
        assert "train_trial" not in text
        assert "0e0" not in text
        assert "hello from a hook" in text
        await app.press("v")
        assert "train_trial" in "\n".join(app.picture())
        await app.press("v", "escape")


async def test_what_a_trial_printed_is_cleared_when_it_starts_again(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(replace(options, workers=1), start=True) as app:
        await app.until(lambda: app.state.count("running"), "a trial")
        key, now = next((key, now) for key, now in app.state.trials.items() if now.status == "running")
        app.state.apply(Note("info", f"{now.worker} printed: once"))
        assert app.state.trials[key].printed == ["once"]
        assert not app.state.notes
        app.state.apply(TrialStarted(key, "worker 7"))
        assert app.state.trials[key].printed == []
