"""Bounded reading of an account: each GET request is sent once, and its response or failure kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.assumption import NotObservableError
from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraPermissionError,
    DamstraRateLimitError,
    DamstraTransportError,
    error_from_response,
)
from airflow_provider_damstra.models.base import Model, parse_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.http import Request, Response

Row = TypeVar("Row", bound=Model)

UNKNOWN_ID = 999_999_999
"""Id of a record that no account has."""

MAX_USERS = 10
"""Users whose lesson schedules are read."""

MAX_DETAILS = 4
"""Records of one kind that are read by their id."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Difference of the clocks of server and machine, and duration of a run, that cause no deviation."""

_UNINFORMATIVE = (DamstraAuthError, DamstraPermissionError, DamstraRateLimitError)
"""Errors that say nothing about what was requested."""


@dataclass(frozen=True)
class Reply:
    """A response, with its body parsed.

    :param body: the JSON value, or None if the body is not JSON.
    """

    operation: str
    response: Response
    body: Any

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.response.status

    @property
    def page(self) -> dict[str, Any]:
        """Return the body of a listing.

        :raises NotObservableError: if the response is none.
        """
        if self.status == 200 and isinstance(self.body, dict) and isinstance(self.body.get("results"), list):
            return self.body
        raise NotObservableError(f"{self.operation} returned no listing (HTTP {self.status})")

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of a listing, as far as they are objects."""
        return [row for row in self.page["results"] if isinstance(row, dict)]

    @property
    def record(self) -> dict[str, Any]:
        """Return the body of a response with one record.

        :raises NotObservableError: if the response is none.
        """
        if self.status == 200 and isinstance(self.body, dict):
            return self.body
        raise NotObservableError(f"{self.operation} returned no record (HTTP {self.status})")

    @property
    def total(self) -> int:
        """Return the total of a listing.

        :raises NotObservableError: if the page has none.
        """
        meta = self.page.get("meta")
        total = parse_count(meta.get("totalResultCount")) if isinstance(meta, dict) else None
        if total is None:
            raise NotObservableError(f"{self.operation} returned no totalResultCount")
        return total


class Account:
    """Read an account with a limited number of GET requests.

    :param client: sends the requests.
    :param other_client: the same with an access key that does not exist.
    :param max_requests: requests that may be sent in all.
    :param page_size: rows requested of a listing.
    """

    def __init__(self, client: Client, other_client: Client, *, max_requests: int, page_size: int) -> None:
        self.page_size = page_size
        self.request_count = 0
        self.now = datetime.now(UTC)
        self._client = client
        self._other_client = other_client
        self._max_requests = max_requests
        self._replies: dict[tuple[bool, str], Reply | NotObservableError] = {}

    @property
    def has_responded(self) -> bool:
        """Return whether a request with the account's own access key had a response that can be compared."""
        return any(
            isinstance(reply, Reply)
            for (has_other_key, _), reply in self._replies.items()
            if not has_other_key
        )

    def get(
        self, endpoint: Endpoint[Any], query: Iterable[tuple[str, str]] = (), *, path_suffix: str = ""
    ) -> Reply:
        """Return the response to an endpoint's request.

        :param query: further parameters of the query.
        :param path_suffix: appended to the path.
        :raises NotObservableError: if there is no response, or the limit of requests is reached.
        """
        request = endpoint.request()
        request = replace(request, path=request.path + path_suffix, query=(*request.query, *query))
        return self._send(request)

    def get_page(self, endpoint: Endpoint[Any], *, start: int = 0, size: int | None = None) -> Reply:
        """Return a page of a listing; ``size`` is that of the account if it is None."""
        size = self.page_size if size is None else size
        return self.get(endpoint, [("startIndex", str(start)), ("maxResults", str(size))])

    def get_with_other_key(self, endpoint: Endpoint[Any]) -> Reply:
        """Return the response to an endpoint's request with an access key that does not exist."""
        return self._send(endpoint.request(), has_other_key=True)

    def _send(self, request: Request, *, has_other_key: bool = False) -> Reply:
        if request.method != "GET":
            raise ValueError(f"{request} would change the account")
        key = (has_other_key, request.target)
        if key not in self._replies:
            if self.request_count >= self._max_requests:
                raise NotObservableError(f"the limit of {self._max_requests} requests is reached")
            self.request_count += 1
            self._replies[key] = self._receive(request, has_other_key=has_other_key)
        reply = self._replies[key]
        if isinstance(reply, NotObservableError):
            # Not sent again for the next check: each attempt may take the whole timeout.
            raise NotObservableError(str(reply))
        return reply

    def _receive(self, request: Request, *, has_other_key: bool) -> Reply | NotObservableError:
        client = self._other_client if has_other_key else self._client
        try:
            response = client.send(request)
        except DamstraTransportError:
            return NotObservableError(f"{request.operation} received no response")
        error = error_from_response(request, response)
        if isinstance(error, _UNINFORMATIVE) and not has_other_key:
            return NotObservableError(f"{request.operation} was refused (HTTP {response.status})")
        return Reply(request.operation, response, _parse(response))

    def is_far_from_now(self, date: datetime) -> bool:
        """Return whether a date is not so near that it depends on the two clocks if it has passed."""
        return abs(date - self.now) > CLOCK_TOLERANCE

    @cached_property
    def users(self) -> list[dict[str, Any]]:
        """Return the first users."""
        return self.get_page(endpoints.ListUsers()).rows

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """Return the first groups."""
        return self.get_page(endpoints.ListGroups()).rows

    @cached_property
    def sessions(self) -> list[dict[str, Any]]:
        """Return the first ILT sessions."""
        return self.get_page(endpoints.ListIltSessions()).rows

    @cached_property
    def schedule_pages(self) -> list[Reply]:
        """Return the lesson schedules of some users: those of trainees first."""
        trainees_first = sorted(self.users, key=lambda row: row.get("roles") != [6])
        calls = [
            endpoints.ListUserLessonSchedules(user_id=user_id)
            for user_id in ids_of(trainees_first)[:MAX_USERS]
        ]
        return [self.get_page(call) for call in calls]

    @cached_property
    def schedules(self) -> list[dict[str, Any]]:
        """Return the lesson schedules of some users."""
        return [row for page in self.schedule_pages for row in page.rows]

    @cached_property
    def schedule_details(self) -> list[dict[str, Any]]:
        """Return lesson schedules by id, of as many statuses as possible."""
        of_each_status = {str(row.get("status")): row for row in reversed(self.schedules)}
        calls = [
            endpoints.GetLessonSchedule(lesson_schedule_id=schedule_id)
            for schedule_id in ids_of(list(of_each_status.values()))[:MAX_DETAILS]
        ]
        return [self.get(call).record for call in calls]

    @cached_property
    def session_details(self) -> list[dict[str, Any]]:
        """Return ILT sessions by id."""
        ids = ids_of(self.sessions)[:MAX_DETAILS]
        return [self.get(endpoints.GetIltSession(ilt_session_id=session_id)).record for session_id in ids]

    @cached_property
    def attendee_pages(self) -> dict[int, Reply]:
        """Return the attendees of some ILT sessions, by the id of the session."""
        ids = ids_of(self.sessions)[:MAX_DETAILS]
        return {
            session_id: self.get(endpoints.ListIltSessionAttendees(ilt_session_id=session_id))
            for session_id in ids
        }

    @cached_property
    def member_pages(self) -> dict[int, Reply]:
        """Return the members of some groups, by the id of the group."""
        ids = ids_of(self.groups)[:MAX_DETAILS]
        return {group_id: self.get_page(endpoints.ListGroupMembers(group_id=group_id)) for group_id in ids}

    @cached_property
    def supervisor_pages(self) -> dict[int, Reply]:
        """Return the supervisors of some groups, by the id of the group."""
        ids = ids_of(self.groups)[:MAX_DETAILS]
        return {
            group_id: self.get_page(endpoints.ListGroupSupervisors(group_id=group_id)) for group_id in ids
        }


def ids_of(rows: Sequence[dict[str, Any]], name: str = "id") -> list[int]:
    """Return the ids of rows, as far as they are positive integers."""
    # The exact type: a boolean is an int, too.
    return [value for row in rows if type(value := row.get(name)) is int and value > 0]


def read_rows(model: type[Row], rows: Iterable[dict[str, Any]]) -> list[Row]:
    """Return rows as a model.

    :raises NotObservableError: if one of them cannot be read.
    """
    try:
        return [model.model_validate(row) for row in rows]
    except ValidationError:
        raise NotObservableError(f"the model {model.__name__} cannot read the rows") from None


def _parse(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None
