"""The server of ``benchmarks.exports`` with users, their schedules of five lessons, and these lessons."""

from __future__ import annotations

from functools import partial

from benchmarks.exports.scenario import MAX_SCHEDULES, Scenario, schedule_count, users_rows
from benchmarks.exports.server import Connection, Pages, http_response
from benchmarks.serving import serve_scenario

LESSON_IDS = (201, 202, 203, 204, 205)
"""The lessons that each person needs."""

_SCHEDULE = (
    '{"id":%(id)d,"lessonName":"Lesson %(lesson)d","lessonId":%(lesson)d,"lessonVersionId":%(lesson)d0,'
    '"version":1,"startDate":"2025-11-01T00:00:00.000Z","endDate":"2026-12-31T00:00:00.000Z",'
    '"userId":%(user)d,"userFirstName":"John","userLastName":"Smith","lessonDuration":1500000,"progress":0,'
    '"chapterCount":5,"questionnaireType":18,"questionCount":8,"scheduleType":"automatic","typeId":81,'
    '"status":"completed","statusId":95,"lessonCompletedDate":"2025-%(month)02d-05T03:04:05.000Z",'
    '"createdDate":"2025-01-05T00:00:00.000Z","modifiedDate":"2025-11-05T00:00:00.000Z"}'
)
_LESSON = (
    '{"lessonId":%(id)d,"lessonVersionId":%(id)d0,"version":1,"name":"Lesson %(id)d","status":"active",'
    '"publishedState":"published"}'
)


class StatusPages(Pages):
    """The responses of a scenario of schedules, and the listings of users and lessons."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._rows, self._offsets = users_rows(scenario.users)
        self._schedules = {user: http_response(_schedules_page(user)) for user in self._schedules}
        lessons = ",".join(_LESSON % {"id": one} for one in LESSON_IDS)
        self._lessons = http_response(f'{{"results":[{lessons}]}}'.encode())

    def respond(self, target: str) -> bytes:
        """Count a request and return its response."""
        if not target.startswith("/api/v2/lesson?"):
            return super().respond(target)
        self.requests += 1
        return self._lessons if "startIndex=0" in target else http_response(b'{"results":[]}')


def _schedules_page(user: int) -> bytes:
    rows = (
        _SCHEDULE
        % {
            "id": user * MAX_SCHEDULES + number,
            "user": user,
            "lesson": LESSON_IDS[number % len(LESSON_IDS)],
            "month": 1 + (user + number) % 12,
        }
        for number in range(schedule_count(user))
    )
    return f'{{"results":[{",".join(rows)}]}}'.encode()


def main() -> None:
    """Render, then serve until stopped."""
    serve_scenario(lambda scenario: partial(Connection, StatusPages(Scenario(**scenario))))


if __name__ == "__main__":
    main()
