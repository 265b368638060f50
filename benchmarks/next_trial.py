"""What choosing trials one by one saves, and what it costs in truth.

    python benchmarks/next_trial.py [--sims 200] [--truths flat,steep] [--spans 100 16]

For each law, span of budgets and wrong truth: a grid of 5 budgets x 7 sizes; then a sweep by the product's `choose`
until its noise interval of N_opt at ten times the largest budget is as narrow as the grid's. Printed are the FLOPs
beside the grid's, the real errors of ln N_opt at the target, and how often the interval held the truth at the stop.
Noise is 0.5 % a trial. The wrong truths are losses whose terms interact (the terms to the power 1.15, added, to the
power 1/1.15) and sizes at the ends of the ladders that are trained worse (0.6 % per square of ln(N / N_opt) / 2).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from flopsfit_tui.core.trial import Goal, Outcome, Plan, Recipe, Size, Trial
from flopsfit_tui.fit import Law, fit_law
from flopsfit_tui.fit.next_trial import interval_factor
from flopsfit_tui.plan.grid import add_trial
from flopsfit_tui.plan.sequential import budgets_to_choose_from, first_points
from flopsfit_tui.report.answer.choose import choose

LAWS = {
    "Chinchilla": Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
    "Hoffmann": Law(1.69, 406.4, 410.7, 0.34, 0.28),
    "steep": Law(2.0, 3.0e4, 2.0e4, 0.55, 0.50),
    "flat": Law(1.2, 60.0, 120.0, 0.22, 0.24),
}
NOISE = 0.005
TOP = 1e20
SPANS = (100.0, 16.0)
STEP = 1.19  # between sizes that can be built
Truth = Callable[[float, float], float]


def interacting(law: Law) -> Truth:
    g = 1.15
    return lambda n, d: law.E + ((law.A / n**law.alpha) ** g + (law.B / d**law.beta) ** g) ** (1 / g)


def mistuned(law: Law) -> Truth:
    def loss(n: float, d: float) -> float:
        return float(law.loss(n, d)) * (1 + 0.006 * (math.log(n / law.optimum(6 * n * d).params) / 2) ** 2)

    return loss


def best_params(truth: Truth, budget: float) -> float:
    """Where the truth has its lowest loss at a budget under C = 6ND."""
    n = np.geomspace(1e3, 1e13, 4001)
    for _ in range(3):
        losses = [truth(float(x), budget / (6 * float(x))) for x in n]
        i = min(max(int(np.argmin(losses)), 1), n.size - 2)
        n = np.geomspace(n[i - 1], n[i + 1], 101)
    return float(n[50])


def one(truth: Truth, guess: Law, span: float, seed: int) -> tuple[float, ...]:
    """FLOPs by the grid's, trials, error of each, whether the interval held the truth, the grid's width."""
    rng = np.random.default_rng(seed)
    given = np.geomspace(TOP / span, TOP, 5)
    target = 10 * TOP
    best = math.log(best_params(truth, target))

    def draw(n: float, d: float) -> float:
        return truth(n, d) * math.exp(NOISE * rng.normal())

    cells = [(c, guess.optimum(c).params * 4**x) for c in given for x in np.linspace(-1, 1, 7)]
    N, D = np.array([n for _, n in cells]), np.array([c / (6 * n) for c, n in cells])
    grid = fit_law(N, D, [draw(n, d) for n, d in zip(N, D, strict=True)], budgets=[c for c, _ in cells])
    width = interval_factor(grid, target)
    if not math.isfinite(width):
        return (math.nan,) * 6
    plan, outcomes = begun(guess, given, Goal(width, target)), {}
    for trial in plan.trials:
        outcomes[trial.key] = finished(trial, draw)
    while len(outcomes) < 250:
        choice = choose(plan, outcomes, (), lambda *_: None)
        if choice.size is None or choice.budget is None:
            break
        plan = add_trial(plan, choice.budget, choice.size)
        trial = next(t for t in plan.trials if t.key == plan.added[-1])
        outcomes[trial.key] = finished(trial, draw)
    ran = [t for t in plan.trials if t.key in outcomes]
    last = fit_law(
        [t.params for t in ran],
        [t.tokens for t in ran],
        [outcomes[t.key].loss for t in ran],
        budgets=[t.budget for t in ran],
    )
    found, theirs = last.predict(target), grid.predict(target)
    assert found is not None
    assert theirs is not None
    held = (found.params_low or 0) <= math.exp(best) <= (found.params_high or math.inf)
    share = sum(t.flops for t in ran) / sum(c for c, _ in cells)
    return share, len(ran), math.log(found.params) - best, math.log(theirs.params) - best, float(held), width


def begun(guess: Law, given: np.ndarray, goal: Goal) -> Plan:
    """A plan at its beginning, over sizes a factor 1.19 apart."""
    budgets = budgets_to_choose_from([float(f"{c:.6g}") for c in given])
    low, high = guess.optimum(budgets[0]).params / 8, guess.optimum(budgets[-1]).params * 8
    counts: list[int] = (
        np.round(np.geomspace(low, high, round(math.log(high / low) / math.log(STEP)))).astype(int).tolist()
    )
    sizes = tuple(Size(n, n, 6.0 * n) for n in counts)

    def ladder(budget: float) -> list[int]:
        wanted = guess.optimum(budget).params * 4 ** np.linspace(-1, 1, 7)
        return sorted({min(counts, key=lambda n: abs(math.log(n / x))) for x in wanted})

    trials = []
    for budget, chosen in first_points({budget: ladder(budget) for budget in budgets}).items():
        for n in chosen:
            assert isinstance(n, int)
            tokens = round(budget / (6 * n))
            trials.append(Trial(f"{budget:g}-{n}", budget, n, n, tokens, tokens, 1, 1, 0, 6.0 * n * tokens, 1e-3))
    expected = tuple(guess.optimum(budget).params for budget in budgets)
    return Plan("sim", "id", "N", "tokens", 1, None, Recipe(1e-3), budgets, expected, sizes, tuple(trials), goal=goal)


def finished(trial: Trial, draw: Callable[[float, float], float]) -> Outcome:
    return Outcome("finished", trial.steps, trial.samples, trial.tokens, trial.flops, draw(trial.params, trial.tokens))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sims", type=int, default=20)
    parser.add_argument("--truths", default="", help="those whose names begin so")
    parser.add_argument("--spans", type=float, nargs="+", default=SPANS, help="largest budget by smallest")
    given = parser.parse_args()
    sims, names = given.sims, tuple(given.truths.split(","))
    truths: dict[str, tuple[Truth, Law]] = {name: (law.loss, law) for name, law in LAWS.items()}  # type: ignore[misc]
    law = LAWS["Chinchilla"]
    truths |= {"wrong: terms interact": (interacting(law), law), "wrong: ends mistuned": (mistuned(law), law)}
    print(f"{'truth':24}{'span':>6}{'FLOPs':>8}{'trials':>8}{'grid':>8}{'error':>8}{'grid':>8}{'held':>7}{'s':>6}")
    for name, (truth, guess) in truths.items():
        for span in given.spans if name.startswith(names) else ():
            began = time.perf_counter()
            found = np.array([one(truth, guess, span, seed) for seed in range(sims)])
            found = found[np.isfinite(found[:, 0])]
            share, trials, error, theirs, held, width = found.T
            rms, grid_rms = math.sqrt(np.mean(error**2)), math.sqrt(np.mean(theirs**2))
            grid_width = f"x{np.median(width):.2f}"
            print(
                f"{name:24}{span:>6.0f}{np.median(share):>8.3f}{np.median(trials):>8.0f}{grid_width:>8}{rms:>8.3f}"
                f"{grid_rms:>8.3f}{held.mean():>7.2f}{time.perf_counter() - began:>6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
