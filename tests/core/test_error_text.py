"""What went wrong comes first, then the user's own lines."""

from flopsfit_tui.core.error_text import START, counted, repeated, take_apart
from flopsfit_tui.core.trial import Outcome

ERROR = """Traceback (most recent call last):
  File "/opt/lib/python3.11/site-packages/flopsfit_tui/train/loop.py", line 105, in train_trial
    yield from _run(training)
  File "/home/me/model.py", line 12, in forward
    return self.norm(x @ self.weight)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1751, in _call
    return forward_call(*args)
RuntimeError: shapes cannot be multiplied
 (4x8 and 16x4)
"""


def test_the_last_line_comes_first_then_the_users_frames():
    taken = take_apart(ERROR)
    assert taken.headline == "RuntimeError: shapes cannot be multiplied"
    assert taken.folded == 2
    lines = taken.text().split("\n")
    assert lines[:3] == [taken.headline, " (4x8 and 16x4)", '  File "/home/me/model.py", line 12, in forward']
    assert lines[3:5] == ["    return self.norm(x @ self.weight)", "           ^^^^^^^^^^^^^^^^^^^^^^^^^^"]
    assert lines[5] == "  … 2 frames of flopsfit-tui and of libraries folded"


def test_of_chained_errors_the_last_is_meant():
    chained = (
        ERROR
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + ERROR.replace("RuntimeError", "ValueError")
    )
    assert take_apart(chained).headline == "ValueError: shapes cannot be multiplied"
    assert take_apart(chained).folded == 2


def test_without_frames_of_the_users_the_last_one_is_shown():
    ours = ERROR.replace("/home/me/", "/src/flopsfit_tui/")
    assert "module.py" in take_apart(ours).frames[0]
    assert take_apart(ours).folded == 2


def test_a_syntax_error_keeps_its_line_and_mark():
    error = f'{START}\n  File "/home/me/w.py", line 3\n    def f(:\n          ^\nSyntaxError: invalid'
    assert take_apart(error).text().split("\n")[:2] == ["SyntaxError: invalid", '  File "/home/me/w.py", line 3']


def test_a_message_without_a_traceback_begins_with_its_first_line():
    assert take_apart("the worker process was killed by signal 9\nstep 3").headline.endswith("signal 9")
    assert take_apart("").headline == "no reason given"
    assert take_apart("Traceback (most recent call last):\n").headline == "no reason given"


def test_an_error_of_several_trials_is_one_with_a_count():
    outcomes = {name: Outcome("failed", error=ERROR) for name in "abc"}
    outcomes |= {"d": Outcome("failed", error="odd"), "e": Outcome("finished")}
    assert repeated(outcomes) == [("RuntimeError: shapes cannot be multiplied", ["a", "b", "c"]), ("odd", ["d"])]
    assert counted(outcomes.values()) == "RuntimeError: shapes cannot be multiplied (3), odd"
