"""The law and everything that turns losses into an answer: numpy and scipy only."""

from flopsfit_tui.fit.budgets import group_budgets
from flopsfit_tui.fit.cost import Cost, TokenCost, cost_of_tokens
from flopsfit_tui.fit.diagnose import diagnose_target
from flopsfit_tui.fit.estimate import fit_law
from flopsfit_tui.fit.holdout import HoldOut, hold_out
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum
from flopsfit_tui.fit.parabola import Parabola, PowerLaw, fit_parabolas, fit_power_laws
from flopsfit_tui.fit.recommend import Choice, Recommendation, recommend
from flopsfit_tui.fit.result import Fit
from flopsfit_tui.fit.simulate import Noise, draw_loss, draw_losses

__all__ = [
    "Choice",
    "Cost",
    "Fit",
    "FitWarning",
    "HoldOut",
    "Interval",
    "Law",
    "Noise",
    "Optimum",
    "Parabola",
    "PowerLaw",
    "Recommendation",
    "TokenCost",
    "cost_of_tokens",
    "diagnose_target",
    "draw_loss",
    "draw_losses",
    "fit_law",
    "fit_parabolas",
    "fit_power_laws",
    "group_budgets",
    "hold_out",
    "recommend",
]
