"""The law and everything that turns losses into an answer: arrays in, frozen results out; needs numpy and scipy.

    fit = fit_law(N, D, L)                  # params, tokens, losses
    fit.law.alpha, fit.exponent.low         # the law in raw units; every number with its interval
    fit.predict(1e24).params_high           # the best size for a budget, its tokens and its loss
    fit.parabolas, fit.power_laws           # Chinchilla's approach 2, beside it
    fit.misfit, fit.leading                 # whether the runs follow the law, and which answer predict gives
    for warning in fit.warnings:            # what these data cannot say, and what to run to make them
        print(warning.code, warning.message)
    hold_out(N, D, L).loss_ratio            # the largest budget, predicted without it
    recommend(fit, 1e24, widths, params)    # the size that can really be built

The search is in varpro.py (starts), newton.py (Newton's method) and search.py (both, with the noise); uncertainty in
intervals.py, noise.py, extrapolation.py and bootstrap.py; whether it is this law at all in bends.py; runs that do not
belong in outliers.py; a second form in joint.py; the sentences in diagnose.py. docs/method.md says it in formulas.
"""

from flopsfit_tui.fit.budgets import group_budgets
from flopsfit_tui.fit.cost import Cost, TokenCost, cost_of_tokens, six_n
from flopsfit_tui.fit.diagnose import diagnose_target
from flopsfit_tui.fit.estimate import Form, fit_law
from flopsfit_tui.fit.holdout import HoldOut, hold_out
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum
from flopsfit_tui.fit.parabola import Parabola, fit_parabolas
from flopsfit_tui.fit.power_law import PowerLaw, fit_power_laws
from flopsfit_tui.fit.recommend import Choice, Recommendation, recommend
from flopsfit_tui.fit.result import Fit
from flopsfit_tui.fit.simulate import Noise, draw_loss, draw_losses

__all__ = [
    "Choice",
    "Cost",
    "Fit",
    "FitWarning",
    "Form",
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
    "six_n",
]
