"""Output in a Jupyter notebook by IPython alone, which every notebook has; ipywidgets is not needed."""

from __future__ import annotations

import sys
import time
from html import escape
from types import TracebackType
from typing import Any, Self

REDRAW_SECONDS = 0.2


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def show_png(content: bytes) -> None:
    """Show a picture under the running cell."""
    from IPython.display import Image, display  # type: ignore[import-not-found]  # there, as in_notebook says

    display(Image(data=content, format="png"))


class NotebookBar:
    """A progress bar under the running cell, used like tqdm's."""

    def __init__(self, total: int, desc: str = "", unit: str = "") -> None:
        from IPython.display import display

        self.total, self.desc, self.unit, self.done = total, desc, unit, 0
        self._postfix, self._drawn = "", time.monotonic()
        self._handle = display(self, display_id=True)

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        self._redraw(now=self.done >= self.total)

    def set_postfix(self, refresh: bool = True, **values: object) -> None:
        """What stands behind the count."""
        self._postfix = "".join(f", {value} {name}" for name, value in values.items())
        self._redraw(now=refresh)

    def close(self) -> None:
        """Draw it as it ended."""
        self._redraw(now=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{self.desc}: {self.done} of {self.total} {self.unit}s{self._postfix}"

    def _repr_html_(self) -> str:
        return f'<progress value="{self.done}" max="{max(self.total, 1)}"></progress> {escape(repr(self))}'

    def _redraw(self, now: bool) -> None:
        if self._handle is not None and (now or time.monotonic() - self._drawn >= REDRAW_SECONDS):
            self._drawn = time.monotonic()
            self._handle.update(self)
