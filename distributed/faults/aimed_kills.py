"""Kills between the commit of a change and its response."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from distributed.faults.peers import kill_sender
from distributed.operations import operation_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed.faults.proxy import Exchange


class AimedKills:
    """An observer that kills the process whose change has been carried out, some times for each operation.

    ``killed`` counts the kills by operation.

    :param operations: names of the operations, such as ``CreateUser``.
    :param times: kills for each operation.
    """

    def __init__(self, operations: Iterable[str], *, times: int) -> None:
        self.killed: Counter[str] = Counter()
        self._pending = Counter(dict.fromkeys(operations, times))

    def __call__(self, exchange: Exchange) -> None:
        """Kill the sender of a change that is successful."""
        operation = operation_of(exchange.method, exchange.path)
        if operation is None or not self._pending[operation] or not 200 <= (exchange.status or 0) < 300:
            return
        if kill_sender(exchange):
            self._pending[operation] -= 1
            self.killed[operation] += 1

    @property
    def missing(self) -> list[str]:
        """Return the operations whose senders were never killed."""
        return sorted(self._pending.keys() - self.killed.keys())
