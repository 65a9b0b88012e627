"""Whose rows earlier attempts of a task have written, so that a retry goes on there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.task_state import TaskState

if TYPE_CHECKING:
    from airflow.sdk import Context

_KEY = "written_parents"


class WrittenParents:
    """Remembers ids over the attempts of one task, where Airflow keeps such a thing (from 3.3).

    :param arguments: a text that tells what is written where from all else.
    """

    def __init__(self, context: Context, *, arguments: str) -> None:
        self._state = TaskState(context)
        self._arguments = arguments
        self._began_at = datetime.now(tz=UTC)
        self.ids: set[int] = set()
        self._recall()

    def add(self, ids: list[int]) -> None:
        """Remember these too."""
        if ids:
            self.ids.update(ids)
            self._keep()

    def forget(self) -> None:
        """Forget all: whoever runs the task again wants everybody read again."""
        if self.ids:
            self.ids.clear()
            self._state.delete(_KEY)

    def _recall(self) -> None:
        from airflow_provider_damstra.exports.checkpoint import KEPT_FOR

        kept = self._state.get(_KEY, {})
        if kept.get("arguments") == self._arguments:
            began_at = datetime.fromisoformat(kept["began_at"])
            if self._began_at - began_at < KEPT_FOR:
                self._began_at = began_at
                self.ids.update(kept["ids"])

    def _keep(self) -> None:
        self._state.set(
            _KEY,
            {
                "arguments": self._arguments,
                "began_at": self._began_at.isoformat(),
                "ids": sorted(self.ids),
            },
        )
