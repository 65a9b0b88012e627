"""Comparison of the texts that identify users and groups in Damstra Learning."""

from __future__ import annotations

import unicodedata
from typing import NewType

MatchKey = NewType("MatchKey", str)
"""A user name, e-mail address, employee number or name of a group, in the form in which two are compared."""


def match_key(value: str | None) -> MatchKey:
    """Return the form in which a value is compared: regardless of case and surrounding blanks.

    It is empty for a blank value, which identifies nothing. Composed and decomposed accents are equal.
    Invisible characters, such as a zero-width space copied from a spreadsheet, count as blanks.
    """
    folded = unicodedata.normalize("NFD", value or "").casefold()
    key = unicodedata.normalize("NFC", folded).strip()
    if not key.isprintable():
        key = key.strip("".join(filter(_is_blank, key)))
    return MatchKey(key)


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
