"""Which panels of the sweep are in sight: pure, from what was chosen and the room there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

TRIAL_TABLES = {"points": "Points", "trials": "Trials"}  # their cursors choose what keys are about
PLOTS = {"isoflop": "IsoFLOP", "loss": "Loss", "scaling": "Scaling", "residuals": "Residuals"}
TABLES = TRIAL_TABLES | {"log": "Log"}
TITLES = TRIAL_TABLES | PLOTS | {"log": "Log"}  # in the order of their numbers
PANELS = list(TITLES)
ABOUT = {  # what each panel shows
    "points": "Panel Points: the loss of each size at each budget",
    "trials": "Panel Trials: every trial with its status, sorted and filtered",
    "isoflop": "Panel IsoFLOP: loss against size, a curve for each budget",
    "loss": "Panel Loss: training losses against the FLOPs spent",
    "scaling": "Panel Scaling: the optimal size and tokens against the budget",
    "residuals": "Panel Residuals: how far points lie off the law",
    "log": "Panel Log: what happened, and what the trials printed",
}
WIDE, TALL = 110, 34  # columns for tables beside plots, rows for two of each
FOUR_WIDE, FOUR_TALL = 190, 50  # for four plots


@dataclass
class Panels:
    """What was chosen: a panel, and the last table and plot that were."""

    panel: str = "points"
    table: str = "points"  # whose cursor keys are about
    below: str = "trials"  # under the points, where there is room for two
    plot: str = "isoflop"
    zoomed: bool = False  # the chosen panel alone

    def choose(self, name: str) -> None:
        self.panel = name
        if name in PLOTS:
            self.plot = name
            return
        if name in TRIAL_TABLES:
            self.table = name
        if name != "points":
            self.below = name

    def step(self, step: int, alone: bool) -> None:
        """The next panel: of all when one is in sight, else of the plots."""
        names = PANELS if alone else list(PLOTS)
        at = self.panel if self.panel in names else self.plot
        self.choose(names[(names.index(at) + step) % len(names)])

    def visible(self, width: int, height: int) -> list[str]:
        """The panels that the size has room for, among them the one chosen."""
        if self.zoomed or width < WIDE:
            return [self.panel]
        plots = list(PLOTS)
        count = 4 if width >= FOUR_WIDE and height >= FOUR_TALL else 2 if height >= TALL else 1
        first = plots.index(self.plot) // count * count
        one = self.panel if self.panel in TABLES else self.table
        tables = ["points", self.below] if height >= TALL else [one]
        return [*tables, *plots[first : first + count]]

    def view(self) -> dict[str, object]:
        return asdict(self)

    def restore(self, view: Mapping[str, object]) -> None:
        """What was kept; what makes no sense is left as it is."""
        for name, allowed in (("panel", TITLES), ("table", TRIAL_TABLES), ("below", TABLES), ("plot", PLOTS)):
            if (value := view.get(name)) in list(allowed):  # a list, for a value that cannot be hashed
                setattr(self, name, value)
        self.zoomed = view.get("zoomed", self.zoomed) is True
