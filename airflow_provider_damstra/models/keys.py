"""Comparison of the texts that identify users and groups in Damstra Learning."""

from __future__ import annotations

import unicodedata
from typing import NewType

MatchKey = NewType("MatchKey", str)
"""A user name, e-mail address, employee number or name of a group, in the form in which two are compared."""


def match_key(value: str | None) -> MatchKey:
    """Return the form in which a value is compared: regardless of case and surrounding blanks.

    It is empty for a blank value, which identifies nothing. Composed and decomposed accents are equal.
    """
    folded = unicodedata.normalize("NFD", value or "").casefold()
    return MatchKey(unicodedata.normalize("NFC", folded).strip())
