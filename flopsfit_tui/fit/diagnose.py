"""What is wrong with a fit or a target, in sentences: each with a code that never changes, and with what to do.

Codes of a fit: too_few, one_budget, no_interval, not_converged, one_term, at_bound, excluded, flagged, edge_minimum,
shallow, off_centre, entropy, methods_disagree, epochs; of a target: far_target, wide_interval; and hold_out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.law import FitWarning, Interval
from flopsfit_tui.fit.parabola import Parabola
from flopsfit_tui.fit.result import Fit
from flopsfit_tui.fit.words import compute, factor, few, runs, short

OFF_CENTRE = 1.6  # sizes whose middle is this factor from the best one bias the parabola by about a tenth
FAR = 10.0
WIDE = 2.0


def diagnose(
    fit: Fit, D: Array, unique_tokens: float | None = None, names: Sequence[str] | None = None
) -> tuple[FitWarning, ...]:
    """Warnings of a fit, the gravest first.

    D: tokens of the rows used; unique_tokens: how many there are to train on; names: of all rows (None: numbers).
    """
    found = [*fit.warnings, *_of_points(fit, names), *_of_curves(fit)]
    if fit.law is not None:
        found += [*_of_law(fit), *_of_methods(fit)]
    if unique_tokens and D.size and (repeats := float(D.max()) / unique_tokens) > 1:
        found.append(FitWarning("epochs", _epochs(D, unique_tokens, repeats)))
    return tuple(found)


def diagnose_target(fit: Fit, C: float) -> tuple[FitWarning, ...]:
    """Warnings of a prediction at C FLOPs: how far it lies beyond the data, and how much it leaves open."""
    found = []
    for edge, times, side, end, near in (
        (fit.largest_budget, C / (fit.largest_budget or math.inf), "beyond", "largest", C / FAR),
        (fit.smallest_budget, (fit.smallest_budget or 0.0) / C, "below", "smallest", C * FAR),
    ):
        if edge is not None and times > FAR:
            found.append(
                FitWarning(
                    "far_target",
                    f"{short(C)} FLOPs is {factor(times)} {side} the {end} budget run: laws bend, and the interval "
                    f"does not know it. Add a budget near {short(near)}.",
                )
            )
    best = fit.predict(C)
    low, high = (best.params_low, best.params_high) if best else (None, None)
    if low is not None and high is not None and (low <= 0 or not math.isfinite(high)):
        message = f"the runs do not bound the best size for {compute(C)} FLOPs at all. Add budgets further apart."
        found.append(FitWarning("wide_interval", message))
    elif low is not None and high is not None and high > WIDE * low:
        found.append(
            FitWarning(
                "wide_interval",
                f"the best size for {compute(C)} FLOPs is known only within {factor(high / low)} "
                f"({short(low)} to {short(high)}). Add larger budgets, then seeds.",
            )
        )
    return tuple(found)


def _of_points(fit: Fit, names: Sequence[str] | None) -> Iterator[FitWarning]:
    if fit.excluded.any():
        yield FitWarning(
            "excluded",
            f"{runs(fit.excluded, names)} left out: not positive and finite, or no better than untrained. See why.",
        )
    if fit.flagged.any():
        here, there = fit.exponent, fit.exponent_without_flagged
        change = f"the exponent is {here.value:.3f} with and {there.value:.3f} without" if here and there else "kept"
        yield FitWarning(
            "flagged",
            f"{runs(fit.flagged, names)} more than 4.5 sigma off the law: {change}. Train again, or leave out.",
        )


def _of_curves(fit: Fit) -> Iterator[FitWarning]:
    for curve in fit.parabolas:
        if curve.status == "edge" and curve.band == 1 and curve.vertex is not None:
            low_end = curve.vertex.value < curve.smallest
            yield FitWarning("edge_minimum", _edge(curve, f"at {compute(curve.budget)} FLOPs", low_end))
    drawn = [curve for curve in fit.parabolas if curve.status != "too_few"]
    flat = [compute(curve.budget) for curve in drawn if _is_shallow(curve)]
    if flat:
        yield FitWarning(
            "shallow",
            f"{len(flat)} of {len(drawn)} curves ({few(flat)} FLOPs) are too shallow for their noise to bound a best "
            "size. Run sizes further apart there, or more seeds.",
        )
    yield from _off_centre(fit)


def _is_shallow(curve: Parabola) -> bool:
    """Whether the noise leaves open where, or whether, the curve has its lowest point."""
    unbounded = curve.vertex is None or curve.vertex.low is None
    return curve.status == "opens_downwards" or (curve.status == "ok" and curve.points > 3 and unbounded)


def _edge(curve: Parabola, budget: str, low_end: bool) -> str:
    end = curve.smallest if low_end else curve.largest
    step = (curve.largest / curve.smallest) ** (1 / max(curve.sizes - 1, 1))
    size = end / step if low_end else end * step
    return (
        f"the lowest loss {budget} lies beyond the {'smallest' if low_end else 'largest'} size run ({short(end)}); "
        f"that curve is not used by the parabolas. Add a size near {short(size)} {budget}."
    )


def _off_centre(fit: Fit) -> Iterator[FitWarning]:
    shifts = []
    for curve in fit.parabolas:
        if curve.points >= 3 and curve.band == 1 and curve.smallest < curve.largest:
            best = fit.law.optimum(curve.budget, fit.flops) if fit.law and fit.law.A > 0 and fit.law.B > 0 else None
            vertex = best.params if best else curve.vertex.value if curve.vertex and curve.status == "ok" else None
            if vertex:
                shifts.append(0.5 * math.log(curve.smallest * curve.largest) - math.log(vertex))
    if len(shifts) >= 2 and abs(shift := float(np.median(shifts))) > math.log(OFF_CENTRE):
        larger = shift > 0
        yield FitWarning(
            "off_centre",
            f"the sizes run are centred {factor(math.exp(abs(shift)))} {'above' if larger else 'below'} the best "
            f"ones, which biases parabolas. Add {'smaller' if larger else 'larger'} sizes.",
        )


def _of_law(fit: Fit) -> Iterator[FitWarning]:
    law = fit.law
    assert law is not None
    if fit.status == "not_converged":
        yield FitWarning("not_converged", "the fit did not settle: the runs do not look like one law. Look at them.")
    for letter, missing in (("A", "size"), ("B", "tokens")):
        if getattr(law, letter) <= 0:
            yield FitWarning(
                "one_term",
                f"the loss came out independent of {missing}. Run a wider range of {missing} at each budget.",
            )
    for name in fit.bounds_hit:
        yield FitWarning(
            "at_bound",
            f"{name} stopped at {getattr(law, name):g}, the edge of what is allowed: these runs do not determine it. "
            "Add budgets further apart, and sizes on both sides of the minimum.",
        )
    E = fit.parameters.get("E")
    if fit.spread is None and fit.status == "converged" and fit.exponent and fit.exponent.low is None:
        yield FitWarning("no_interval", f"{fit.points} points give no interval worth its name. Run more sizes.")
    elif E and (E.value <= 0 or (E.low is not None and E.low <= 0)):
        high = f" (it may be up to {E.high:.3g})" if E.high is not None else ""
        yield FitWarning(
            "entropy",
            f"E, the loss that no compute removes, cannot be told from 0{high}. Do not read it as an entropy, nor the "
            "predicted loss far out; sizes suffer less. Add larger budgets.",
        )


def _of_methods(fit: Fit) -> Iterator[FitWarning]:
    if fit.power_laws is None or fit.exponent is None or fit.status == "not_converged":
        return
    theirs, ours = fit.power_laws[0].exponent, fit.exponent
    if theirs.low is None or ours.low is None:
        return
    if not (_holds(theirs, ours.value) or _holds(ours, theirs.value)):
        yield FitWarning(
            "methods_disagree",
            f"N_opt grows as C^{ours.value:.3f} by the law but as C^{theirs.value:.3f} by the parabolas, each outside "
            "the other's interval. Centre the sizes on the minima, widen them, and trust neither far out.",
        )


def _holds(interval: Interval, value: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= value <= interval.high


def _epochs(D: Array, unique_tokens: float, repeats: float) -> str:
    many = int((unique_tokens < D).sum())
    return (
        f"{many} of {D.size} runs saw their data more than once (up to {repeats:.1f} times); repeated tokens teach "
        "less (Muennighoff et al. 2023). Use more data, or read tokens as tokens seen."
    )
