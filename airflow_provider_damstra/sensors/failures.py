"""How many looks of a sensor failed in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

_KEY = "damstra_poll_failures"


class PollFailures:
    """Looks that failed in a row.

    The count outlives the process where a sensor is rescheduled, as far as Airflow keeps such a thing (from
    3.3).

    :param context: the task's context, or an empty one if the process lives as long as the wait.
    :param owner: whatever lives as long as the process.
    """

    def __init__(self, context: Context | dict[str, Any], owner: object) -> None:
        self._store: Any = context.get("task_state_store")
        self._owner = owner
        kept: Any = self._store.get(_KEY, 0) if self._store is not None else getattr(owner, _KEY, 0)
        self.count = int(kept)

    def add_one(self) -> int:
        """Count one more and return how many that makes."""
        self._keep(self.count + 1)
        return self.count

    def forget(self) -> None:
        """Begin anew."""
        if self.count:
            self._keep(0)

    def _keep(self, count: int) -> None:
        self.count = count
        if self._store is not None:
            self._store.set(_KEY, count)
        else:
            setattr(self._owner, _KEY, count)
