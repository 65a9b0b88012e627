"""A wait says what it has to ask about, learns from the answers, and knows when it is over.

Who asks, and when, is not its business: a worker asks all at once, the triggerer for many waits together.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import ValidationError

from airflow_provider_damstra.clients.paging import PageMemory
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraNotFoundError,
    DamstraPermissionError,
    DamstraRequestError,
)
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleSummary, UserLessonSchedule
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.validation_errors import format_argument_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_provider_damstra.services.idempotency import SupportsCalls

Query = Endpoint[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryFilter:
    """What a wait wants to know of one query.

    :param rows: keys of the rows of a listing that matter; it need not be read further than these. None is
        for all.
    :param not_before: when the answer can change at the earliest, or None for at any time.
    """

    tolerated: ClassVar[tuple[type[DamstraError], ...]] = ()
    """Refusals that do not end a wait: it learns of them as of an answer, and the query is asked again."""

    rows: Collection[int] | None = None
    not_before: datetime | None = None

    def is_affected_by(self, changed: frozenset[int] | None) -> bool:
        """Return whether a change of these rows matters; None is for any change."""
        if changed is None or self.rows is None:
            return changed is None or bool(changed)
        return not changed.isdisjoint(self.rows)


class OptionalQueryFilter(QueryFilter):
    """What a wait wants to know, and can do without if Damstra refuses to tell it."""

    __slots__ = ()
    tolerated = (DamstraPermissionError, DamstraRequestError)


@dataclass(frozen=True, kw_only=True)
class PollResult:
    """How a wait stands.

    :param is_done: whether there is nothing more to wait for.
    :param failure: why it can never come true, or None.
    :param progress: how far it is, for the log.
    :param result: what the task returns once it is over; fit for XCom.
    """

    is_done: bool
    failure: str | None = None
    progress: str = ""
    result: list[int] = field(default_factory=list)


class Condition(Protocol):
    """What can be waited for."""

    def queries(self) -> dict[Query, QueryFilter]:
        """Return what is to be asked, as far as is known by now."""

    def update(self, query: Query, answer: Any) -> None:
        """Take an answer: a model, rows of a listing, a ``DamstraNotFoundError``, a refusal it tolerates."""

    def evaluate(self) -> PollResult:
        """Return how things stand by what is known."""


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What a wait needs of a lesson schedule: a tenth of the whole, for the triggerer keeps thousands."""

    row_key: int
    lesson_id: int | None = None
    state: str = "open"
    start_date: datetime | None = None
    lesson_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    @classmethod
    def from_row(cls, row: UserLessonSchedule | LessonScheduleSummary) -> ScheduleState:
        """Return how a schedule in the list of a user's stands."""
        return cls(
            row.id,
            row.lesson_id,
            row.state,
            _shared_zone(row.start_date),
            *map(_shared, (row.lesson_name, row.user_first_name, row.user_last_name)),
        )

    def __str__(self) -> str:
        """Return which schedule it is, and whose, and how it stands."""
        who = " ".join(filter(None, (self.first_name, self.last_name)))
        what = f" ({self.lesson_name} for {who})" if self.lesson_name and who else ""
        return f"lesson schedule {self.row_key}{what} is {self.state}"


def _shared_zone(moment: datetime | None) -> datetime | None:
    """Return the same moment with the one object for UTC that there is; pydantic makes one for each."""
    return moment if moment is None else moment.astimezone(UTC)


def _shared(text: str | None) -> str | None:
    """Return the same object for equal texts: thousands of schedules share a few names."""
    return text if text is None else intern(text)


@lru_cache(maxsize=10_000)
def user_schedules_query(user_id: int) -> ListUserLessonSchedules:
    """Return the query for a user's schedules: the same object for all waits, which compares fastest."""
    return ListUserLessonSchedules(user_id=user_id)


def required_count(share: float, count: int) -> int:
    """Return how many are a share of so many, rounded up; 7 % of 100 are 7, whatever floating point says."""
    return math.ceil(round(share * count, 9))


def compact_row(row: Any) -> Any:
    """Return of a row what waits need of it."""
    return (
        ScheduleState.from_row(row) if isinstance(row, (UserLessonSchedule, LessonScheduleSummary)) else row
    )


def page_cache_for(query: Query) -> PageMemory:
    """Return what remembers the pages of a query, with no more of a row than waits need."""
    is_schedules = isinstance(query, ListUserLessonSchedules)
    return PageMemory(row=LessonScheduleSummary if is_schedules else None, reduce=compact_row)


def create_condition(kind: type[Condition], arguments: Mapping[str, Any]) -> Condition:
    """Return a wait that begins.

    :raises ValueError: saying in one sentence what is wrong with the arguments.
    """
    try:
        return kind(**arguments)
    except ValidationError as error:
        why = format_argument_error(error)
    raise ValueError(f"{kind.__name__} cannot begin: {why}")


def poll(client: SupportsCalls, condition: Condition) -> PollResult:
    """Return how things stand now, asking from this thread.

    :raises DamstraError: if a query could not be answered.
    """
    asked: set[Query] = set()
    while questions := _due(condition.queries(), asked):
        asked |= questions.keys()
        answers = map_concurrently(
            lambda one: _ask(client, *one),
            list(questions.items()),
            description="questions answered",
            return_errors=True,
        )
        for query, answer in zip(questions, answers, strict=True):
            if isinstance(answer, DamstraError) and not is_not_found(answer):
                raise answer
            condition.update(query, answer)
    return condition.evaluate()


def is_not_found(error: DamstraError) -> bool:
    """Return whether Damstra says that something does not exist, and not a proxy that it finds no page."""
    return isinstance(error, DamstraNotFoundError) and not error.is_from_proxy


def _due(queries: dict[Query, QueryFilter], asked: Collection[Query]) -> dict[Query, QueryFilter]:
    now = datetime.now(UTC)
    return {
        query: query_filter
        for query, query_filter in queries.items()
        if query not in asked and not (query_filter.not_before and query_filter.not_before > now)
    }


def _ask(client: SupportsCalls, query: Query, query_filter: QueryFilter) -> Any:
    if not isinstance(query, ListEndpoint):
        return client.call(query)
    with closing(client.iterate(query)) as listing:  # type: ignore[type-var]
        return read_until_found(listing, query_filter.rows)


def read_until_found(listing: Iterable[Any], wanted: Collection[int] | None) -> list[Any]:
    """Return the rows of a listing, up to the last that is wanted: its end may cost another request."""
    rows: list[Any] = []
    missing = set(wanted or ())
    for row in listing:
        rows.append(compact_row(row))
        missing.discard(row.row_key)
        if wanted is not None and not missing:
            break
    return rows
