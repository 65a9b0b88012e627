"""The protocol of conditions, and how a worker polls one.

A condition returns the queries that it depends on, is updated with their responses, and evaluates to a
``PollResult``. It sends nothing itself: ``poll`` sends its queries immediately from a worker, and the shared
poller of ``airflow_provider_damstra.polling`` sends those of many conditions together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from airflow_provider_damstra.clients.pagination import PageCache
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleSummary, UserLessonSchedule
from airflow_provider_damstra.models.timestamps import to_utc
from airflow_provider_damstra.services.concurrency import map_concurrently, return_error
from airflow_provider_damstra.text import escape_unprintable
from airflow_provider_damstra.validation_errors import format_argument_error

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls

Query = Endpoint[Any]
OpenItem = Callable[[], str]
"""Returns the text about a user, lesson or session that is still waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryFilter:
    """The part of a query's response that a condition needs, and the time from which it is needed.

    :param row_keys: keys of the needed rows of a listing, which is read up to the last of them. None is for
        all rows.
    :param not_before: when the response can change at the earliest, or None for at any time.
    :param tolerated: permanent errors that do not fail the condition: it is updated with them, and the query
        is repeated.
    """

    row_keys: Collection[int] | None = None
    not_before: datetime | None = None
    tolerated: tuple[type[DamstraError], ...] = ()

    def is_due(self) -> bool:
        """Return whether the response may have changed by now."""
        return self.not_before is None or self.not_before <= datetime.now(UTC)

    def is_affected_by(self, changed: frozenset[int] | None) -> bool:
        """Return whether a change of these rows matters; None is for any change."""
        if changed is None:
            return True
        return bool(changed) if self.row_keys is None else not changed.isdisjoint(self.row_keys)


@dataclass(frozen=True, kw_only=True)
class PollResult:
    """Result of the evaluation of a condition.

    :param is_met: whether the condition is met.
    :param failure: why it can never be met, or None.
    :param progress: how far it is, for the log.
    :param result: what the task returns when the condition is met; fit for XCom.
    """

    is_met: bool = False
    failure: str | None = None
    progress: str = ""
    result: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Escape control characters: texts contain names that the server sent, and are logged."""
        object.__setattr__(self, "failure", self.failure and escape_unprintable(self.failure))
        object.__setattr__(self, "progress", escape_unprintable(self.progress))

    @property
    def is_done(self) -> bool:
        """Return whether the condition is met or has failed, so that waiting ends."""
        return self.is_met or self.failure is not None


AT_ANY_TIME = QueryFilter()
"""The filter of a query whose rows are all needed, at any time."""


class Condition(Protocol):
    """A state machine that a sensor or trigger waits for."""

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the queries to send next; each update may change them."""

    def update(self, query: Query, response: Any) -> None:
        """Store a response: a model, a listing's rows, a ``DamstraNotFoundError``, or a tolerated error."""

    def evaluate(self) -> PollResult:
        """Return whether the condition is met, by the responses so far."""

    def open_items(self) -> Iterable[OpenItem]:
        """Yield what is still waited for. A log line has the texts of the first ones only."""


class SingleQueryCondition:
    """The part of a condition that depends on one query: a subclass evaluates the last response.

    :ivar response: a model, rows, a ``DamstraNotFoundError``, or None before the first response.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self.response: Any = None

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the query."""
        return {self._query: AT_ANY_TIME}

    def update(self, query: Query, response: Any) -> None:
        """Store the response."""
        self.response = response

    def open_items(self) -> Iterable[OpenItem]:
        """Yield nothing: the progress of the condition shows what is open."""
        return ()


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """The fields of a lesson schedule that conditions need: a tenth of the row, for triggerers keep many."""

    row_key: int
    lesson_id: int | None = None
    state: str = "open"
    start_date: datetime | None = None
    completed_date: datetime | None = None
    lesson_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    lesson_version_id: int | None = None
    due_date: datetime | None = None

    @property
    def user_name(self) -> str:
        """Return the user's first and last name, as far as they are known."""
        return " ".join(filter(None, (self.first_name, self.last_name)))

    def __str__(self) -> str:
        """Return the schedule's id, lesson, user and state."""
        user = self.user_name
        details = f" ({self.lesson_name} for {user})" if self.lesson_name and user else ""
        return f"lesson schedule {self.row_key}{details} is {self.state}"


@lru_cache(maxsize=100_000)
def user_schedules_query(user_id: int) -> ListUserLessonSchedules:
    """Return the query for a user's schedules: one object for all conditions, which compares fastest."""
    return ListUserLessonSchedules(user_id=user_id)


def compact_row(row: Any) -> Any:
    """Return the part of a row that conditions need; most equal values share one object."""
    if not isinstance(row, (UserLessonSchedule, LessonScheduleSummary)):
        return row
    names = (row.lesson_name, row.user_first_name, row.user_last_name)
    dates = (row.start_date, row.lesson_completed_date, row.end_date)
    start, completed, due = (date and _shared(to_utc(date)) for date in dates)
    lesson_name, first_name, last_name = (name and intern(name) for name in names)
    return ScheduleState(
        row.id,
        _shared(row.lesson_id),
        row.state,
        start,
        completed,
        lesson_name,
        first_name,
        last_name,
        _shared(row.lesson_version_id),
        due,
    )


@lru_cache(maxsize=10_000)
def _shared(value: Any) -> Any:
    """Return one object for equal values: many schedules have the same lesson, start and due date."""
    return value


def page_cache_for(query: Query) -> PageCache:
    """Return a cache of a query's pages that stores compact rows."""
    is_schedules = isinstance(query, ListUserLessonSchedules)
    return PageCache(row=LessonScheduleSummary if is_schedules else None, reduce=compact_row)


def create_condition(kind: type[Condition], arguments: Mapping[str, Any]) -> Condition:
    """Return a new condition.

    :raises ValueError: naming the invalid arguments, without pydantic's multi-line report.
    """
    try:
        return kind(**arguments)
    except ValidationError as error:
        problems = format_argument_error(error)
        raise ValueError(f"Invalid arguments: {problems}") from None


def poll(client: SupportsCalls, condition: Condition) -> PollResult:
    """Send each due query of a condition once, in threads, and return what it evaluates to.

    :raises DamstraError: if a query failed. Responses that arrived before are kept in the condition.
    """
    sent: set[Query] = set()
    while due := [
        (query, query_filter)
        for query, query_filter in condition.queries().items()
        if query not in sent and query_filter.is_due()
    ]:
        responses = map_concurrently(
            return_error(lambda item: _send(client, *item)), due, description="queries completed"
        )
        for (query, _), response in zip(due, responses, strict=True):
            sent.add(query)
            if isinstance(response, DamstraError) and not is_not_found(response):
                raise response
            condition.update(query, response)
    return condition.evaluate()


def is_not_found(error: DamstraError) -> bool:
    """Return whether Damstra reports that an object does not exist, as opposed to a 404 of a proxy."""
    return isinstance(error, DamstraNotFoundError) and not error.is_from_proxy


def _send(client: SupportsCalls, query: Query, query_filter: QueryFilter) -> Any:
    if not isinstance(query, ListEndpoint):
        return client.call(query)
    rows: list[Any] = []
    missing = set(query_filter.row_keys or ())
    with closing(client.iterate(query)) as listing:  # type: ignore[type-var]
        for row in listing:
            rows.append(compact_row(row))
            missing.discard(row.row_key)
            if query_filter.row_keys is not None and not missing:
                break  # reading further may cost another request
    return rows
