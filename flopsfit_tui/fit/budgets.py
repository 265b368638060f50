"""Which runs share a budget: IsoFLOP curves where the runs lie on them, bands of compute where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, Labels

TOLERANCE = 0.05  # ln C; budgets closer than this to their neighbour are one budget, spent in whole steps
WIDEST = 0.25  # ln C; a chain of neighbours longer than this is no budget but a cloud
BAND = math.log(1.6)
STRAY = 0.15
MANY = 24  # runs; with fewer, a sweep that has just begun looks like a cloud


@dataclass(frozen=True)
class Curve:
    """The runs of one budget, or of one band of budgets."""

    budget: float  # training FLOPs; the median of a band
    rows: Labels  # which runs
    band: float = 1.0  # how wide a band it is, as a factor; 1 for a true budget


def group_budgets(C: ArrayLike) -> tuple[Array, Labels]:
    """The budgets (k,), increasing, and for each run the number of its own (n,), -1 where it is on no IsoFLOP curve.

    Runs belong to one budget when each is within 5 % of the next. A chain longer than 25 % is no budget.
    """
    budgets = np.asarray(C, dtype=np.float64).ravel()
    labels = np.full(budgets.size, -1)
    usable = np.flatnonzero(np.isfinite(budgets) & (budgets > 0))
    order = usable[np.argsort(budgets[usable], kind="stable")]
    logs = np.log(budgets[order])
    centres: list[float] = []
    for chain in np.split(np.arange(order.size), np.flatnonzero(np.diff(logs) > TOLERANCE) + 1):
        if chain.size and np.ptp(logs[chain]) <= WIDEST:
            labels[order[chain]] = len(centres)
            centres.append(float(np.median(budgets[order[chain]])))
    return np.array(centres), labels


def curves(C: Array, N: Array) -> list[Curve]:
    """The curves that parabolas are fitted to, in order of budget; C, N: (n,), positive.

    Where more than 15 % of many runs lie on no curve of three sizes (data read off a figure, or collected from
    papers), all of them are cut into bands of compute a factor 1.6 wide.
    """
    budgets, labels = group_budgets(C)
    found = [Curve(float(budget), np.flatnonzero(labels == i)) for i, budget in enumerate(budgets)]
    on_curves = sum(curve.rows.size for curve in found if np.unique(N[curve.rows]).size >= 3)
    if C.size < MANY or C.size - on_curves <= STRAY * C.size or np.ptp(C) == 0:
        return found
    logs = np.log(C)
    count = max(round(float(np.ptp(logs)) / BAND), 1)
    band = math.exp(float(np.ptp(logs)) / count)
    place = np.minimum(((logs - logs.min()) / np.ptp(logs) * count).astype(int), count - 1)
    members = [np.flatnonzero(place == i) for i in range(count)]
    return [Curve(float(np.median(C[rows])), rows, band) for rows in members if rows.size]


def planned_curves(budgets: Array) -> list[Curve]:
    """One curve for each budget that was planned, in order; budgets: (n,) of the runs, equal for those of one curve."""
    return [Curve(float(budget), np.flatnonzero(budgets == budget)) for budget in np.unique(budgets)]
