"""How big should a GPT be? find_optimal with d_model as the size knob.

python -m flopsfit_tui.examples.example_programmatic             mock losses: seconds, no network, nothing trained
python -m flopsfit_tui.examples.example_programmatic --real      trains on TinyStories, downloaded when first used
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import TensorDataset

import flopsfit_tui as ff
from flopsfit_tui.examples import GPT, GPTConfig, TinyStoriesDataset, gpt_loss_fn, script

VOCAB_SIZE = 50257  # of GPT-2's tokenizer
MOCK_BUDGETS = [1e16, 3e16, 1e17, 3e17, 1e18]  # a vocabulary of 50,257 leaves no small models for less
REAL_BUDGETS = {"bytes": [1e14, 3e14, 1e15], "gpt2": [1e15, 3e15, 1e16]}  # minutes to an hour on a GPU


def make_model_factory(num_layers: int = 4, num_heads: int = 4, vocab_size: int = VOCAB_SIZE) -> Callable[[int], GPT]:
    """A closure that makes a GPT of any width."""

    def make_gpt(d_model: int) -> GPT:
        return GPT(GPTConfig(d_model, num_layers, num_heads, vocab_size, max_seq_len=256))

    return make_gpt


def _make_synthetic_dataset(seq_len: int = 256, size: int = 128) -> TensorDataset:
    """Random tokens (size, seq_len) and their successors: enough for mock mode, which only counts."""
    tokens = torch.randint(0, VOCAB_SIZE, (size, seq_len + 1))
    return TensorDataset(tokens[:, :-1], tokens[:, 1:])


def run(
    use_real_data: bool = False,
    output_dir: str = "outputs/gpt_tinystories",
    tokenizer_name: str = "gpt2",
    compute_budgets: Sequence[float] | None = None,
) -> ff.Result:
    """Sweep the GPT and print the answer."""
    data: Any = _make_synthetic_dataset()
    vocab_size, budgets = VOCAB_SIZE, MOCK_BUDGETS
    if use_real_data:
        data = TinyStoriesDataset(split="train", seq_len=256, tokenizer_name=tokenizer_name)
        vocab_size, budgets = data.vocab_size, REAL_BUDGETS[tokenizer_name]
        data.prepare_data()
    result = ff.find_optimal(
        model_cls=make_model_factory(vocab_size=vocab_size),
        model_size_param="d_model",
        dataset=data,
        loss_fn=gpt_loss_fn,
        compute_budgets=compute_budgets or budgets,
        mode="local" if use_real_data else "mock",
        output_dir=output_dir,
    )
    assert isinstance(result, ff.Result)
    script.report(result)
    return result


def main() -> None:
    """From the command line."""
    options = script.parser("Compute-optimal size of a GPT.", "TinyStories", "outputs/gpt_tinystories")
    options.add_argument(
        "--tokenizer", choices=["gpt2", "bytes"], default="gpt2", help="of the stories [default: %(default)s]"
    )
    given = options.parse_args()
    script.call(run, given.real, given.output_dir, given.tokenizer, given.budgets)


if __name__ == "__main__":
    main()
