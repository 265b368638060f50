"""The Textual app."""

import os

os.environ.setdefault("TEXTUAL_FPS", "120")  # how soon a change is drawn: 8 ms at most, not 17; idle, it costs nothing
