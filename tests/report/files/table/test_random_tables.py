"""Random laws in random writings: each table gives the law's optimum, or is refused in one sentence."""

import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flopsfit_tui.fit import Law, fit_law
from flopsfit_tui.report.files.read_runs import read_runs

PARAMS = [("params", 1), ("N", 1), ("params (M)", 1e6), ("params_b", 1e9), ("Mparams", 1e6), ("n_params [1e6]", 1e6),
          ("model size (bn)", 1e9), ("config/num_params", 1), ("parameters, millions", 1e6),
          ("N (×10⁶)", 1e6)]  # fmt: skip
TOKENS = [("tokens", 1), ("D", 1), ("tokens (B)", 1e9), ("Gtok", 1e9), ("training tokens [1e9]", 1e9), ("D/1e9", 1e9),
          ("tokens_seen", 1), ("throughput/total_tokens", 1), ("tokens in billions", 1e9)]  # fmt: skip
COMPUTE = [("C", 1), ("flops", 1), ("total_gflops", 1e9), ("compute (PF-days)", 8.64e19), ("EFLOP", 1e18),
           ("C (1e18)", 1e18), ("budget", 1), ("ZFLOPs", 1e21), ("training compute (10^18 FLOPs)", 1e18)]  # fmt: skip
LOSSES = ["loss", "L", "val_loss", "final loss", "eval/loss", "Validation Loss"]
OTHERS = [("seed", "1"), ("lr", "3e-4"), ("State", "finished"), ("notes", "ok"), ("gpu", "H100"), ("batch_size", "512")]
SUFFIXES = [(1e3, "k"), (1e6, "M"), (1e6, "m"), (1e9, "b"), (1e6, " million"), (1e9, "bn"), (1e6, "×10^6")]


@st.composite
def cells(draw, mark):
    """How a number without a unit in its header is written."""
    kind = draw(st.sampled_from(["repr", "scientific", "suffix", "grouped", "power"]))
    scale, suffix = draw(st.sampled_from(SUFFIXES))
    group = "." if mark == "," else ","

    def write(x):
        if kind == "suffix":
            return f"{x / scale:.9g}".replace(".", mark) + suffix if 1e-4 < x / scale < 1e9 else f"{x:.0f}"
        if kind == "grouped" and x > 1e6:
            return f"{x:,.0f}".replace(",", group)
        if kind == "power":
            mantissa, exponent = f"{x:.6e}".split("e")
            return f"{mantissa.replace('.', mark)}×10^{int(exponent)}"
        return f"{x:.6e}".replace(".", mark) if kind == "scientific" else f"{x:.8g}".replace(".", mark)

    return write


@st.composite
def tables(draw):
    """A file's bytes, its name, and the law in it."""
    law = Law(
        draw(st.floats(1.2, 2.2)), draw(st.floats(200, 800)), draw(st.floats(200, 800)),
        draw(st.floats(0.28, 0.4)), draw(st.floats(0.26, 0.36)),
    )  # fmt: skip
    budgets = np.repeat(np.geomspace(1e18, draw(st.sampled_from([3e19, 1e20, 1e21])), 4), 6)
    N = np.array([law.optimum(c).params for c in budgets]) * np.tile(np.geomspace(0.2, 5, 6), 4)
    C, D = budgets, budgets / (6 * N)
    mark = draw(st.sampled_from([".", ".", ","]))
    separator = ";" if mark == "," else draw(st.sampled_from([",", "\t", ";", "|"]))
    pair = draw(st.sampled_from(["ND", "NC", "NDC"]))
    columns = []
    for letter, values, names in (("N", N, PARAMS), ("D", D, TOKENS), ("C", C, COMPUTE)):
        if letter in pair:
            name, scale = draw(st.sampled_from(names))
            write = draw(cells(mark)) if scale == 1 else (lambda x: f"{x:.8g}".replace(".", mark))
            columns.append((name, [write(x / scale) for x in values]))
    missing = draw(st.sampled_from(["", "-", "N/A", "nan", "null"]))
    gone = draw(st.sets(st.integers(0, 23), max_size=2))
    losses = [missing if i in gone else f"{x:.6f}".replace(".", mark) for i, x in enumerate(law.loss(N, D))]
    columns.append((draw(st.sampled_from(LOSSES)), losses))
    columns += [(name, [cell] * 24) for name, cell in draw(st.lists(st.sampled_from(OTHERS), max_size=2, unique=True))]
    columns = draw(st.permutations(columns))
    return _file(draw, columns, separator, mark), law


def _file(draw, columns, separator, mark):
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    if mark == "." and draw(st.integers(0, 4)) == 0:
        entries = [dict(zip([name for name, _ in columns], row, strict=True)) for row in rows]
        lines = draw(st.booleans())
        text = "\n".join(map(json.dumps, entries)) if lines else json.dumps(entries)
    else:
        text = "\n".join(
            separator.join(f'"{c}"' if separator in c else c for c in row) for row in [[n for n, _ in columns], *rows]
        )
        text = draw(st.sampled_from(["", "", "# sweep\n", "\n\n", "Runs of March\n"])) + text
        if draw(st.booleans()):
            text = text.replace("\n", draw(st.sampled_from(["\r\n", f"{separator}\n"])))
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))
    return gzip.compress(data) if draw(st.integers(0, 4)) == 0 else data


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(tables())
def test_a_random_table_is_read_right_or_refused(made):
    data, law = made
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "runs.csv")
        path.write_bytes(data)
        try:
            runs = read_runs(path)
        except ValueError as error:
            refused.append(str(error).replace(directory, ""))
            if "\n" in refused[-1] or len(refused) > 50:
                raise AssertionError(refused) from error
            return
    found = fit_law(runs.params, runs.tokens, runs.losses, flops=runs.cost, intervals=False).predict(1e21)
    assert found.params == pytest.approx(law.optimum(1e21).params, rel=0.05)


refused: list[str] = []  # a reader that refuses everything is right too, and of no use
