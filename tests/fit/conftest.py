"""What the tests of the fit share: the file of known laws, and the reference data where it lies beside the project."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `import known_laws`

CHINCHILLA = Path(__file__).parents[2].parent / "shared" / "data" / "chinchilla_epoch.csv"


@pytest.fixture(scope="session")
def chinchilla():
    """N, D and L of the 245 runs of Chinchilla's figure 4, as Epoch AI read them."""
    if not CHINCHILLA.exists():
        pytest.skip(f"{CHINCHILLA} is not there")
    with CHINCHILLA.open() as text:
        rows = list(csv.DictReader(text))
    N, C, L = (np.array([float(row[name]) for row in rows]) for name in ("Model Size", "Training FLOP", "loss"))
    return N, C / (6 * N), L


@pytest.fixture(scope="session")
def chinchilla_240(chinchilla):
    """The same without the five highest losses, as Epoch fitted them."""
    keep = np.argsort(chinchilla[2])[:-5]
    return tuple(values[keep] for values in chinchilla)
