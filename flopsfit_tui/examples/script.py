"""What the example scripts share: their options, and what they print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from flopsfit_tui.report.result import Result


def parser(description: str, data: str, output_dir: str) -> argparse.ArgumentParser:
    """--real, --budgets and --output-dir."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--real", action="store_true", help=f"train on {data}, downloaded when first used [default: mock losses]"
    )
    options.add_argument(
        "--budgets", nargs="+", type=float, metavar="FLOPS", help="training FLOPs of one trial, several"
    )
    options.add_argument(
        "--output-dir", default=output_dir, help="directory of results and plots [default: %(default)s]"
    )
    return options


def report(result: Result) -> None:
    """Print the table and the optimum at a hundred times the largest budget, and save the plots."""
    print(result.chinchilla_table())
    target = 100 * max(result.compute_budgets)
    if result.fit.predict(target) is not None:  # a law that says where the optimum is
        best = result.predict(target)
        print(
            f"at {target:.3g} FLOPs: {best.optimal_params:,} params, {best.optimal_tokens:,} {result.plan.unit}, "
            f"loss {best.expected_loss:.4f}"
        )
    figures = result.plot(show=False)
    if figures:
        print(f"saved {len(figures)} figures to {result.output_dir}/plots")


def call(run: Callable[..., Any], *options: Any) -> None:
    """Run a script. A user error is one sentence on stderr and exit code 2."""
    try:
        run(*options)
    except (ValueError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
