"""Jumping to trials, finding in the log, copying, reading plots."""

from flopsfit_tui.tui.sweep.log_table import LogTable
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.trial_filter import unknown_words
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.widgets.table import as_csv


async def test_keys_jump_find_and_copy(open_app, rehearsed, options, monkeypatch):
    rehearsed.fails = (8,)
    rehearsed.ends = 6
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("running") == 2 and app.state.ended == 6, "six ended")
        copied = []
        monkeypatch.setattr(app.app, "copy_to_clipboard", copied.append)
        await app.press("R")
        table = app.app.screen.query_one(TrialTable)
        assert table.selected()[0].status == "running"
        if app.state.count("failed"):
            await app.press("exclamation_mark")
            assert table.selected()[0].status == "failed"
        await app.press("y", "Y")
        row, everything = copied
        assert row.count(",") == everything.splitlines()[0].count(",")
        assert len(everything.splitlines()) == 10
        assert everything.startswith("status,budget,width,params")
        await app.press("7", "slash", *"finished")
        log = app.app.screen.query_one(LogTable)
        assert log.row_count
        assert all("finished" in log.entry(row).text for row in range(log.row_count))
        await app.press("escape")
        assert log.search == ""
        await app.press("2", "slash", *"fia")
        assert "'fia' is no status" in "\n".join(app.picture())
        await app.press(*"led")
        text = " ".join(line.strip() for line in app.picture())
        assert "'fialed' is no status" in text
        assert "so it is looked for in errors and devices" in text  # all of the sentence
        await app.press("escape", "1", "l")
        assert app.app.screen.query_one(PointTable).cursor_column == 1


async def test_every_plot_is_read_by_keys_and_mouse(open_app, rehearsed, options):
    async with open_app(options, start=True, size=(100, 30)) as app:
        await app.ended()
        await app.press("escape")
        for panel, word in (("3", "loss "), ("4", "training loss "), ("5", "FLOPs: N"), ("6", "of the loss")):
            await app.press(panel, "right_parenthesis")
            text = "\n".join(app.picture())
            assert " FLOPs: " in text, panel
            assert word in text
            first = text
            await app.press("right_parenthesis")
            assert "\n".join(app.picture()) != first
        await app.press("3")
        plot = app.app.screen.active_plot()
        await app.pilot.click(plot, offset=(40, 10))
        await app.drawn()
        assert " FLOPs: N" in "\n".join(app.picture())


def test_words_that_are_no_status_are_named():
    assert unknown_words("fialed") == (
        "; 'fialed' is no status (pending, running, finished, failed, skipped), so it is looked for in errors "
        "and devices"
    )
    assert unknown_words("failed budget>1e9") == ""


def test_csv_has_no_signs():
    assert as_csv([["● 1e10", "★ 2.5"], ["a,b", "·"]]) == '1e10,2.5\n"a,b",'
