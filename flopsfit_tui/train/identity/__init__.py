"""What decides a trial's loss, as hashes: the code, objects, data and files that a workload reaches.

Two runs with equal hashes train the same; what cannot be compared from one run to the next is listed, never guessed.
"""

from flopsfit_tui.train.identity.identify import identify

__all__ = ["identify"]
