"""Which connections have something to read."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stream(Protocol):
    """What the system can be asked about."""

    def fileno(self) -> int:
        """Return its number in the system, or -1 if it is closed."""


AnyStream = TypeVar("AnyStream", bound=Stream)


def readable(streams: Iterable[AnyStream], *, seconds: float) -> list[AnyStream]:
    """Return the open ones that have something to read, or are at their end.

    :param seconds: how long to wait at most until one has.
    """
    # Another thread may close them meanwhile: each is asked once.
    by_number = {stream.fileno(): stream for stream in streams}
    by_number.pop(-1, None)
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(seconds * 1000)]
