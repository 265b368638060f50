"""Tables are written whatever becomes of the plots."""

import pytest
from stores import write_store

from flopsfit_tui.cli import main

figures = pytest.importorskip("flopsfit_tui.report.plots.figures")


def test_plots_that_cannot_be_drawn_cost_nothing_else(tmp_path, monkeypatch, capsys, pictures):
    def fail(*_):
        raise RuntimeError("no font\nat all")

    write_store(tmp_path)
    monkeypatch.setattr(figures, "as_png", fail)
    assert main(["export", str(tmp_path)]) == 0
    assert capsys.readouterr().err.splitlines() == ["warning: the plots were not drawn: RuntimeError: no font"]
    assert (tmp_path / "report.html").is_file()
    assert "isoflop.png" not in (tmp_path / "report.md").read_text()
    assert not list(tmp_path.glob("*.png"))
    monkeypatch.undo()
    assert main(["export", str(tmp_path)]) == 0
    assert "isoflop.png" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "isoflop.png").is_file()
