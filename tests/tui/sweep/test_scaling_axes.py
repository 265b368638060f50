"""The scaling plot on linear axes, to which a key leads: a power of the budget bends between two budgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from staged import follow_stage

from flopsfit_tui.tui.session import follow_thread

BRAILLE = range(0x2801, 0x2900)


@pytest.mark.parametrize(("times", "scales", "bent"), [(0, "log axes", 0), (2, "log y", 1.5), (3, "linear axes", 1.5)])
async def test_the_curve_bends_between_budgets(open_app, options, monkeypatch, times, scales, bent):
    monkeypatch.setattr(follow_thread, "follow_sweep", follow_stage("done"))
    async with open_app(options, reading=Path("/nowhere"), size=(160, 50)) as app:
        await app.until(lambda: app.app_state.fitted is not None and not app.app.session._fitting, "the fit")
        await app.press("5", "z", *"a" * times)
        lines = app.picture()
        top = next(i for i, line in enumerate(lines) if "tokens D" in line)
        assert scales in lines[top]
        marks = sorted((x, y) for y, line in enumerate(lines) if y > top for x, sign in enumerate(line) if sign == "■")
        (left, low), (right, high) = marks[-2:]  # of the tokens
        middle = (left + right) // 2
        row = next(y for y in range(top + 1, len(lines)) if ord(lines[y][middle]) in BRAILLE)  # theirs is the upper one
        above = (low + high) / 2 - row
        assert above >= bent if bent else abs(above) <= 1
