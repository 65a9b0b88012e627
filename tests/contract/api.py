"""A plain HTTP client of the API, independent of the package, with lookups in its listings."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import requests

from tests.contract.table import API

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPEN = ("scheduled", "due", "overdue")


class Api:
    """The API of a server, called without the package's clients."""

    def __init__(self, url: str, access_key: str) -> None:
        self._base = url + API
        self._access_key = access_key
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; `headers` replace the header with the access key."""
        return self._session.request(
            method,
            self._base + path,
            params=query,
            json=body,
            headers={"AccessKey": self._access_key} if headers is None else headers,
            timeout=10,
        )

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET."""
        return self._parsed(self.send("GET", path, query))

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON of a POST."""
        return self._parsed(self.send("POST", path, body=body))

    def results(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return the first hundred results of a listing."""
        found: list[dict[str, Any]] = self.get(path, maxResults=100, **query)["results"]
        return found

    def users(self, active: str = "active", role: int = 6) -> list[dict[str, Any]]:
        """Return the users with a role."""
        return self.results("/user", activeValue=active, roleId=role)

    def user_ids(self, number: int) -> list[int]:
        """Return the ids of some active trainees."""
        return [user["id"] for user in islice(self.users(), number)]

    def group(self, listing: str = "member") -> dict[str, Any]:
        """Return a group that has members, or supervisors."""
        return next(
            found for found in self.results("/group") if self.results(f"/group/{found['id']}/{listing}")
        )

    def schedules(self, status: str) -> Iterator[dict[str, Any]]:
        """Yield the lesson schedules of all users that have a status."""
        for user in self.results("/user"):
            yield from self.results(f"/user/{user['id']}/lesson_schedule", status=status)

    def unscheduled(self, version_id: int) -> int:
        """Return the id of a trainee who has no open schedule for a lesson version."""
        for user in self.users():
            schedules = self.results(f"/user/{user['id']}/lesson_schedule", status="all")
            taken = {found["lessonVersionId"] for found in schedules if found["status"] in OPEN}
            if version_id not in taken:
                return int(user["id"])
        raise LookupError(f"every user is scheduled to {version_id}")

    def lesson(self, **query: Any) -> dict[str, Any]:
        """Return an active lesson."""
        return self.results("/lesson", publishedStates="active", **query)[0]

    def session(self, **query: Any) -> dict[str, Any]:
        """Return an active instructor-led session."""
        return self.results("/ilt_session", status=1, **query)[0]

    def attendance(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return an active session that has attendees, and one of them."""
        for session in self.results("/ilt_session", status=1):
            for attendee in self.get(f"/ilt_session/{session['id']}/attendees")["results"]:
                return session, attendee
        raise LookupError("no session has attendees")

    @staticmethod
    def _parsed(response: requests.Response) -> Any:
        assert response.status_code == 200, response.text
        return response.json()
