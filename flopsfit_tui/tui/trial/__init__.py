"""The screen of one trial."""
