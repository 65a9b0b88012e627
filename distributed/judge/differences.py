"""Comparison of what is there with what is expected."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

SHOWN = 5
"""Examples in a finding."""


def compare(what: str, actual: Iterable[Hashable], expected: Iterable[Hashable]) -> list[str]:
    """Return a finding each for what is lost, what occurs several times, and what should not be there.

    :param what: the kind of the compared things, such as ``members of Crew A``.
    :param actual: each as often as it occurs.
    :param expected: each once.
    """
    counts = Counter(actual)
    wanted = set(expected)
    doubled = [item for item, count in counts.items() if count > 1]
    return [
        finding
        for finding in (
            _finding(what, "lost", wanted - counts.keys()),
            _finding(what, "doubled", doubled),
            _finding(what, "unexpected", counts.keys() - wanted),
        )
        if finding
    ]


def _finding(what: str, problem: str, items: Iterable[Hashable]) -> str | None:
    texts = sorted(map(str, items))
    if not texts:
        return None
    shown = ", ".join(texts[:SHOWN])
    more = f" and {len(texts) - SHOWN} others" if len(texts) > SHOWN else ""
    return f"{what}: {problem}: {shown}{more}"
