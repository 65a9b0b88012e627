"""What is exported, the same for server and contenders."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

USER = (
    '{"userName":"smith%(id)d","firstName":"John","lastName":"Smith",'
    '"emailAddress":"smith%(id)d@yourorganisation.com","mobileNumber":"0412 345 678",'
    '"phoneNumber":"94123456","lastLoggedInDate":"2016-09-05T06:45:53.000Z","active":true,'
    '"employeeNumber":"E%(id)d","clientStatusId":56,"groups":[{"id":11},{"id":12}],"groupsSupervised":[],'
    '"roles":[{"id":6}],"clientId":76,"timeZone":"Australia/Perth","id":%(id)d,'
    '"createdDate":"2015-11-19T05:04:43.000Z","modifiedDate":"2016-09-05T06:45:53.000Z"}'
)
SCHEDULE = (
    '{"id":%(id)d,"lessonName":"Site Induction","lessonId":201,"lessonVersionId":2002,"version":2,'
    '"startDate":"2026-01-05T00:00:00.000Z","endDate":"2026-12-31T00:00:00.000Z","userId":%(user)d,'
    '"userFirstName":"John","userLastName":"Smith","lessonDuration":1500000,"progress":0,"chapterCount":5,'
    '"questionnaireType":18,"questionCount":8,"scheduleType":"automatic","typeId":81,"status":"due",'
    '"statusId":92,"createdDate":"2026-01-05T00:00:00.000Z","modifiedDate":"2026-01-05T00:00:00.000Z"}'
)
SCHEDULES_PER_USER = 5


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A listing of users, or each user's lesson schedules.

    :param what: ``users`` (a listing) or ``schedules`` (a fan-out), to JSON lines.
    :param latency: seconds between a request and its answer.
    """

    what: str
    users: int
    page_size: int
    latency: float

    def arguments(self) -> dict[str, Any]:
        """Return what another process needs to build the same scenario."""
        return asdict(self)

    @property
    def rows(self) -> int:
        """Return how many rows there are in all."""
        return self.users * (SCHEDULES_PER_USER if self.what == "schedules" else 1)


def users_page(start: int, end: int, total: int) -> bytes:
    """Return the page with users ``start`` to ``end``, the end excluded. Ids begin at 1."""
    return _page((USER % {"id": one + 1} for one in range(start, end)), start, end, total)


def schedules_page(user: int) -> bytes:
    """Return all lesson schedules of a user."""
    first = (user - 1) * SCHEDULES_PER_USER + 1
    rows = (SCHEDULE % {"id": first + one, "user": user} for one in range(SCHEDULES_PER_USER))
    return _page(rows, 0, SCHEDULES_PER_USER, SCHEDULES_PER_USER)


def _page(rows: Any, start: int, end: int, total: int) -> bytes:
    meta = f'"meta":{{"totalResultCount":{total},"startIndex":{start},"endIndex":{end}}}'
    return f'{{"results":[{",".join(rows)}],{meta}}}'.encode()
