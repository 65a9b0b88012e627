"""Markdown for generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: object) -> str:
    """Return a text in code font, or nothing for an empty text."""
    return f"`{text}`" if str(text) else ""


def codes(texts: Iterable[object]) -> str:
    """Return texts in code font, separated by commas."""
    return ", ".join(map(code, texts))


def escape(text: str) -> str:
    """Return a text of the code, in which nothing is HTML or emphasis."""
    return text.replace("<", "\\<").replace("*", "\\*")


def py_class(name: str) -> str:
    """Return the target of references to a class, with its name to import it by."""
    return f"```{{py:class}} {name}\n```"


def blocks(*texts: str) -> str:
    """Return texts as blocks of a page; empty ones are left out."""
    return "\n\n".join(text.strip("\n") for text in texts if text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
