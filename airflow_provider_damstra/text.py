"""Text of unknown origin, made safe to show."""

from __future__ import annotations


def escape_unprintable(text: str) -> str:
    r"""Return a text with escapes such as ``\x1b`` for control, format and surrogate characters.

    A terminal or a log viewer could take them as commands, such as to hide or to overwrite other lines.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
