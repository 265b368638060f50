"""In a notebook: a progress bar, pictures and tables by IPython alone."""

import sys
import types

import pytest
import torch
from torch import nn

import flopsfit_tui as ff
from flopsfit_tui.core import notebook
from flopsfit_tui.core.html import html_table


def mlp(width):
    return nn.Sequential(nn.Linear(4, width), nn.Linear(width, width), nn.Linear(width, 1))


class Shown:
    """IPython as a notebook has it, keeping what a cell shows."""

    def __init__(self):
        self.outputs, self.redraws = [], 0
        shell = types.SimpleNamespace(kernel=object())
        self.IPython = types.ModuleType("IPython")
        self.IPython.version_info = (9, 0, 0)  # which matplotlib looks at
        self.IPython.get_ipython = lambda: shell
        self.display = types.ModuleType("IPython.display")
        self.display.display = self.show
        self.display.Image = lambda **picture: (picture["format"], picture["data"])
        self.IPython.display = self.display

    def show(self, thing, display_id=None):
        self.outputs.append(thing)
        return self if display_id else None

    def update(self, thing):
        self.redraws += 1


@pytest.fixture
def cell(monkeypatch):
    shown = Shown()
    monkeypatch.setitem(sys.modules, "IPython", shown.IPython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown.display)
    return shown


def test_a_notebook_gets_a_bar_pictures_and_tables(cell, tmp_path):
    assert notebook.in_notebook()
    swept = ff.find_optimal(
        mlp, "width", dataset=[0], loss_fn=len, compute_budgets=[1e12, 1e13], mode="mock", output_dir=tmp_path
    )
    (bar,) = cell.outputs
    assert f"{len(swept.trials)} of {len(swept.trials)} trials" in bar._repr_html_()
    assert "<progress" in bar._repr_html_()
    assert cell.redraws > 0
    swept.plot(save=False)
    kind, content = cell.outputs[-1]
    assert (kind, content[:4], len(cell.outputs)) == ("png", b"\x89PNG", 5)
    assert "95 % interval</th>" in swept._repr_html_()
    assert "<table>" in swept.plan._repr_html_()


def test_the_bar_counts_failed_trials(cell, tmp_path):
    class Broken(nn.Linear):
        def __init__(self, width):
            super().__init__(4, width)

        def forward(self, x):
            if self.out_features == 8 and self.training and not x.is_meta:
                raise RuntimeError("no")
            return super().forward(x).mean(1, keepdim=True)

    x = torch.randn(200, 4)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    given = {"compute_budgets": [1e5], "sizes": [4, 8], "output_dir": tmp_path}
    ff.find_optimal(Broken, "width", dataset=data, loss_fn=nn.MSELoss(), **given)
    assert "2 of 2 trials, 1 failed" in cell.outputs[0]._repr_html_()


def test_what_a_table_shows_is_escaped():
    assert html_table(["<b>"], [["&"]]) == (
        "<table><thead><tr><th>&lt;b&gt;</th></tr></thead><tbody><tr><td>&amp;</td></tr></tbody></table>"
    )


NOTEBOOK = """
import flopsfit_tui as ff
from torch import nn
def mlp(width):
    return nn.Sequential(nn.Linear(4, width), nn.Linear(width, width), nn.Linear(width, 1))
result = ff.find_optimal(mlp, "width", dataset=[0], loss_fn=len,
    compute_budgets=[1e12, 1e13], mode="mock", output_dir={path!r})
figures = result.plot()
result
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's own
def test_in_a_real_kernel(tmp_path, pictures):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK.format(path=str(tmp_path)))])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
    shown = [output for output in book.cells[0].outputs if output.output_type != "stream"]
    kinds = [set(output.data) for output in shown]
    assert "<progress" in shown[0].data["text/html"]
    assert "14 of 14" in shown[0].data["text/html"]
    assert sum("image/png" in kind for kind in kinds) == 4
    assert "<table>" in shown[-1].data["text/html"]
