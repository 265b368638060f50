"""Which trials a sweep runs, and what they will cost."""
