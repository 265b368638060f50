"""Every Python that has this folder in its PYTHONPATH is as one in which matplotlib is not installed."""

import sys

sys.modules["matplotlib"] = None  # type: ignore[assignment]
