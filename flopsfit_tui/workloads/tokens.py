"""Text into tokens: bytes, which need nothing, or GPT-2's, whose tokenizer is another package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Encode = Callable[[Sequence[str]], list[np.ndarray]]


@dataclass(frozen=True)
class Tokens:
    """A kind of tokens. `load` gives what turns texts into arrays of `dtype`; it may import, download, and raise."""

    vocab_size: int
    dtype: type
    end: int  # the token after every text
    load: Callable[[], Encode]


def _load_bytes() -> Encode:
    return lambda texts: [np.frombuffer(text.encode(), dtype=np.uint8) for text in texts]


def _load_gpt2() -> Encode:
    """GPT-2's byte pairs, by tiktoken or else by transformers."""
    try:
        import tiktoken  # type: ignore[import-not-found]  # neither is a dependency
    except ImportError:
        pass
    else:
        encoding = tiktoken.get_encoding("gpt2")
        return lambda texts: [np.array(ids, dtype=np.uint16) for ids in encoding.encode_ordinary_batch(list(texts))]
    try:
        from transformers import GPT2TokenizerFast  # type: ignore[import-not-found]
    except ImportError:
        raise ValueError(
            "GPT-2 tokens need tiktoken or transformers, and neither is installed; pip install tiktoken, or take "
            'tokenizer_name="bytes"'
        ) from None
    tokenizer = GPT2TokenizerFast.from_pretrained("gpt2")
    return lambda texts: [np.array(ids, dtype=np.uint16) for ids in tokenizer(list(texts))["input_ids"]]


KINDS = {
    "bytes": Tokens(256, np.uint8, 0, _load_bytes),
    "gpt2": Tokens(50_257, np.uint16, 50_256, _load_gpt2),
}


def kind_of(name: str) -> Tokens:
    """The kind of tokens called so. Raises ValueError naming those that there are."""
    if name not in KINDS:
        raise ValueError(f"tokenizer_name is {name!r}; give one of {', '.join(map(repr, KINDS))}")
    return KINDS[name]
