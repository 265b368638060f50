"""From a name, module or file to the workload it means."""

import pytest
from tiny import make

from flopsfit_tui.train.identity.identify import identify
from flopsfit_tui.workloads import BUILTIN, DEFAULT, resolve
from flopsfit_tui.workloads.builtin import check_reference


def test_every_built_in_resolves_to_its_own_name():
    for name in BUILTIN:
        check_reference(name)
        assert resolve(name).name == name
    assert DEFAULT in BUILTIN


@pytest.mark.parametrize("name", ["gpt-bytes", "vit-textures", "simulated"])
def test_nothing_of_a_built_in_is_left_uncompared(name):
    assert not identify(resolve(name)).unsure


def test_a_workload_is_itself():
    workload = make()
    assert resolve(workload) is workload


@pytest.mark.parametrize("attribute", ["", ":workload", ":make", ":broken"])
def test_files_and_their_attributes(tiny_file, attribute):
    assert resolve(tiny_file + attribute).model_size_param == "width"


def test_modules(monkeypatch):
    assert resolve("tiny:make").name == "tiny"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("gpt", "unknown workload 'gpt'; built in are gpt-bytes"),
        ("nowhere.py", "'nowhere.py' does not exist"),
        ("no.such.module:x", "there is no module 'no'"),
        ("tiny:nothing", "has no attribute 'nothing'"),
        ("tiny:F", "must be a flopsfit_tui.Workload"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(reference, message):
    with pytest.raises(ValueError, match=message):
        resolve(reference)


def test_a_missing_import_inside_a_users_module_is_not_hidden(tmp_path):
    (tmp_path / "mine.py").write_text("import no_such_package\n")
    with pytest.raises(ValueError, match="mine.py, line 1: ModuleNotFoundError: No module named 'no_such_package'"):
        resolve(str(tmp_path / "mine.py"))


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("from tiny import make\n")
    (tmp_path / "mine.py").write_text("from neighbour_of_mine import make as workload\n")
    assert resolve(str(tmp_path / "mine.py")).name == "tiny"
