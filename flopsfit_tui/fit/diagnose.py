"""What is wrong with a fit or a target, in sentences: each with a code that never changes, and with what to do.

Codes of a fit: too_few, one_budget, no_interval, not_converged, one_term, at_bound, excluded, flagged,
outliers, edge_minimum, shallow, off_centre, misfit, entropy, methods_disagree, epochs; of a target: far_target,
wide_interval; and hold_out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.law import FitWarning, Optimum
from flopsfit_tui.fit.leading import compare
from flopsfit_tui.fit.parabola import Parabola
from flopsfit_tui.fit.result import Fit
from flopsfit_tui.fit.wording import compute, factor, few, runs, short

OFF_CENTRE = 1.6  # sizes whose middle is this factor from the best one bias the parabola by about a tenth
FAR = 10.0
SLACK = 1.01  # of it, for budgets spent in whole steps
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
        if edge is not None and times > FAR * SLACK:
            found.append(
                FitWarning(
                    "far_target",
                    f"{short(C)} FLOPs is {factor(times)} {side} the {end} budget run: the error of the law itself, "
                    f"which the interval includes, is known up to {factor(FAR)} only. Add a budget near {short(near)}.",
                )
            )
    best = fit.predict(C)
    low, high = (best.params_low, best.params_high) if best else (None, None)
    nothing = best is not None and low is None and high is None and fit.spread is not None
    if nothing or (low is not None and high is not None and (low <= 0 or not math.isfinite(high))):
        message = f"the runs do not bound the best size for {compute(C)} FLOPs at all. Add budgets further apart."
        found.append(FitWarning("wide_interval", message))
    elif (noise := _noise_factor(best)) is not None and low is not None and high is not None and noise > WIDE:
        found.append(
            FitWarning(
                "wide_interval",
                f"the best size for {compute(C)} FLOPs is known only within {factor(high / low)} "
                f"({short(low)} to {short(high)}), by noise alone {factor(noise)}. Add larger budgets, then seeds.",
            )
        )
    return tuple(found)


def _noise_factor(best: Optimum | None) -> float | None:
    """How far apart the ends of the interval lie that more runs can narrow."""
    if best is None or not best.params_noise_low or best.params_noise_high is None:
        return None
    return best.params_noise_high / best.params_noise_low


def _of_points(fit: Fit, names: Sequence[str] | None) -> Iterator[FitWarning]:
    if fit.excluded.any():
        yield FitWarning(
            "excluded",
            f"{runs(fit.excluded, names)} excluded (non-finite, non-positive or not below the untrained loss).",
        )
    if fit.with_outliers is not None:
        here, there = fit.exponent, fit.with_outliers.exponent
        moved = f"from {here.value:.3f} to {there.value:.3f}" if here and there else "far"
        yield FitWarning(
            "outliers",
            f"{runs(fit.outliers, names)} more than 4.5 sigma off the law and would move the exponent {moved}, beyond "
            "its interval: left out. Train again, or fit them too (keep_all, --keep-all).",
        )
    elif fit.flagged.any():
        here, there = fit.exponent, fit.exponent_without_flagged
        change = f"the exponent is {here.value:.3f} with and {there.value:.3f} without" if here and there else "kept"
        yield FitWarning(
            "flagged",
            f"{runs(fit.flagged, names)} more than 4.5 sigma off the law: {change}. Train again, or leave out.",
        )


def _of_curves(fit: Fit) -> Iterator[FitWarning]:
    for curve in fit.parabolas:
        measured_inside = curve.smallest < curve.lowest < curve.largest
        if curve.status == "edge" and curve.band == 1 and curve.vertex is not None and not measured_inside:
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
            vertex = curve.vertex.value if curve.vertex and curve.status == "ok" else None
            if vertex is None and fit.law and fit.law.A > 0 and fit.law.B > 0:  # what was measured goes before the law
                vertex = fit.law.optimum(curve.budget, fit.flops).params
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
        yield FitWarning("not_converged", "the fit did not converge; check the runs for outliers.")
    if bend := fit.misfit:
        yield FitWarning(
            "misfit",
            f"the runs do not follow this law (score test {bend.t:+.1f}, noise stays within {bend.limit:.1f}): "
            f"{bend.meaning}",
        )
    yield from (w for w in diagnose_target(fit, fit.largest_budget or 1.0) if "at all" in w.message)
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
        yield FitWarning("no_interval", f"{fit.points} points are too few for a confidence interval. Run more sizes.")
    elif E and (E.value <= 0 or (E.low is not None and E.low <= 0)):
        high = f" (it may be up to {E.high:.3g})" if E.high is not None else ""
        yield FitWarning(
            "entropy",
            f"E, the irreducible loss, is not significantly above 0{high}; extrapolated losses are unreliable, "
            "optimal sizes less so. Add larger budgets.",
        )


def _of_methods(fit: Fit) -> Iterator[FitWarning]:
    found = compare(fit)
    lead = fit.leading == "parabolas"
    if found is None or not (found.disagree or lead) or fit.power_laws is None or fit.exponent is None:
        return
    if lead:
        why = "The parabolas lead, since the runs do not follow the law"
    else:
        why = "The law leads, since the runs follow it and it uses all of them"
    apart = "their intervals allow" if found.disagree else "one of their intervals allows"
    yield FitWarning(
        "methods_disagree",
        f"at {compute(found.budget)} FLOPs the best size is {short(found.law)} by the law (C^{fit.exponent.value:.3f}) "
        f"but {short(found.parabolas)} by the parabolas (C^{fit.power_laws[0].exponent.value:.3f}), further apart than "
        f"{apart}. {why}. Centre the sizes on the minima, and widen them.",
    )


def _epochs(D: Array, unique_tokens: float, repeats: float) -> str:
    many = int((unique_tokens < D).sum())
    return (
        f"{many} of {D.size} runs saw their data more than once (up to {repeats:.1f} times); repeated tokens teach "
        "less (Muennighoff et al. 2023). Use more data, or read tokens as tokens seen."
    )
