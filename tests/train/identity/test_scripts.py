"""A key changes with all that decides a loss, and with nothing else: scripts written at random, both directions."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from scripts import BASE, DECIDES

NAMES = st.sampled_from(["y", "z", "hidden", "a0", "total", "_out"])
TEXT = st.text(st.characters(codec="ascii", exclude_characters="\"'\\{}\n\r", exclude_categories=["Cc"]), max_size=20)
NUMBERS = st.floats(-5, 5, allow_nan=False) | st.integers(-5, 5)
WRITINGS = st.fixed_dictionaries(
    {},
    optional={
        "comment": TEXT.map(lambda text: f"# {text}\n\n#"),
        "docstring": TEXT,
        "inline": TEXT,
        "local": NAMES,
        "index": st.sampled_from(["i", "j", "step"]),
        "blank": st.sampled_from(["", "\n", "# more\n\n"]),
        "tail": st.sampled_from(["", "  # the end", ";"]),
        "unused": NUMBERS,
    },
)
CHANGES = {
    "table": st.dictionaries(TEXT, NUMBERS | st.lists(NUMBERS), max_size=3),
    "names": st.sets(TEXT, max_size=4),
    "labels": st.lists(st.integers(0, 3), min_size=16, max_size=16),
    "content": st.binary(max_size=40),
}
VALUES = st.one_of(
    [st.tuples(st.just(name), CHANGES.get(name, NUMBERS)) for name in DECIDES],
)


def same(a, b):
    """Equal, and written the same: 1 and 1.0 differ, as do 0.0 and -0.0; the order of a set does not count."""
    return (sorted(a) == sorted(b) if isinstance(a, set) else repr(a) == repr(b)) and type(a) is type(b)


@settings(max_examples=40, deadline=None)
@given(WRITINGS)
def test_how_it_is_written_keeps_the_key(writing):
    with TemporaryDirectory() as folder:
        assert BASE.but(**writing).identity(Path(folder)) == BASE.identity(Path(folder))


@settings(max_examples=60, deadline=None)
@given(VALUES, WRITINGS)
def test_what_decides_a_loss_changes_the_key(value, writing):
    name, changed = value
    with TemporaryDirectory() as folder:
        before, after = BASE.identity(Path(folder)), BASE.but(**writing, **{name: changed}).identity(Path(folder))
    assert (before == after) == same(changed, DECIDES[name])


@pytest.mark.parametrize("name", DECIDES)
def test_each_thing_that_decides_a_loss_is_in_the_key(name, tmp_path):
    changed = {
        "table": {"b": [2, 3], "a": 1},
        "names": {"x", "y"},
        "labels": [1, 0, 2, 3] * 4,
        "content": b"pixel5",
    }.get(name, 0.7)
    before, after = BASE.identity(tmp_path), BASE.but(**{name: changed}).identity(tmp_path)
    assert before != after
    assert len({part for part in before if before[part] != after[part]}) == 1


PRINT = """
import sys
sys.path.insert(0, sys.argv[1])
from flopsfit_tui.workloads import resolve
from flopsfit_tui.train.identity import identify
found = identify(resolve(sys.argv[1] + "/script.py"))
print(sorted(found.parts.items()), found.unsure)
"""


@pytest.mark.slow
def test_another_process_in_another_folder_finds_the_same_key(tmp_path):
    folder = tmp_path / "copy"
    BASE.write(folder, "helper")
    environment = {**os.environ, "PYTHONHASHSEED": "17"}
    command = [sys.executable, "-c", PRINT, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment)
    assert ran.stdout == f"{sorted(BASE.identity(tmp_path / 'here').items())} ()\n"
