"""Whether a plan may reuse an earlier sweep's losses: only those of the same code and data, or at the user's word."""

from __future__ import annotations

from dataclasses import replace

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.plan.compiled import as_before, compile_changes
from flopsfit_tui.plan.grid import trial_key

CHOICES = (
    "--fresh (resume=False) trains everything again and keeps the earlier sweep beside it; --resume-anyway "
    "(resume_anyway=True) reuses its losses, and is right only where that changes none of them"
)


class SweepDiffers(ValueError):
    """An earlier sweep of the same workload is not reused unless the user says so."""


def continue_plan(plan: Plan, before: Plan, anyway: bool = False) -> Plan:
    """The plan with the trial keys of an earlier one, whose outcomes it may then reuse.

    Raises ValueError when the earlier sweep is another workload's, SweepDiffers when something that decides its losses
    has changed or cannot be compared, unless `anyway`.
    """
    if before.workload != plan.workload:
        raise ValueError(
            f"this directory holds a sweep of {before.workload}, and the plan is one of {plan.workload}; give another "
            f"directory, or start afresh (--fresh, resume=False), which puts the old sweep aside"
        )
    changes = [*plan.content.changes(before.content), *compile_changes(plan, before)]
    unsure = plan.content.unsure
    if anyway and (changes or unsure):
        said = "; ".join([*changes, *(f"not compared: {what}" for what in unsure)])
        plan = replace(plan, notes=(*plan.notes, f"losses of the earlier sweep are reused at your word, though {said}"))
    elif changes:
        raise SweepDiffers(
            f"this directory holds an earlier sweep of {plan.workload}, but {'; '.join(changes)}. {CHOICES}"
        )
    elif unsure:
        raise SweepDiffers(
            f"this directory holds an earlier sweep of {plan.workload}, and whether it is the same cannot be told: "
            f"{', '.join(unsure)} cannot be compared from one run to the next. {CHOICES}"
        )
    if changes:  # reused all the same
        plan = replace(plan, compile=before.compile)
    plan = as_before(plan, before)
    trials = tuple(replace(trial, key=trial_key(trial, before.identity)) for trial in plan.trials)
    return replace(plan, identity=before.identity, trials=trials)
