"""Text into tokens: bytes, which need nothing, or GPT-2's, whose tokenizer is another package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from flopsfit_tui.workloads.stories import check_hub

GPT2_VOCABULARY = 50_257
BYTES = 'take tokenizer_name="bytes", which needs no download'
CACHE_VARIABLES = {"TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"}  # where the user wants tiktoken's files
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
    """GPT-2's byte pairs, by tiktoken or else by transformers; both download the vocabulary when first used."""
    try:
        import tiktoken  # type: ignore[import-not-found]  # an extra
    except ImportError:
        return _load_gpt2_by_transformers()
    kept = CACHE_VARIABLES.isdisjoint(os.environ)
    folder = user_cache_path("flopsfit-tui") / "tiktoken"  # its own choice is a directory that a restart empties
    try:
        with _environment("TIKTOKEN_CACHE_DIR", str(folder)) if kept else nullcontext():
            encoding = tiktoken.get_encoding("gpt2")
    except Exception as error:  # requests' and the system's errors, of many kinds
        raise _no_vocabulary(error) from error
    return lambda texts: [np.array(ids, dtype=np.uint16) for ids in encoding.encode_ordinary_batch(list(texts))]


def _load_gpt2_by_transformers() -> Encode:
    try:
        from transformers import GPT2TokenizerFast  # type: ignore[import-not-found, attr-defined]
    except ImportError:
        raise ValueError(
            f"GPT-2 tokens need tiktoken, which is not installed: pip install 'flopsfit-tui[gpt2]', or {BYTES}"
        ) from None
    tokenizer: Any = ()
    with suppress(OSError):  # not kept yet
        tokenizer = GPT2TokenizerFast.from_pretrained("gpt2", local_files_only=True)
    try:
        if len(tokenizer) != GPT2_VOCABULARY:  # transformers 5 gives one without a vocabulary where there are no files
            check_hub()
            tokenizer = GPT2TokenizerFast.from_pretrained("gpt2")
        if len(tokenizer) != GPT2_VOCABULARY:
            raise OSError(f"what came has {len(tokenizer)} tokens, not {GPT2_VOCABULARY}")
    except Exception as error:
        raise _no_vocabulary(error) from error
    return lambda texts: [np.array(ids, dtype=np.uint16) for ids in tokenizer(list(texts))["input_ids"]]


def _no_vocabulary(error: Exception) -> ValueError:
    said = shorten(f"{type(error).__name__}: {error}", 120, placeholder=" ...")
    return ValueError(
        f"GPT-2's vocabulary (1.5 MB) could not be downloaded ({said}); connect to the network once, or {BYTES}"
    )


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """The variable set for a while; it was not set before."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


KINDS = {
    "bytes": Tokens(256, np.uint8, 0, _load_bytes),
    "gpt2": Tokens(GPT2_VOCABULARY, np.uint16, 50_256, _load_gpt2),
}


def kind_of(name: str) -> Tokens:
    """The kind of tokens called so. Raises ValueError naming those that there are."""
    if name not in KINDS:
        raise ValueError(f"tokenizer_name is {name!r}; give one of {', '.join(map(repr, KINDS))}")
    return KINDS[name]
