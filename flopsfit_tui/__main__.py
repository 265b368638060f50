"""`python -m flopsfit_tui`."""

import sys

from flopsfit_tui.cli import main

sys.exit(main())
