"""The screen of earlier sweeps."""
