"""A table for a notebook's output cell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of plain text under a head, as HTML."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def html_lines(text: str) -> str:
    """Plain text with its line breaks and columns kept."""
    return f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'
