"""The settings file and the keys."""
