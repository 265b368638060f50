"""How far a sweep is: on the screen by predicted seconds, in the terminal's title, and in the files it leaves."""

from __future__ import annotations

from flopsfit_tui.core.state import percent
from flopsfit_tui.report.text.terminal_progress import POP, PUSH
from flopsfit_tui.tui.app import FlopsfitApp


async def test_progress_is_by_predicted_seconds_and_warnings_wait(open_app, rehearsed, options):
    rehearsed.ends = 4
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.ended == 4 and app.app_state.fitted, "four ended, and their fit")
        await app.until(lambda: not app.app.session._fitting, "the last fit")
        state = app.state
        state.predicted = {key: 10.0 if now.outcome else 1.0 for key, now in state.trials.items()}  # unlike the FLOPs

        def by_seconds():
            done = sum(now.fraction * state.predicted[key] for key, now in state.trials.items())
            return percent(done / sum(state.predicted.values()))

        def drawn():
            app.app.screen.redraw()
            return app.text("#progress").split()[0] == by_seconds()

        await app.until(drawn, "progress by predicted seconds", seconds=60)  # once the running trials stand still
        assert by_seconds() != percent(state.flops_done / state.flops_planned)
        assert app.app_state.analysis.warnings  # of a sweep that is not half done: they are not shown
        assert app.text("#warning") == ""
        rehearsed.ends = 100
        shown = set()

        def over():
            if app.state.ended < 9:
                shown.add(app.text("#progress").split()[0])
            return app.app_state.stage == "ended"

        await app.until(over, "the end")
        assert "100%" not in shown
        await app.press("escape")
        assert app.text("#progress").split()[0] == "100%"
        assert app.text("#warning").strip().startswith("!")


async def test_the_export_key_writes_a_report_that_needs_no_network(open_app, rehearsed, options):
    rehearsed.ends = 5
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 5, "five finished trials")
        await app.press("e")
        await app.until(lambda: app.app_state.exported and not app.app_state.exporting, "the files")
        report = (options.out / "report.html").read_text()
        assert report.lstrip().lower().startswith("<!doctype html")
        assert report.count("<svg") >= 2
        assert "<title>" in report.partition("<svg")[2]  # said where the pointer rests
        assert "8e5" in report
        for loads in ("<script", "<link", "<img", "@import", "url("):
            assert loads not in report, loads


async def test_the_terminal_s_title_and_mark_follow_the_sweep_and_are_given_back(
    open_app, rehearsed, options, monkeypatch
):
    written = []
    monkeypatch.setattr(FlopsfitApp, "_write", lambda _app, text: written.append(text))
    rehearsed.ends = 4
    async with open_app(options, start=True) as app:
        await app.until(lambda: any("\x1b]9;4;1;" in text for text in written), "the mark")
        assert written[0].startswith(PUSH)
        await app.press("p")
        await app.until(lambda: "\x1b]2;paused tiny" in written[-1], "the pause in the title")
        assert "\x1b]9;4;4;" in written[-1]
        rehearsed.ends = 100
        await app.press("p")
        await app.until(lambda: "\x1b]2;done tiny" in written[-1], "the end in the title")
        assert written[-1].endswith("\x1b]9;4;0;0\x07")
        await app.press("q")
    assert written[-1] == f"\x1b]9;4;0;0\x07{POP}"
    assert "".join(written).count(PUSH) == "".join(written).count(POP) == 1
