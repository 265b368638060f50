"""What pyproject.toml declares is what the package imports, both ways."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORTED_AS = {"nvidia-ml-py": "pynvml"}  # where the package has another name than the module

BROUGHT = {  # imported without a line of their own, and where they come from
    "rich": "textual is built on it",
    "pyarrow": "datasets is built on it",
    "IPython": "imported only inside a notebook, which has it",
    "transformers": "imported only for a tokenizer or a model of the user's that needs it",
}


def declared(extras=()):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = (re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in lines)
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in names}


def imported():
    found = set()
    for file in (ROOT / "flopsfit_tui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"flopsfit_tui"}


def test_every_dependency_is_imported():
    assert declared() - imported() == set()


def test_every_import_is_declared():
    assert imported() - declared(("plots", "ray", "slurm", "web", "xlsx", "gpt2")) == set(BROUGHT)
