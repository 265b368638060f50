"""A hash that is fed piece by piece. Pieces carry a tag and their length, so that no two sequences look the same."""

from __future__ import annotations

import hashlib
from typing import Any

import xxhash

LARGE = 1 << 16  # bytes from which a piece is hashed by xxHash, at memory speed


class Stream:
    """Tagged pieces into one digest, the same in every process."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def feed(self, tag: str, content: bytes | memoryview = b"") -> None:
        """Add a piece."""
        size = content.nbytes if isinstance(content, memoryview) else len(content)
        if size >= LARGE:
            content = b"xxh3" + xxhash.xxh3_128(content).digest()
        self._hash.update(f"{tag}:{size}:".encode())
        self._hash.update(content)

    def text(self, tag: str, content: str) -> None:
        """Add a piece of text."""
        self.feed(tag, content.encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        """Sixteen hex digits of all that was fed."""
        return self._hash.hexdigest()[:16]


def atom(value: Any) -> tuple[str, bytes] | None:
    """A plain value as a piece; None for what is no plain value."""
    kind = type(value)
    if value is None or value is Ellipsis or value is NotImplemented:
        return repr(value), b""
    if kind in (bool, int, float, complex):
        return kind.__name__, repr(value).encode()
    if kind is str:
        return "str", value.encode("utf-8", "surrogatepass")
    if kind in (bytes, bytearray):
        return kind.__name__, value
    return None
