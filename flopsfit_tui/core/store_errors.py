"""What can be wrong with a sweep's store, each in one sentence that says what to do."""

from __future__ import annotations


class StoreError(ValueError):
    """A store that cannot be used as it is; the command line ends with exit code 1."""


class StoreDamaged(StoreError):
    """What lies on disk is not what was written."""


class StoreFault(StoreError):
    """The disk does not take or give what it should now, and may later: full, read-only, gone, failing."""
