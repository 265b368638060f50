"""Text of a user's: shown by a terminal, not computed by a spreadsheet, and one part of a path."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopsfit_tui.core.text import FORMULA, csv_cell, path_component, printable
from flopsfit_tui.report.files.csv_rows import csv_text


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    shown = printable(text)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert printable(shown) == shown


@given(st.text())
def test_no_cell_is_a_formula(text):
    assert not csv_cell(text).startswith(FORMULA)
    assert csv_cell(text).removeprefix("'") == text.removeprefix("'")


def test_numbers_in_a_csv_stay_numbers_and_texts_are_no_formulas():
    row = next(
        csv.reader(io.StringIO(csv_text(["a", "b", "c", "d"], [[-1.5, "=1+1", "@SUM(A1)", None]]).partition("\n")[2]))
    )
    assert row == ["-1.5", "'=1+1", "'@SUM(A1)", ""]


@given(st.text())
def test_a_name_is_one_part_of_a_path(name):
    part = path_component(name)
    assert part
    assert len(part.encode()) <= 80
    assert not {"/", "\\", "\0", "\n", ":"} & set(part)
    assert not part.startswith((".", "-"))


@pytest.mark.parametrize(("name", "part"), [("gpt-bytes", "gpt-bytes"), ("../x", "x"), ("a/b", "a-b"), ("..", "sweep")])
def test_plain_names_stay(name, part):
    assert path_component(name) == part
