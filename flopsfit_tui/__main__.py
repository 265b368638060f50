"""`python -m flopsfit_tui`."""

import os
import signal
import sys

try:
    from flopsfit_tui.command import main

    code = main()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it is over: what comes now finds nothing to interrupt
except KeyboardInterrupt:
    os.write(2, b"interrupted\n")
    code = 130
sys.exit(code)
