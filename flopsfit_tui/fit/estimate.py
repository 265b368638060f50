"""fit_law: losses in, a law with its intervals and warnings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flopsfit_tui.fit.arrays import Array, Labels, Mask, usable
from flopsfit_tui.fit.bends import Bend, score_test
from flopsfit_tui.fit.bent import bend_law
from flopsfit_tui.fit.bootstrap import bootstrap
from flopsfit_tui.fit.budget_shifts import budget_shifts
from flopsfit_tui.fit.budgets import group_budgets
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.diagnose import diagnose
from flopsfit_tui.fit.huber import SMALLEST_DELTA, robust_sigma
from flopsfit_tui.fit.intervals import gauss_newton, sandwich, trending
from flopsfit_tui.fit.joint import fit_joint
from flopsfit_tui.fit.law import FitWarning, Interval
from flopsfit_tui.fit.newton import Data, P, residuals
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.outliers import far_off, outliers
from flopsfit_tui.fit.parabola import fit_parabolas
from flopsfit_tui.fit.power_law import fit_power_laws
from flopsfit_tui.fit.result import Fit, Uncertainty, exponent_interval, law_of, parameter_intervals
from flopsfit_tui.fit.search import Solution, centred, solve

FEWEST = 6  # one more point than the law has parameters
FEWEST_LEVELS = 3  # sizes, and token counts: fewer do not tell a power from a constant
FEWEST_FOR_INTERVAL = 8
MANY = 30  # below this many points, and where noise follows a trend, the wider of HC3 and Gauss-Newton is shown
ONE_BUDGET = 1.25  # budgets within this factor of each other are one

Form = Literal["additive", "joint"]
Intervals = bool | Literal["hc3", "gauss-newton", "pairs", "wild"]


@dataclass(frozen=True)
class Options:
    """How to fit: what fit_law was asked, less the data."""

    delta: float | None = None
    intervals: Intervals = True
    flops: Cost | None = None
    level: float = 0.95
    resamples: int = 1000
    rng: np.random.Generator | None = None
    unique_tokens: float | None = None
    keep_all: bool = False
    form: Form | None = None


@dataclass(frozen=True)
class Rows:
    """The runs to fit: columns (n,) of all that were given, and which of them count."""

    n: Array
    d: Array
    loss: Array
    labels: NDArray[Any] | None
    planned: Array | None
    excluded: Mask  # cannot be used
    left_out: Mask  # could be, but are not
    names: Sequence[str] | None

    @property
    def keep(self) -> Mask:
        return ~(self.excluded | self.left_out)


def fit_law(
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    delta: float | None = None,
    intervals: Intervals = True,
    groups: ArrayLike | None = None,
    flops: Cost | None = None,
    untrained: float | None = None,
    unique_tokens: float | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: np.random.Generator | None = None,
    names: Sequence[str] | None = None,
    budgets: ArrayLike | None = None,
    keep_all: bool = False,
    leave_out: ArrayLike | None = None,
    form: Form | None = None,
) -> Fit:
    """Fit L = E + A/N^alpha + B/D^beta by Huber's loss on log residuals.

    N, D, L: params, training tokens and losses, each (n,), in any units and order.
    delta: None adapts it to the noise, and weighs points by its variance where that follows size or tokens; a number
    fixes it, in log loss (Chinchilla: 1e-3), and gives all points one weight; math.inf is least squares.
    intervals: True for HC3 (CR3 with groups), widened to Gauss-Newton's under 30 points and where the noise follows
    size or tokens; False for none; "hc3" or "gauss-newton" for that one alone; "pairs" or "wild" for a bootstrap of so
    many resamples drawn from rng (None: a fixed seed). level: what they should cover.
    groups: (n,) labels of points that share an error; None: rows with the same N and D, where there are several.
    flops: training FLOPs per token as a function of params, for budgets and predict; None is 6N.
    untrained: the loss before training; rows no better are excluded. unique_tokens: how many there are to train on.
    names: (n,) of the rows, for the warnings; None counts them from 1. budgets: (n,) what each was planned to spend,
    in FLOPs, for the parabolas and for how far a target lies beyond the data; None: what it spent.
    keep_all: fit runs far off the law too; False leaves them out where they move the exponent by more than the others
    allow, and gives the fit with them as `with_outliers`. leave_out: rows to leave out, a mask (n,) or their numbers
    from 0. form: "joint" takes the best sizes, losses and E from ((A/N^alpha)^g + (B/D^beta)^g)^(1/g) in place of the
    sum of terms; None only losses and E, where the score test finds that the terms do not add; "additive" nothing.

    Thin or odd data never raise: they give a Fit whose law is None (under 6 usable points, 3 sizes or 3 token counts,
    or all at one budget) or which has no intervals (under 8 points), with a warning. ValueError is for different
    lengths, a level outside (0, 1), a delta under 1e-8, and an unknown kind of interval.
    """
    n, d, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D, L))
    labels = None if groups is None else np.asarray(groups).ravel()
    planned = None if budgets is None else np.asarray(budgets, dtype=np.float64).ravel()
    options = Options(delta, intervals, flops, level, resamples, rng, unique_tokens, keep_all, form)
    _check(n, d, loss, labels, planned, options)
    excluded = _unusable(n, d, loss, untrained)
    rows = Rows(n, d, loss, labels, planned, excluded, _asked(leave_out, n.size) & ~excluded, names)
    with np.errstate(all="ignore"):  # odd data may overflow on the way; what comes out is checked
        fit = _whole(rows, options)
        if options.keep_all or fit.theta is None or not fit.flagged.any():
            return fit
        keep, plain = rows.keep, centred(*(values[rows.keep] for values in (n, d, loss)))[0]
        off = _among_all(outliers(fit.theta, plain, delta, FEWEST_FOR_INTERVAL), keep, False)
        if not off.any():
            return fit
        without = _whole(replace(rows, left_out=rows.left_out | off), options)
        if not _moved(without.exponent, fit.exponent):
            return fit
        headline = replace(
            without,
            flagged=off | without.flagged,
            exponent_without_flagged=without.exponent_without_flagged or without.exponent,
            outliers=off,
            with_outliers=fit,
        )
        return replace(headline, warnings=diagnose(headline, d[headline.used], unique_tokens, names))


def _moved(without: Interval | None, with_them: Interval | None) -> bool:
    """Whether some runs move the exponent by more than the others' interval allows."""
    if without is None or with_them is None or without.low is None or without.high is None:
        return False
    return not without.low <= with_them.value <= without.high


def _asked(leave_out: ArrayLike | None, count: int) -> Mask:
    """The rows named by a mask or by numbers, as a mask. ValueError for numbers of no row."""
    asked = np.zeros(count, dtype=bool)
    given = np.asarray([] if leave_out is None else leave_out).ravel()
    if given.dtype == bool:
        if given.size != count:
            raise ValueError(f"leave_out as a mask needs one entry a row, {count}; got {given.size}")
        return given
    numbers = given.astype(int)
    if (bad := (numbers < 0) | (numbers >= count) | (numbers != given)).any():
        raise ValueError(f"leave_out names rows from 0 to {count - 1}; got {given[bad][0]}")
    asked[numbers] = True
    return asked


def _whole(rows: Rows, options: Options) -> Fit:
    """The fit of the rows that count, with its parabolas and warnings."""
    keep, flops, level = rows.keep, options.flops, options.level
    n, d, loss = rows.n[keep], rows.d[keep], rows.loss[keep]
    planned = None if rows.planned is None else rows.planned[keep]
    spent = np.exp(log_cost(np.log(n), flops) + np.log(d))
    reason = _too_thin(n, d, spent)
    fit = _no_law(reason, rows) if reason else _fit(rows, options)
    curves = tuple(fit_parabolas(spent, n, loss, flops=flops, level=level, budgets=planned, law=fit.law))
    reached = spent if planned is None else planned
    fit = replace(
        fit,
        flops=flops,
        parabolas=curves,
        power_laws=fit_power_laws(list(curves), level=level),
        smallest_budget=float(reached.min()) if reached.size else None,
        largest_budget=float(reached.max()) if reached.size else None,
    )
    return replace(fit, warnings=diagnose(fit, d, options.unique_tokens, rows.names))


def _fit(rows: Rows, options: Options) -> Fit:
    keep = rows.keep
    n, d, loss = rows.n[keep], rows.d[keep], rows.loss[keep]
    plain, centre = centred(n, d, loss)
    found = solve(plain, options.delta)
    data = found.weighed(plain)
    sigma = robust_sigma(residuals(found.theta[None], data)[0], P)
    off = far_off(found, plain)
    labels = rows.labels
    clusters = _repeats(n, d) if labels is None else np.unique(labels[keep], return_inverse=True)[1]
    spread = _spread(found, data, clusters, options)
    law = law_of(found.theta, centre)
    seen = np.where(rows.excluded, np.nan, np.log(rows.loss) - np.log(law.loss(rows.n, rows.d)))
    seen[keep] = residuals(found.theta[None], plain)[0]
    bends = _bends(found, data, rows, clusters, options.flops) if found.converged else ()
    wanted = options.form or ("joint" if any(one.name == "joint" and one.found for one in bends) else "additive")
    return Fit(
        law=law,
        status=_status(found),
        warnings=(),
        excluded=rows.excluded,
        left_out=rows.left_out,
        flagged=_among_all(off, keep, False),
        residuals=seen,
        sigma=sigma,
        noise_trend=(found.trend.by_params, found.trend.by_tokens) if found.trend else None,
        delta=found.delta,
        objective=found.objective,
        method=spread.method if spread else None,
        parameters=parameter_intervals(found.theta, centre, spread),
        exponent=exponent_interval(found.theta, spread),
        exponent_without_flagged=_without(off, plain, clusters, options),
        bounds_hit=found.bounds_hit,
        bends=bends,
        joint=fit_joint(found.theta, data, centre, options.level) if wanted == "joint" and found.converged else None,
        bent=bend_law(found.theta, data, found.delta, centre, options.level) if bends and bends[0].found else None,
        form=options.form,
        theta=found.theta,
        spread=spread,
        centre=centre,
    )


def _bends(found: Solution, data: Data, rows: Rows, clusters: Labels | None, flops: Cost | None) -> tuple[Bend, ...]:
    """How the runs depart from the law, the strongest first."""
    keep = rows.keep
    bends = score_test(found.theta, data, found.delta, clusters)
    spent = np.exp(log_cost(np.log(rows.n[keep]), flops) + np.log(rows.d[keep]))
    labels = group_budgets(spent)[1] if rows.planned is None else np.unique(rows.planned[keep], return_inverse=True)[1]
    shifts = budget_shifts(found.theta, data, found.delta, labels.ravel(), clusters) if bends else None
    return tuple(sorted((*bends, *([shifts] if shifts else ())), key=lambda bend: -abs(bend.t) / bend.limit))


def _check(
    n: Array, d: Array, loss: Array, labels: NDArray[Any] | None, planned: Array | None, options: Options
) -> None:
    sizes = [n.size, d.size, loss.size] + [also.size for also in (labels, planned) if also is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"N, D, L (and groups, budgets) must have one length; got {', '.join(map(str, sizes))}")
    if options.delta is not None and not options.delta >= SMALLEST_DELTA:
        raise ValueError(f"delta must be at least {SMALLEST_DELTA:g}, in log loss, e.g. 1e-3; got {options.delta!r}")
    if not 0 < options.level < 1:
        raise ValueError(f"level must lie between 0 and 1, e.g. 0.95; got {options.level!r}")
    if options.form not in (None, "additive", "joint"):
        raise ValueError(f'form must be "additive", "joint" or None; got {options.form!r}')
    if options.intervals not in (True, False, "hc3", "gauss-newton", "pairs", "wild"):
        choices = 'True, False, "hc3", "gauss-newton", "pairs" or "wild"'
        raise ValueError(f"intervals must be {choices}; got {options.intervals!r}")


def _unusable(n: Array, d: Array, loss: Array, untrained: float | None) -> Mask:
    with np.errstate(invalid="ignore"):
        good = usable(n, d, loss)
        if untrained is not None:
            good &= loss < untrained
    return ~good


def _too_thin(n: Array, d: Array, spent: Array) -> FitWarning | None:
    if spent.size < FEWEST:
        return FitWarning(
            "too_few", f"{spent.size} usable runs; a law needs at least {FEWEST}. Run more sizes or budgets."
        )
    if (different := np.unique(np.stack([n, d]), axis=1).shape[1]) < FEWEST:
        message = f"the usable runs are repeats of {different} points; a law needs at least {FEWEST}. Run more sizes."
        return FitWarning("too_few", message)
    for kind, values in (("sizes", n), ("token counts", d)):
        if (count := np.unique(values).size) < FEWEST_LEVELS:
            message = f"the usable runs have {count} {kind}; a law needs at least {FEWEST_LEVELS}. Run more {kind}."
            return FitWarning("too_few", message)
    if not np.ptp(np.log(spent)) > np.log(ONE_BUDGET):
        message = "all runs spent one budget: that shows a best size there, but no law across budgets. Add a budget."
        return FitWarning("one_budget", message)
    return None


def _no_law(reason: FitWarning, rows: Rows) -> Fit:
    nothing = np.full(rows.n.size, np.nan)
    flagged = np.zeros(rows.n.size, dtype=bool)
    return Fit(
        None, reason.code, (reason,), rows.excluded, flagged, nothing, None, None, None, None, left_out=rows.left_out
    )


def _repeats(n: Array, d: Array) -> Labels | None:
    """Labels of the points that were run more than once, (n,); None when none was."""
    _, labels = np.unique(np.column_stack([n, d]), axis=0, return_inverse=True)
    labels = labels.ravel()
    return labels if labels.max() + 1 < n.size else None


def _spread(found: Solution, data: Data, clusters: Labels | None, options: Options) -> Uncertainty | None:
    points = data.x.size if clusters is None else int(clusters.max()) + 1
    if not options.intervals or points < FEWEST_FOR_INTERVAL or not found.converged or found.one_term:
        return None
    theta, delta, level, kind = found.theta, found.delta, options.level, options.intervals
    if kind in ("pairs", "wild"):
        rng = options.rng or np.random.default_rng(0)
        return bootstrap(theta, data, delta, rng, kind=kind, resamples=options.resamples, groups=clusters, level=level)
    if kind == "gauss-newton":
        return gauss_newton(theta, data, delta, level)
    robust = sandwich(theta, data, delta, clusters, level)
    if kind == "hc3":
        return robust
    if points < MANY or found.trend:
        return robust.or_wider(gauss_newton(theta, data, delta, level))
    modelled = None if options.delta is None else trending(theta, data, delta, level)
    return robust.or_wider(modelled) if modelled else robust


def _without(off: Mask, data: Data, clusters: Labels | None, options: Options) -> Interval | None:
    """The exponent of a fit without the flagged rows; None when there are none, or too few are left."""
    rest = ~off
    if rest.all() or rest.sum() < FEWEST:
        return None
    kept = data.take(rest)
    found = solve(kept, options.delta)
    left = None if clusters is None else np.unique(clusters[rest], return_inverse=True)[1]
    return exponent_interval(found.theta, _spread(found, found.weighed(kept), left, options))


def _status(found: Solution) -> str:
    if not found.converged:
        return "not_converged"
    return "at_bound" if found.bounds_hit or found.one_term else "converged"


def _among_all(values: NDArray[Any], keep: Mask, rest: float | bool) -> NDArray[Any]:
    """Values of the rows kept, put back among all rows."""
    whole = np.full(keep.size, rest, dtype=values.dtype)
    whole[keep] = values
    return whole
