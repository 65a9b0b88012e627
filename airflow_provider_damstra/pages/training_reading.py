"""Read the training of a group for a page: bounded in people and time, and cached for a minute."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from threading import Condition
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import TTLCache, cached

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.endpoints.group import ListGroups
from airflow_provider_damstra.exports.reader import ResourceReader
from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery
from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
from airflow_provider_damstra.exports.training_matrix.page import to_html
from airflow_provider_damstra.exports.training_matrix.reading import (
    TrainingMatrixRequest,
    read_training_matrix,
)
from airflow_provider_damstra.exports.training_matrix.schedule_status import ScheduleStatuses
from airflow_provider_damstra.hooks.metrics import count_request, server_stats
from airflow_provider_damstra.pages.known_connections import read_client_settings

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.exports.reader import RowPage
    from airflow_provider_damstra.models.base import Model

    Result = TypeVar("Result")
    Row = TypeVar("Row", bound=Model)

MAX_PEOPLE = 500
MAX_GROUPS = 2000
READ_SECONDS = 25.0
REQUEST_SECONDS = 8.0
"""Time limits of reading, and of one request; a request that is in progress at the limit ends after it."""

CACHE_SECONDS = 60
CACHED_MATRICES = 20
CACHED_LISTS = 50


class TrainingNotShownError(Exception):
    """The group has too many people, or Damstra is too slow, for a page."""


class _Deadline:
    """Time limit that is checked between requests."""

    def __init__(self) -> None:
        self._end = time.monotonic() + READ_SECONDS

    def check(self) -> None:
        """Raise ``TrainingNotShownError`` if the time is over."""
        if time.monotonic() > self._end:
            raise TrainingNotShownError(f"Damstra did not send all of the data within {READ_SECONDS:.0f} s.")


class _BoundedClient:
    """Client that checks a deadline before each request and row."""

    def __init__(self, client: Client, deadline: _Deadline) -> None:
        self._client = client
        self._deadline = deadline

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""
        self._deadline.check()
        return self._client.call(endpoint)

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""
        for row in self._client.iterate(endpoint):
            self._deadline.check()
            yield row


class _BoundedReader(ResourceReader):
    """Reader that checks a deadline after each page."""

    deadline: _Deadline

    def pages(self, *args: Any, **kwargs: Any) -> Iterator[RowPage]:
        """Yield the pages."""
        for page in super().pages(*args, **kwargs):
            self.deadline.check()
            yield page


@cached(TTLCache(CACHED_LISTS, CACHE_SECONDS), condition=Condition())
def list_groups(conn_id: str) -> dict[int, str]:
    """Return the names of the groups of an account by id, in alphabetical order, at most ``MAX_GROUPS``.

    :raises DamstraError: if they cannot be listed.
    :raises TrainingNotShownError: if Damstra is too slow.
    """
    names: dict[int, str] = {}
    with _open_client(_settings(conn_id)) as client:
        for group in _BoundedClient(client, _Deadline()).iterate(ListGroups()):
            names[group.id] = group.display_name
            if len(names) == MAX_GROUPS:
                break
    return dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))


@cached(TTLCache(CACHED_MATRICES, CACHE_SECONDS), condition=Condition())
def read_matrix_page(conn_id: str, group_id: int) -> bytes:
    """Return the training matrix of a group as an HTML page.

    :raises DamstraError: if it cannot be read.
    :raises TrainingNotShownError: if the group is too large, or Damstra is too slow.
    """
    settings = _settings(conn_id)
    deadline = _Deadline()
    at = datetime.now(UTC)
    with _open_client(settings) as client:
        bounded = _BoundedClient(client, deadline)
        matrix = read_training_matrix(
            bounded,
            TrainingMatrixRequest(group_id=group_id),
            at=at,
            read_schedules=partial(_open_reader, settings, deadline),
            create_statuses=lambda: ScheduleStatuses(
                bounded, None, completion=CompletionRequirements(), at=at
            ),
        )
    return to_html(matrix, time_zone=UTC)


def _settings(conn_id: str) -> ClientSettings:
    settings = read_client_settings(conn_id)
    limits = {"timeout": min(settings.timeout, REQUEST_SECONDS), "max_retries": min(settings.max_retries, 1)}
    return settings.model_copy(update=limits)


def _open_client(settings: ClientSettings) -> Client:
    return Client(settings, observe=partial(count_request, stats=server_stats()))


def _open_reader(settings: ClientSettings, deadline: _Deadline, user_ids: Sequence[int]) -> ResourceReader:
    """Return the reader of the lesson schedules of some users.

    :raises TrainingNotShownError: if there are too many users.
    """
    if len(user_ids) > MAX_PEOPLE:
        raise TrainingNotShownError(
            f"The group has {len(user_ids)} members; the page shows at most {MAX_PEOPLE}. "
            "DamstraTrainingMatrixOperator writes the matrix of groups of any size."
        )
    query = ResourceQuery(
        resource=RESOURCES["lesson_schedules"],
        parent_ids=user_ids,
        max_concurrency=settings.max_concurrency,
        deduplicates=True,
    )
    # Pages of one row could not overlap.
    paged = settings.model_copy(update={"page_size": max(settings.page_size, 2)})
    observe = partial(count_request, stats=server_stats())
    reader = _BoundedReader(query, lambda: AsyncClient(paged, observe=observe))
    reader.deadline = deadline
    return reader
