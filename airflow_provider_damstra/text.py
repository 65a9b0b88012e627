"""Texts for messages: of unknown origin, made safe to show, and long lists, shortened."""

from __future__ import annotations

from collections.abc import Sequence


def escape_unprintable(text: str) -> str:
    r"""Return a text with escapes such as ``\x1b`` for control, format and surrogate characters.

    A terminal or a log viewer could take them as commands, such as to hide or to overwrite other lines.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def join_first(texts: Sequence[str], limit: int = 20, *, separator: str = ", ") -> str:
    """Return the first texts as one, with the number of the others at its end."""
    hidden = len(texts) - limit
    return separator.join([*texts[:limit], *([f"and {hidden} more"] if hidden > 0 else [])])
