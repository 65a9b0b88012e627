"""Scenarios: the rows that the server returns and the contenders read."""

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
SCHEDULE_COUNTS = (0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 8, 9)
"""Numbers of lesson schedules of consecutive users; every hundredth user has ``MAX_SCHEDULES``."""

MAX_SCHEDULES = 30


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A listing of users, or each user's lesson schedules.

    :param what: ``users`` (a listing) or ``schedules`` (a fan-out).
    :param latency: seconds between a request and its response.
    :param rows_as: ``lines`` of JSON in a file, or validated ``models``.
    """

    what: str
    users: int
    page_size: int
    latency: float
    rows_as: str = "lines"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which another process creates the same scenario."""
        return asdict(self)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        if self.what == "users":
            return self.users
        return sum(schedule_count(user) for user in range(1, self.users + 1))


def users_rows(users: int) -> tuple[bytearray, list[int]]:
    """Return the rows of all users, each followed by a comma, and the offset of each. Ids begin at 1."""
    rows, offsets = bytearray(), [0]
    for one in range(users):
        rows += b"%s," % (USER % {"id": one + 1}).encode()
        offsets.append(len(rows))
    return rows, offsets


def users_meta(start: int, end: int, total: int) -> bytes:
    """Return the ``meta`` of the page with users ``start`` to ``end``, the end excluded."""
    return f'"meta":{{"totalResultCount":{total},"startIndex":{start},"endIndex":{end}}}'.encode()


def schedule_count(user: int) -> int:
    """Return the number of a user's lesson schedules."""
    return SCHEDULE_COUNTS[user % len(SCHEDULE_COUNTS)] if user % 100 else MAX_SCHEDULES


def schedules_page(user: int, start: int) -> bytes:
    """Return a user's lesson schedules from ``start`` on; like Damstra's, the page has no ``meta``."""
    numbers = range(start, schedule_count(user))
    rows = ",".join(SCHEDULE % {"id": user * MAX_SCHEDULES + one, "user": user} for one in numbers)
    return f'{{"results":[{rows}]}}'.encode()
