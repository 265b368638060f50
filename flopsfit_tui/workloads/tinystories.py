"""TinyStories (Eldan and Li, arXiv 2305.07759): two million stories in a child's words, tokenized once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.utils.data import Dataset

from flopsfit_tui.workloads import token_file
from flopsfit_tui.workloads.preview import Lazy, Preview
from flopsfit_tui.workloads.stories import origin, read_texts
from flopsfit_tui.workloads.tokens import kind_of
from flopsfit_tui.workloads.windows import TokenWindows

HUB = "roneneldan/TinyStories"
SPLITS = ("train", "validation")
OFFLINE = "gpt-bytes and vit-textures need no download"
AT_ONCE = 1000  # stories tokenized together


class TinyStoriesDataset(Dataset[tuple[Tensor, Tensor]], Lazy):
    """Stories end to end, in windows of seq_len tokens, each with the tokens that follow.

    Constructing it reads nothing. When first used, the stories are streamed from the Hugging Face hub, or from `path`,
    a directory with a copy of them (what Dataset.save_to_disk wrote, or the hub's parquet files). They are tokenized
    and kept in cache_dir (None: the user's cache directory), from where they are read ever after. max_tokens ends the
    download early; `limit` takes only so many windows, evenly spread.

    tokenizer_name "bytes" needs nothing and has a vocab_size of 256; "gpt2" needs tiktoken or transformers, and has
    50,257. As a torch Dataset, `[i]` is (inputs, targets), each (seq_len,) int64; as a Source it gives whole batches,
    drawn by seed.

    Raises ValueError for an unknown split or tokenizer; and when used, in one sentence, when the stories cannot be had.
    """

    def __init__(
        self,
        split: str = "train",
        seq_len: int = 256,
        cache_dir: str | Path | None = None,
        tokenizer_name: str = "gpt2",
        *,
        path: str | Path = HUB,
        max_tokens: int | None = None,
        limit: int | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}; give one of {', '.join(map(repr, SPLITS))}")
        if seq_len < 1:
            raise ValueError(f"seq_len is {seq_len}; give 1 or more")
        self.split, self.tokenizer_name, self.path = split, tokenizer_name, str(path)
        self.cache_dir = cache_dir or user_cache_path("flopsfit-tui") / "tinystories"  # as given
        self.seq_len, self.max_tokens, self.limit = seq_len, max_tokens, limit
        self.vocab_size = kind_of(tokenizer_name).vocab_size
        self._loaded: TokenWindows | None = None

    @property
    def tokens_per_sample(self) -> int:
        """The seq_len, as a Source calls it."""
        return self.seq_len

    @property
    def samples(self) -> int | None:
        """Windows; reads, and if need be downloads."""
        return self.load().samples

    @property
    def fingerprint(self) -> str:
        """A hash of every token; reads, and if need be downloads."""
        return self.load().fingerprint

    def __len__(self) -> int:
        return self.samples or 0

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        inputs, targets = self.load().cut(self.load().starts()[[index]])
        return inputs[0], targets[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}  # another process reads its own

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless (inputs, targets), each (B, seq_len) int64, reshuffled and cut anew every epoch."""
        return self.load().batches(batch_size, seed)

    def batches_from(self, batch_size: int, seed: int, skipped: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The same without the first `skipped` batches, which are not read."""
        return self.load().batches_from(batch_size, seed, skipped)

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every window once, in a fixed order."""
        return self.load().once(batch_size)

    def held_out(self, samples: int | None = None) -> TinyStoriesDataset:
        """The validation split, all of it or so many windows."""
        kept = self.seq_len, self.cache_dir, self.tokenizer_name
        return TinyStoriesDataset("validation", *kept, path=self.path, limit=samples)

    def preview(self) -> Preview:
        """Batches of the right shape without a single story, to plan with while nothing has been read."""
        blank = torch.zeros(1, self.seq_len, dtype=torch.int64)
        kept = token_file.find(self._file())
        samples = (kept.count - 1) // self.seq_len if kept else None
        return Preview((blank, blank), self.seq_len, samples, "TinyStories")

    def prepare_data(self) -> None:
        """Download and tokenize now what would otherwise be when first used; read ever after from cache_dir."""
        self.load()

    def load(self) -> TokenWindows:
        """The windows; tokenized, and if need be downloaded, once."""
        if self._loaded is None:
            file = self._file()
            found = token_file.find(file) or self._fetch(file)
            self._loaded = TokenWindows(found.open(), self.seq_len, found.fingerprint, self.limit)
        return self._loaded

    def _file(self) -> Path:
        most = f"-{self.max_tokens}" if self.max_tokens else ""
        folder = Path(self.cache_dir).expanduser()
        return folder / f"{origin(self.path)}-{self.split}-{self.tokenizer_name}{most}.bin"

    def _fetch(self, file: Path) -> token_file.TokenFile:
        try:
            return token_file.write(file, self._tokenized())
        except ValueError:
            raise
        except Exception as error:  # the libraries raise their own, of many kinds
            raise ValueError(
                f"TinyStories ({self.path}, {self.split}, {self.tokenizer_name} tokens) could not be read into "
                f"{self.cache_dir} ({type(error).__name__}: {error}); connect to the network, or give path=, a "
                f"directory with a copy, or use another workload: {OFFLINE}"
            ) from error

    def _tokenized(self) -> Iterator[np.ndarray]:
        from tqdm import tqdm  # comes with `datasets`

        kind = kind_of(self.tokenizer_name)
        encode = kind.load()
        end: np.ndarray = np.array([kind.end], dtype=kind.dtype)
        left = self.max_tokens
        texts = read_texts(self.path, self.split)
        with tqdm(total=left, unit=" tokens", unit_scale=True, desc=f"TinyStories {self.split}") as bar:
            while (left is None or left > 0) and (some := list(islice(texts, AT_ONCE))):
                part = np.concatenate([piece for ids in encode(some) for piece in (ids, end)])[:left]
                left = None if left is None else left - len(part)
                bar.update(len(part))
                yield part
