"""The emulator as a process of its own, and the part of its API that the demonstration uses."""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

import requests

from demo.processes import ManagedProcess, free_port, stop_all
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STARTUP_SECONDS = 60.0
TIMEOUT = (5, 30)
PAGE = 100
CONNECTION = "damstra_default"

Row = dict[str, Any]


class EmulatorApi:
    """Plain HTTP to the emulator: what Damstra Learning's API offers, and the emulator's control plane.

    It does not use the provider's client, so that what the demonstration reports is seen with other eyes.
    """

    def __init__(self, *, url: str, access_key: str) -> None:
        self.url = url
        self._access_key = access_key
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy would be asked for a loopback address
        # a connection that is kept may be closed at the other end just when it is used again
        self._session.headers["Connection"] = "close"

    def user(self, email_address: str) -> Row | None:
        """Return the active user with this address, or None."""
        return next(self._list("/user", emailAddress=email_address), None)

    def schedules(self, user_id: int) -> list[Row]:
        """Return a user's lesson schedules."""
        return list(self._list(f"/user/{user_id}/lesson_schedule", status="all"))

    def ilt_sessions(self, *, lesson_schedule_id: int | None = None) -> list[Row]:
        """Return the instructor-led sessions; with a lesson schedule, those that it is registered for."""
        return list(self._list("/ilt_session", lessonScheduleId=lesson_schedule_id))

    def attendees(self, ilt_session_id: int) -> list[Row]:
        """Return who is registered for a session."""
        return self._results(f"/ilt_session/{ilt_session_id}/attendees")

    def complete(self, lesson_schedule_id: int) -> None:
        """Do a lesson as its trainee would in the app."""
        self.control("POST", f"/lesson_schedules/{lesson_schedule_id}/complete")

    def clock(self) -> Row:
        """Return what time the emulator thinks it is."""
        time: Row = self.control("GET", "/clock").json()
        return time

    def journal(self) -> list[Row]:
        """Return every request so far, with what it changed."""
        entries: list[Row] = self.control("GET", "/journal").json()
        return entries

    def control(self, method: str, path: str, body: Row | None = None) -> requests.Response:
        """Ask the control plane."""
        answer = self._session.request(method, f"{self.url}/_emulator{path}", json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer

    def _list(self, path: str, **query: Any) -> Iterator[Row]:
        seen = 0
        while rows := self._results(path, startIndex=seen, maxResults=PAGE, **query):
            yield from rows
            seen += len(rows)

    def _results(self, path: str, **query: Any) -> list[Row]:
        answer = self._session.get(
            f"{self.url}/api/v2{path}",
            params=query,
            headers={"AccessKey": self._access_key},
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        results: list[Row] = answer.json()["results"]
        return results


class EmulatorInstance:
    """The emulator on a free port, with an access key made for it.

    :param root: folder for the log
    :param name: of the process and its log
    :param options: of the emulator's command; by default its demonstration data
    """

    def __init__(
        self, *, root: Path, name: str = "emulator", options: Sequence[str] = ("--seed", "demo")
    ) -> None:
        port = free_port()
        self.access_key = secrets.token_hex(24)
        self.webhook_token = secrets.token_urlsafe(32)
        self.url = f"http://127.0.0.1:{port}"
        self.api = EmulatorApi(url=self.url, access_key=self.access_key)
        arguments = ["--port", str(port), "--access-key", self.access_key, *options]
        self.process = ManagedProcess(
            name,
            [sys.executable, "-m", "airflow_provider_damstra.emulator", *arguments],
            env=os.environ,
            cwd=root,
            log=root / "logs" / f"{name}.log",
        )

    @property
    def connection(self) -> dict[str, str]:
        """The variable that gives Airflow its connection to this emulator."""
        connection = {
            "conn_type": "damstra",
            "host": self.url,
            "password": self.access_key,
            "extra": {"webhook_token": self.webhook_token},
        }
        return {f"AIRFLOW_CONN_{CONNECTION.upper()}": json.dumps(connection)}

    def send_events_to(self, airflow_url: str) -> None:
        """Let the emulator send every event to the receiver of an Airflow."""
        url = f"{airflow_url}/damstra/webhooks/{CONNECTION}/{self.webhook_token}"
        self.api.control("POST", "/webhooks", {"url": url})

    def wait_until_ready(self) -> None:
        """Return when the emulator answers."""
        wait_until(self._answers, what=f"the emulator at {self.url}", seconds=STARTUP_SECONDS)

    def stop(self) -> None:
        """Stop the emulator."""
        stop_all([self.process])

    def _answers(self) -> bool:
        self.process.check()
        try:
            return bool(self.api.clock())
        except requests.ConnectionError:
            return False
