"""Files that are read and written: CSV, JSON, plots."""
