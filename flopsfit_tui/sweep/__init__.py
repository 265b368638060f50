"""Running a plan: what is left, who trains it, what it says."""
