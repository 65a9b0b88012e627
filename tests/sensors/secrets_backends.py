"""Fakes of Airflow's secrets backends and of its supervisor, which fail for some time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow import models
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import supervisor, task_runner
from airflow.sdk.execution_time.comms import DRCount, ErrorResponse, GetConnection, GetDRCount

if TYPE_CHECKING:
    import pytest

# Before Airflow 3.1, hooks read the metadata database's class of connections.
_CONNECTION: Any = Connection if hasattr(Connection, "from_json") else models.Connection


class FailingBackend:
    """A secrets backend whose first lookups fail, such as a vault that restarts.

    :param connection: the connection as JSON, or None if the backend does not contain it.
    :ivar lookups: number of lookups.
    """

    def __init__(self, connection: str | None, *, failures: float) -> None:
        self.connection = connection
        self.failures = failures
        self.lookups = 0

    def get_connection(self, conn_id: str) -> Any:
        """Return the connection."""
        self.lookups += 1
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionRefusedError("postgresql://airflow:s3cret@db refused the connection")
        return _CONNECTION.from_json(self.connection, conn_id=conn_id) if self.connection else None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Make it the only secrets backend of this process."""
        patch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [self])
        # Before Airflow 3.1, without a supervisor:
        patch.setattr("airflow.models.connection.ensure_secrets_loaded", lambda: [self], raising=False)


class FakeSupervisor:
    """The supervisor of a task or of the triggerer, with an API server whose database fails at first.

    As the API server does, it reports a connection that it cannot read as not found.
    """

    def __init__(self, *, failures: float) -> None:
        self.failures = failures

    def send(self, msg: Any) -> Any:
        """Respond to a request."""
        is_failing, self.failures = self.failures > 0, self.failures - 1
        if isinstance(msg, GetConnection):
            return ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": msg.conn_id})
        assert isinstance(msg, GetDRCount), msg
        if is_failing:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
        return DRCount(count=0)

    async def asend(self, msg: Any) -> Any:
        """Respond to a request in an event loop."""
        return self.send(msg)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Make this process a task or triggerer."""
        patch.setattr(task_runner, "SUPERVISOR_COMMS", self, raising=False)
