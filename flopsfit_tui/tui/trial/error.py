"""Why a trial failed, and what its code printed, as text."""

from __future__ import annotations

from rich.text import Text

from flopsfit_tui.core.error_text import take_apart
from flopsfit_tui.core.state import TrialState
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import without_marks
from flopsfit_tui.tui.theme import style


def error_text(app_state: AppState, now: TrialState, whole: bool, width: int, palette: Palette) -> Text:
    """What went wrong, how many trials it took, then the user's own lines, or all of the traceback; empty without."""
    if now.outcome is None or not now.outcome.error:
        return Text()
    taken = take_apart(now.outcome.error)
    text = Text().append(f"✗ {taken.headline}", style(palette.bad, bold=True))
    same = sum(
        1
        for other in app_state.state.trials.values()
        if other.outcome and other.outcome.error and take_apart(other.outcome.error).headline == taken.headline
    )
    if same > 1:
        text.append(f"   in {same} trials", style(palette.warn))
    if whole:
        return text.append(f"\n{without_marks(now.outcome.error.rstrip(), width)}", style(palette.foreground))
    _, *others = without_marks(taken.text(), width).split("\n")
    for line in others:
        frame = line.startswith('  File "')
        text.append(f"\n{line}", style(palette.foreground if frame else palette.muted))
    return text


def printed_text(now: TrialState, palette: Palette) -> Text:
    """What its code printed; empty when nothing."""
    if not now.printed:
        return Text()
    count = len(now.printed)
    text = Text().append(f"printed by your code, {count} line{'s' * (count > 1)}", style(palette.muted, bold=True))
    for line in now.printed:
        text.append(f"\n{line}", style(palette.foreground))
    return text
