"""Which sizes are trained at which budget: those that were asked for, or a ladder around the expected optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from flopsfit_tui.core.options import BEYOND
from flopsfit_tui.core.sizes import Setting, as_declared, check_sizes
from flopsfit_tui.core.trial import Request, Size
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.grid import Knob, expected_params

if TYPE_CHECKING:
    from flopsfit_tui.train.measure import Looks
    from flopsfit_tui.train.sizes import Candidates

AROUND = (0.5, 0.7, 1.0, 1.4, 2.0)
T = TypeVar("T")


@dataclass
class Ladders:
    """Settings of the knob by budget, and those measured beside them."""

    asked: bool  # by the user: then every one of them is planned, or it is an error
    by_budget: dict[float, tuple[Setting, ...]]
    beyond: tuple[Setting, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def planned(self) -> tuple[Setting, ...]:
        """Every size of some budget, once."""
        return tuple(dict.fromkeys(size for ladder in self.by_budget.values() for size in ladder))

    def keep_affordable(
        self, sizes: Mapping[Setting, Size], flops_per_batch: Callable[[Size], float], knob: str
    ) -> None:
        """Leave out of chosen ladders what a budget does not pay one batch for; what the user asked for stays."""
        if self.asked:
            return
        for budget, ladder in self.by_budget.items():
            kept = tuple(size for size in ladder if flops_per_batch(sizes[size]) <= budget)
            if kept and len(kept) < len(ladder):
                left = ", ".join(str(size) for size in ladder if size not in kept)
                self.notes.append(f"{knob} {left} at {budget:g} FLOPs left out: one batch costs more than that")
                self.by_budget[budget] = kept


def candidates_for(workload: Workload, looks: Looks, sizes: Sequence[Setting] | None, reach: float) -> Candidates:
    """The settings that may be planned: asked for, declared, or found by trying.

    Raises TypeError or ValueError in one sentence when there are none.
    """
    from flopsfit_tui.train.sizes import find_sizes, order_given

    knob = workload.model_size_param
    declared = None if workload.sizes is None else check_sizes(workload.sizes)
    if sizes is not None:
        return order_given(looks, as_declared(check_sizes(sizes), declared), asked=True, knob=knob)
    if declared is not None:
        return order_given(looks, declared, asked=False, knob=knob)
    return find_sizes(workload, looks, reach)


def lay_ladders(
    workload: Workload, request: Request, budgets: Sequence[float], looks: Looks, found: Candidates
) -> Ladders:
    """A ladder for each budget. A setting that the model refuses is left out of chosen ones.

    Raises SizeRefused for one that was asked for, ValueError when no setting is left.
    """
    if request.sizes is not None:
        return Ladders(True, dict.fromkeys(budgets, found.settings), notes=list(found.notes))
    centres = [expected_params(budget, workload.first_guess) for budget in budgets]
    far = [] if found.slow else [expected_params(max(budgets) * times, workload.first_guess) for times in (1, *BEYOND)]

    def choose(knob: Knob) -> Ladders:
        ladders = [knob.ladder(centre, request.points or workload.points) for centre in centres]
        beyond = {knob.settings[knob.nearest(centre * factor)] for centre in far for factor in AROUND}
        return Ladders(False, dict(zip(budgets, ladders, strict=True)), tuple(beyond), list(found.notes))

    chosen, refused = _among_buildable(looks, found, choose)
    chosen.notes += [f"{workload.model_size_param} {size} is left out: {said}" for size, said in refused.items()]
    return chosen


def nearest_setting(looks: Looks, found: Candidates, params: float) -> Setting:
    """The setting whose N is nearest. Raises ValueError when the model takes none."""
    return _among_buildable(looks, found, lambda knob: knob.settings[knob.nearest(params)])[0]


def _among_buildable(looks: Looks, found: Candidates, choose: Callable[[Knob], T]) -> tuple[T, dict[Setting, str]]:
    """What is chosen of the candidates, without those that the model refuses; these, and what it said of them."""
    from flopsfit_tui.train.model import SizeRefused

    settings = list(found.settings)
    refused: dict[Setting, str] = {}
    while settings:
        try:
            return choose(Knob(settings, looks.params)), refused
        except SizeRefused as error:
            settings.remove(error.size)
            refused[error.size] = str(error)
    raise ValueError(f"the model can be built at none of its sizes; {next(iter(refused.values()))}")


def reach_of(workload: Workload, budgets: Sequence[float]) -> float:
    """The most params that a plan for these budgets measures."""
    return expected_params(max(budgets) * BEYOND[-1], workload.first_guess) * AROUND[-1]


def check_knob(sizes: Sequence[Size], knob: str) -> None:
    """Raise ValueError when the planned sizes do not differ in params."""
    params = {size.params for size in sizes}
    if len(sizes) < 2 or len(params) > 1:
        return
    same_flops = max(s.flops_per_token for s in sizes) <= 1.0001 * min(s.flops_per_token for s in sizes)
    what = "changes nothing" if same_flops else "changes only the FLOPs, not the params"
    shown = ", ".join(str(size.size) for size in sizes[:6]) + (", …" if len(sizes) > 6 else "")
    raise ValueError(
        f"{knob} {what}: the model has {sizes[0].params:,} params at each of {shown}; name the argument that sets its "
        f"size, and check that the model uses it"
    )
