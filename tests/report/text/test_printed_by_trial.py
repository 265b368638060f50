"""What a worker printed belongs to the trial that it trained then."""

from flopsfit_tui.report.text.log import printed_by_trial
from flopsfit_tui.store.base import Attempt


def test_lines_belong_to_the_latest_attempt_that_had_begun():
    attempts = [
        Attempt("a", 1.0, 2.0, "returned", "w 1"),
        Attempt("b", 3.0, 4.0, "finished", "w 1"),
        Attempt("a", 5.0, 6.0, "finished", "w 2"),
    ]
    notes = [
        (0.5, "info", "w 1 printed: while it was planned"),
        (1.5, "info", "w 1 printed: thrown away"),
        (3.0, "info", "w 1 printed: one"),
        (4.5, "info", "w 1 printed: two"),
        (5.5, "info", "w 2 printed: again"),
        (5.6, "warning", "out of memory"),
        (5.7, "info", "w 9 printed: nobody's"),
    ]
    assert printed_by_trial(attempts, notes) == {"b": ["one", "two"], "a": ["again"]}
