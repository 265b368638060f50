"""Anybody's table of runs: load it, find its columns and their units, read its numbers, choose its rows."""
