"""What cannot be done although nobody asked for anything wrong: said in its own words, without a traceback."""


class Failed(RuntimeError):
    """The message says what happened."""
