"""Plain HTTP, as any program would speak it to the emulator."""

from __future__ import annotations

from typing import Any

import requests

# People, groups, lesson versions and sessions of the seed ``demo``.
OWNER, DATA_IMPORT, SUPERVISOR, INSTRUCTOR = 1001, 1002, 1005, 1008
TRAINEES = range(1011, 1038)
FORMER = 1038
PIT_CREW_A, CLOSED_GROUP = 102, 108
HAUL_TRUCK_LESSON, CONFINED_SPACE_LESSON, OLD_LESSON = 204, 205, 206
SITE_INDUCTION, DRAFT, HAUL_TRUCK, CONFINED_SPACE, OLD_VERSION = 2002, 2004, 2006, 2007, 2008
PAST, RUNNING, COMING = 401, 402, 403
# Scheduled to the instructor-led lesson, and registered for no session.
UNREGISTERED = (1021, 1022)
NOBODY = 999

FORTNIGHT = {"gracePeriod": "14", "gracePeriodUnit": "days"}


class Api:
    """A client of the API: paths are below ``/api/v2``."""

    def __init__(self, url: str, access_key: str | None) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        if access_key is not None:
            self._session.headers["AccessKey"] = access_key

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self, method: str, path: str, *, read_timeout: float = 10, **options: Any
    ) -> requests.Response:
        """Send a request and return the answer, whatever its status."""
        return self._session.request(method, f"{self._url}/api/v2{path}", timeout=read_timeout, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        """Send a GET and return the answer, whatever its status."""
        return self.request("GET", path, params=query)

    def read(self, path: str, **query: Any) -> Any:
        """Return the JSON that a GET answers."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, path: str, method: str = "POST", /, **body: Any) -> requests.Response:
        """Send a JSON body and return the answer, which must be a success."""
        answer = self.request(method, path, json=body or None)
        assert answer.status_code == 200, answer.text
        return answer

    def refused(self, method: str, path: str, status: int, /, **body: Any) -> Any:
        """Send a request that must be refused with a status, and return the JSON body of the refusal."""
        answer = self.request(method, path, json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def schedule(self, user_id: int, *version_ids: int, **body: Any) -> int:
        """Schedule a user and return the first schedule's id."""
        order = {"lessonVersionIds": list(version_ids), **FORTNIGHT, **body}
        schedule_id: int = self.send(f"/user/{user_id}/lesson_schedule", **order).json()["ids"][0]
        return schedule_id

    def status_of(self, user_id: int, schedule_id: int) -> str:
        """Return the status of one of a user's schedules."""
        rows = self.read(f"/user/{user_id}/lesson_schedule", maxResults=100)["results"]
        return next(str(row["status"]) for row in rows if row["id"] == schedule_id)
