"""The command `flopsfit-tui`. Without arguments the app is opened as it is, without the command line's options."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flopsfit_tui.core.exit_codes import FAILED, INTERRUPTED, USAGE
from flopsfit_tui.core.failed import Failed
from flopsfit_tui.core.output import unfailing_output, write_plainly
from flopsfit_tui.core.signals import signals_interrupt
from flopsfit_tui.core.store_errors import StoreError
from flopsfit_tui.core.text import printable

COMPLETES = "_FLOPSFIT_TUI_COMPLETE"  # set by the shell that asks for completions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 usage, 3 some trials failed, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    if given or COMPLETES in os.environ:
        from flopsfit_tui.cli import main as main_of_options  # click and every option: a fifteenth of the first paint

        return main_of_options(given)
    return with_plain_output(lambda: coded(open_default))


def open_default() -> int:
    """The app on its start screen, as `launch` without options opens it."""
    with importing():
        from flopsfit_tui.core.options import Options
        from flopsfit_tui.core.request import Request
        from flopsfit_tui.tui.launch import run_app
        from flopsfit_tui.workloads.builtin import DEFAULT

    return run_app(Options(Request(DEFAULT)))


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """The app is imported without looking for garbage on the way, of which there is none: a seventh of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def with_plain_output(work: Callable[[], int]) -> int:
    """Do something; its exit code, or 1 where stdout did not take its answer."""
    write_plainly()
    with unfailing_output() as (out, err):
        code = work()
        problem = out.end()
        if problem is not None and problem.errno != errno.EIO:  # of a terminal that is gone: nobody reads there
            code = code or FAILED
            if problem.errno != errno.EPIPE:  # of `| head`
                complain(f"stdout does not take the answer ({problem.strerror or problem})", code)
        err.end()
    return code


def coded(work: Callable[[], Any]) -> int:
    """Do something; its exit code, with what it raises said in one sentence."""
    try:
        with signals_interrupt():
            code = work()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except StoreError as error:
        return complain(str(error), FAILED)
    except (ValueError, TypeError) as error:
        return complain(str(error), USAGE)
    except Failed as error:
        return complain(str(error), FAILED)
    return code if isinstance(code, int) else 0


def complain(message: str, code: int) -> int:
    """Say on stderr what is wrong; the code."""
    sentence, frame, lines = message.partition('\n  File "')  # where in the user's own file, line by line
    print(printable(f"flopsfit-tui: {' '.join(sentence.split())}{frame}{lines}"), file=sys.stderr)
    return code
