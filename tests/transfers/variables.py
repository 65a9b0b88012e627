"""Airflow Variables, as the supervisor of a task's process provides them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner

if TYPE_CHECKING:
    import pytest


class Variables(dict[str, str]):
    """Variables by their keys."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Respond to requests of this process."""
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self, raising=False)

    def send(self, message: Any) -> Any:
        """Respond to a message about a Variable."""
        if isinstance(message, comms.PutVariable):
            self[message.key] = str(message.value)
            return comms.OKResponse(ok=True)
        if isinstance(message, comms.GetVariable) and message.key in self:
            return comms.VariableResult(key=message.key, value=self[message.key])
        return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND)
