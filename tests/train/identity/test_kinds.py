"""Each kind of object changes a key with what it holds, and with nothing else, in this process and in another."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import kinds


@pytest.fixture(scope="module")
def found():
    return [kinds.digests(value) for value in (1, 1, 2)]


@pytest.mark.parametrize("name", kinds.KINDS)
def test_a_kind_changes_the_key_with_its_value_alone(name, found):
    first, again, other = (digests[name] for digests in found)
    assert first == again
    assert len(first) == 1, f"not compared: {first[1:]}"
    assert first != other


def test_another_process_finds_the_same_keys(found, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "3", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    ran = subprocess.run(
        [sys.executable, kinds.__file__], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    there = json.loads(ran.stdout)
    assert {name for name in there if tuple(there[name]) != found[0][name]} == set()
