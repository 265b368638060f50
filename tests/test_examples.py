"""Every example runs, as a script would run it, on a plan of seconds."""

import importlib.util
import sys
from pathlib import Path

import pytest

from flopsfit_tui.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_bring_your_own_from_python(tmp_path, capsys):
    result = load("bring_your_own").run(tmp_path, budgets=(1e6, 2e6))
    assert {row["status"] for row in result.trials} == {"finished"}
    assert "95 % interval" in capsys.readouterr().out


def test_bring_your_own_from_the_command_line(tmp_path):
    file = str(EXAMPLES / "bring_your_own.py")
    assert (
        main(
            ["run", file, "--no-ui", "--budgets", "1e6,2e6", "--points", "3", "--workers", "1", "--out", str(tmp_path)]
        )
        == 0
    )
    assert (tmp_path / "optimum.csv").exists()


def test_fit_published_runs_recovers_the_law_it_drew(tmp_path, capsys):
    example = load("fit_published_runs")
    fit = example.run(example.write_known_runs(tmp_path / "runs.csv"))
    truth = example.TRUTH
    assert fit.exponent.low < truth.exponent < fit.exponent.high
    best = fit.predict(1e22)
    assert best.params_low < truth.optimum(1e22).params < best.params_high
    assert "at 1e+22 FLOPs" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_every_example_is_run_by_a_test_and_has_its_doors(path):
    text = Path(__file__).read_text()
    assert f'"{path.stem}"' in text or f"{path.stem}.py" in text
    module = load(path.stem)
    assert callable(module.run)
    assert callable(module.main)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "option"), [("vit_cifar", "textures"), ("gpt_tinystories", "stdlib")])
def test_the_same_call_serves_both_architectures(name, option, tmp_path, capsys):
    example = load(name)
    mock = example.run(output_dir=tmp_path / "mock")
    assert len(mock.trials) == 35
    assert "at 1e+16 FLOPs" in capsys.readouterr().out
    real = example.run(output_dir=tmp_path / "real", compute_budgets=(2e8, 4e8), **{option: True})
    assert {row["status"] for row in real.trials} == {"finished"}
    assert {row["device"] for row in real.trials} == {"cpu"}
