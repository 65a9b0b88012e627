"""A plain HTTP client of the emulator's API and control plane, and the ids of the seed ``demo``.

It is independent of the provider's own clients: tests see what any HTTP client would see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

OWNER, DATA_IMPORT, SUPERVISOR, INSTRUCTOR = 1001, 1002, 1005, 1008
TRAINEES = range(1011, 1038)
INACTIVE_USER = 1038
PIT_CREW_A, INACTIVE_GROUP = 102, 108
HAUL_TRUCK_LESSON, CONFINED_SPACE_LESSON, INACTIVE_LESSON = 204, 205, 206
SITE_INDUCTION, UNPUBLISHED_VERSION, HAUL_TRUCK, CONFINED_SPACE, INACTIVE_VERSION = (
    2002,
    2004,
    2006,
    2007,
    2008,
)
PAST_SESSION, RUNNING_SESSION, UPCOMING_SESSION = 401, 402, 403
# Scheduled to the instructor-led lesson, but not registered for a session.
UNREGISTERED_TRAINEES = (1021, 1022)
UNKNOWN_ID = 999

GRACE_PERIOD = {"gracePeriod": "14", "gracePeriodUnit": "days"}


class ApiClient:
    """A client of the API; paths are relative to ``/api/v2``.

    :param access_key: the value of the header ``AccessKey``; None sends no header.
    """

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
        """Send a request and return the response with any status."""
        return self._session.request(method, f"{self._url}/api/v2{path}", timeout=read_timeout, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        """Send a GET request and return the response with any status."""
        return self.request("GET", path, params=query)

    def get_json(self, path: str, **query: Any) -> Any:
        """Send a GET request, assert HTTP 200 and return the JSON body."""
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def send(self, path: str, method: str = "POST", /, **body: Any) -> requests.Response:
        """Send a JSON body, assert HTTP 200 and return the response."""
        response = self.request(method, path, json=body or None)
        assert response.status_code == 200, response.text
        return response

    def expect_error(self, method: str, path: str, status: int, /, **body: Any) -> Any:
        """Send a request, assert its error status and return the JSON body of the error."""
        response = self.request(method, path, json=body or None)
        assert response.status_code == status, response.text
        return response.json()

    def error_message(self, method: str, path: str, status: int, /, **body: Any) -> str:
        """Send a request, assert its error status and return the message of the error."""
        return str(self.expect_error(method, path, status, **body)["message"])

    def schedule(self, user_id: int, *version_ids: int, **body: Any) -> int:
        """Schedule a user to lesson versions and return the id of the first schedule."""
        arguments = {"lessonVersionIds": list(version_ids), **GRACE_PERIOD, **body}
        schedule_id: int = self.send(f"/user/{user_id}/lesson_schedule", **arguments).json()["ids"][0]
        return schedule_id

    def schedule_status(self, user_id: int, schedule_id: int) -> str:
        """Return the status of one of a user's schedules."""
        rows = self.get_json(f"/user/{user_id}/lesson_schedule", maxResults=100)["results"]
        return next(str(row["status"]) for row in rows if row["id"] == schedule_id)


def call_control_plane(
    emulator: DamstraEmulator, method: str, path: str, body: Any = None
) -> requests.Response:
    """Send a request to the control plane and return the response with any status."""
    headers = {"Content-Type": "application/json"}
    return requests.request(method, f"{emulator.url}/_emulator{path}", json=body, headers=headers, timeout=10)
