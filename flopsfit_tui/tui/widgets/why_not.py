"""Why a key does nothing now: a sentence for each action that is not always there, for the help and at the key."""

from __future__ import annotations

from flopsfit_tui.tui.session.app_state import AppState

READ_ONLY = {  # what a sweep that is only read cannot do
    "check_recipe", "start", "skip", "retry", "seed", "first", "pause", "resume", "stop", "bracket", "workers", "undo",
}  # fmt: skip
RUNNING = {"pause", "stop", "skip", "first", "workers"}
NO_CURVE = "this trial shows no curve"
REASONS = {
    "start": "nothing is left to run",
    "plan_marked": "its plan is made, or being made",
    "optimum": "there is no plan yet",
    "export": "nothing has been run yet",
    "back": "stop the sweep first",
    "warnings": "there is nothing to warn of",
    "skip": "the selected trial has ended",
    "retry": "the selected trial has neither failed nor been skipped",
    "seed": "no trial is selected",
    "first": "the selected trial does not wait",
    "propose": "nothing has been run yet",
    "leave_out": "none of the selected trials is fitted",
    "check_recipe": "there is no plan yet",
    "pause": "the sweep is paused already",
    "resume": "the sweep is not paused",
    "stop": "the sweep is not running",
    "cancel_planning": "nothing is being planned",
    "bracket": "nothing has been run yet",
    "target": "there is no plan yet",
    "workers": "--executor thread trains one trial at a time",
    "ask_budget": "a recipe check has no optimum",
    "copy_python": "a recipe check has no optimum",
    "undo": "nothing was done in the last seconds that can be undone",
    "whole": "this trial has not failed",
    "read": "there is no curve to read yet",
    "zoom_plot": NO_CURVE,
    "pan": NO_CURVE,
    "axes": NO_CURVE,
    "spot": NO_CURVE,
    "smoothing": NO_CURVE,
    "go_failed": "no trial has failed",
    "go_running": "no trial is running",
}


def action_name(action: str) -> str:
    """The action's bare name: ``app.start`` and ``workers(1)`` are ``start`` and ``workers``."""
    return action.partition("(")[0].rpartition(".")[2]


def why_not(action: str, app_state: AppState) -> str:
    """Why an action that is not allowed now is not; empty for one that has no reason of its own."""
    name = action_name(action)
    if name in ("export", "leave_out") and app_state.read_only:
        return "it was opened with --read-only"
    if name == "start" and app_state.reading:
        return "this sweep was started by another process"
    if name in READ_ONLY and not app_state.commandable:
        why = f": {app_state.no_control}" if app_state.no_control else ""
        return f"this sweep is only read here{why}"
    if name in RUNNING and not app_state.running:
        return "no sweep is running"
    if name == "retry" and app_state.state.count("failed"):
        return f"{REASONS[name]}; {app_state.key('go_failed')} goes to one that has failed"
    if name == "start":
        if app_state.busy:
            return "the sweep is running"
        if app_state.stage == "refused":
            return "there is no plan to start"
    return REASONS.get(name, "")
