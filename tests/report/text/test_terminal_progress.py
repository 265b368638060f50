"""The title and the progress mark say how far a sweep is, and both are given back."""

import io

from made_sweep import make_plan

from flopsfit_tui.core.events import SweepEnded, SweepPaused, SweepResumed, SweepStarted
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.report.text.terminal_progress import POP, PUSH, TerminalProgress, shows_progress


def test_it_writes_only_what_is_new_and_nothing_of_a_name_is_obeyed():
    written, state = [], SweepState()
    progress = TerminalProgress(written.append)
    state.apply(SweepStarted(make_plan(), {}, 2, {}))
    progress.show(state, "odd\x1b]2;name\x07")
    progress.show(state, "odd\x1b]2;name\x07")
    assert written == [f"{PUSH}\x1b]2;0% odd�]2;name� – flopsfit\x07\x1b]9;4;1;0\x07"]
    state.apply(SweepPaused())
    progress.show(state, "odd")
    assert written[-1] == "\x1b]2;paused odd – flopsfit\x07\x1b]9;4;4;0\x07"
    state.apply(SweepResumed())
    state.apply(SweepEnded("done"))
    progress.show(state, "odd")
    assert written[-1].endswith("\x1b]9;4;0;0\x07")
    progress.end()
    progress.end()
    assert written[-1] == f"\x1b]9;4;0;0\x07{POP}"
    assert len(written) == 4


def test_a_pipe_and_a_dumb_terminal_get_nothing():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert shows_progress(Terminal(), {"TERM": "xterm-256color"})
    assert not shows_progress(Terminal(), {"TERM": "dumb"})
    assert not shows_progress(io.StringIO(), {"TERM": "xterm-256color"})
