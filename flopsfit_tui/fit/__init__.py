"""The law and everything that turns losses into an answer: numpy and scipy only."""

from flopsfit_tui.fit.cost import TokenCost, cost_of_tokens
from flopsfit_tui.fit.estimate import fit_law
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum
from flopsfit_tui.fit.parabola import Parabola, PowerLaw, fit_parabolas, fit_power_laws, group_budgets
from flopsfit_tui.fit.result import Fit

__all__ = [
    "Fit",
    "FitWarning",
    "Interval",
    "Law",
    "Optimum",
    "Parabola",
    "PowerLaw",
    "TokenCost",
    "cost_of_tokens",
    "fit_law",
    "fit_parabolas",
    "fit_power_laws",
    "group_budgets",
]
