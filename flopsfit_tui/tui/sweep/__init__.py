"""The screen of a sweep: tables, plots, log."""
