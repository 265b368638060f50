"""How big should a language model be? The same call as for a ViT, with `d_model` as the size knob.

python examples/gpt_tinystories.py              mock losses: seconds, no network, nothing trained
python examples/gpt_tinystories.py --bytes      trains on Python's own sources: minutes, no network
python examples/gpt_tinystories.py --real       trains on TinyStories, downloaded on first use
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import TensorDataset

import flopsfit_tui as ff

MOCK_BUDGETS = (1e12, 3e12, 1e13, 3e13, 1e14)
BYTE_BUDGETS = (1.5e10, 3e10, 6e10)
STORY_BUDGETS = (1e14, 3e14, 1e15)


def make_gpt_factory(
    num_layers: int = 4, num_heads: int = 4, vocab_size: int = 256, max_seq_len: int = 256
) -> Callable[[int], ff.GPT]:
    """A closure that makes a GPT of any width."""

    def make_gpt(d_model: int) -> ff.GPT:
        return ff.GPT(ff.GPTConfig(d_model, num_layers, num_heads, vocab_size, max_seq_len))

    return make_gpt


def _make_synthetic_text_dataset(size: int = 128, seq_len: int = 256) -> TensorDataset:
    """Random bytes (size, seq_len) and their successors: enough for mock mode, which only counts."""
    tokens = torch.randint(0, 256, (size, seq_len + 1))
    return TensorDataset(tokens[:, :-1], tokens[:, 1:])


def run(
    use_real_data: bool = False,
    output_dir: str = "outputs/gpt_tinystories",
    stdlib: bool = False,
    compute_budgets: tuple[float, ...] | None = None,
) -> ff.Result:
    """Sweep the GPT, print the Chinchilla table and the optimum at a hundred times the largest budget."""
    choice: dict[str, Any] = {
        "model_cls": make_gpt_factory(),
        "dataset": _make_synthetic_text_dataset(),
        "mode": "mock",
        "compute_budgets": compute_budgets or MOCK_BUDGETS,
    }
    if use_real_data:
        stories = ff.TinyStoriesDataset(tokenizer_name="bytes")
        choice |= {"dataset": stories, "mode": "local", "compute_budgets": compute_budgets or STORY_BUDGETS}
    elif stdlib:
        from flopsfit_tui.workloads.stdlib_bytes import load_corpus
        from flopsfit_tui.workloads.windows import TokenWindows

        corpus = load_corpus()
        choice |= {
            "model_cls": make_gpt_factory(num_layers=2, num_heads=2, max_seq_len=64),
            "dataset": TokenWindows(corpus.train, 64, corpus.fingerprint),
            "val_dataset": TokenWindows(corpus.held_out, 64, corpus.fingerprint, limit=1024),
            "mode": "local",
            "compute_budgets": compute_budgets or BYTE_BUDGETS,
            "sizes": (8, 12, 16, 20, 28, 36),
            "batch_size": 8,
            "learning_rate": 1.6e-2,
        }
    result = ff.find_optimal(model_size_param="d_model", loss_fn=ff.gpt_loss_fn, output_dir=output_dir, **choice)
    assert isinstance(result, ff.Result)
    print(result.chinchilla_table())
    if result.fit.predict(1e20):  # a law that says where the optimum is
        best = result.predict(100 * max(choice["compute_budgets"]))
        print(f"at {best.target_compute:g} FLOPs: {best.optimal_params:.3g} params, {best.optimal_tokens:.3g} tokens")
    return result


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Compute-optimal size of a GPT.")
    parser.add_argument("--real", action="store_true", help="train on TinyStories")
    parser.add_argument("--bytes", action="store_true", help="train on Python's own sources, offline")
    parser.add_argument("--output-dir", default="outputs/gpt_tinystories")
    given = parser.parse_args()
    run(given.real, given.output_dir, given.bytes)


if __name__ == "__main__":
    main()
