"""From runs to the answer: fit, parabolas, optima, warnings."""
