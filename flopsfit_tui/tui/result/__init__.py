"""The screen of the result."""
