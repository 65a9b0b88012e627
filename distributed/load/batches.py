"""The seeds of crews that are trained side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

CREWS_AT_A_TIME = 3
MAX_MORE_CREWS = 6
"""On a fast machine crews are trained before each process fault has occurred; these follow, one by one."""


def batches(count: int, *, missing_faults: Callable[[], Collection[str]]) -> Iterator[list[int]]:
    """Yield the seeds from 1 to a number in batches, then single ones until each process fault has occurred.

    :param missing_faults: returns the faults that have not occurred yet.
    """
    for first in range(1, count + 1, CREWS_AT_A_TIME):
        yield list(range(first, min(first + CREWS_AT_A_TIME, count + 1)))
    for seed in range(count + 1, count + 1 + MAX_MORE_CREWS):
        if not missing_faults():
            return
        yield [seed]
