"""A client whose answers are written down before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)


class ScriptedClient:
    """Answers calls with what it was given, in that order: an exception is raised, anything else returned."""

    def __init__(self, *answers: Any) -> None:
        self.left = list(answers)
        self.calls: list[Endpoint[Any]] = []

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return or raise the next answer."""
        self.calls.append(endpoint)
        answer: Any = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of the next answer."""
        rows: Any = self.call(endpoint)
        yield from rows


class Looks:
    """What a look finds each time; it counts how often it was asked."""

    def __init__(self, *found: Any) -> None:
        self.left = list(found)
        self.count = 0

    def __call__(self) -> Any:
        """Return or raise what is found next."""
        self.count += 1
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found
