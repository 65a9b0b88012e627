"""Fakes of a client and of a lookup, which return prepared values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.models.base import Model
from airflow_provider_damstra.services.intent_log import RecordingClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.task_state import TaskState

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)


class FakeClient:
    """Return the given results in order; raise those that are exceptions."""

    def __init__(self, *results: Any) -> None:
        self.remaining = list(results)
        self.calls: list[Endpoint[Any]] = []

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return or raise the next result."""
        self.calls.append(endpoint)
        result: Any = self.remaining.pop(0)
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[no-any-return]

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of the next result."""
        rows: Any = self.call(endpoint)
        yield from rows


class ScriptedClient(RecordingClient):
    """A recording client of a ``FakeClient``, whose ``calls`` it offers."""

    def __init__(self, *results: Any, state: TaskState | None = None) -> None:
        fake = FakeClient(*results)
        super().__init__(fake, state)
        self.calls = fake.calls


class Lookup:
    """Return or raise the given results in order, and count the lookups."""

    def __init__(self, *results: Any) -> None:
        self.remaining = list(results)
        self.count = 0

    def __call__(self) -> Any:
        """Return or raise the next result."""
        self.count += 1
        result = self.remaining.pop(0)
        if isinstance(result, Exception):
            raise result
        return result
