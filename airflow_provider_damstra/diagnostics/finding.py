"""Result of a check of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found.

    :param check: name of the check, such as ``clock``.
    :param text: what was found, in one sentence, without a secret.
    :param advice: what to do about it; empty if there is nothing to do.
    """

    check: str
    level: Level
    text: str
    advice: str = ""
