"""The emulator as a process, and the part of its API that the demonstration uses."""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests

from airflow_provider_damstra.emulator.settings import ACCESS_KEY_VARIABLE
from demo.processes import ManagedProcess, free_port, stop_all
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STARTUP_TIMEOUT = 60.0
TIMEOUT = (5, 30)
"""Seconds for connect and for read."""

PAGE_SIZE = 100

Row = dict[str, Any]


class EmulatorApi:
    """Plain HTTP to the emulator: Damstra Learning's API, and the emulator's control API.

    Independent of the provider's client, so that the report of the demonstration verifies it.
    """

    def __init__(self, *, url: str, access_key: str) -> None:
        self.url = url
        self._access_key = access_key
        self._session = requests.Session()
        self._session.trust_env = False  # ignore a proxy: the server is local
        # a kept connection may be closed by the server just when it is reused
        self._session.headers.update({"Connection": "close", "Content-Type": "application/json"})

    def user(self, email_address: str) -> Row | None:
        """Return the active user with this address, or None."""
        return next(self._list("/user", emailAddress=email_address), None)

    def users(self, q: str) -> list[Row]:
        """Return the active users with this text in their user name, first or last name."""
        return list(self._list("/user", q=q))

    def schedules(self, user_id: int) -> list[Row]:
        """Return a user's lesson schedules."""
        return list(self._list(f"/user/{user_id}/lesson_schedule", status="all"))

    def ilt_sessions(self, *, lesson_schedule_id: int | None = None) -> list[Row]:
        """Return the ILT sessions; with a lesson schedule, those that it is registered for."""
        return list(self._list("/ilt_session", lessonScheduleId=lesson_schedule_id))

    def attendees(self, ilt_session_id: int) -> list[Row]:
        """Return the attendees of an ILT session."""
        return self._results(f"/ilt_session/{ilt_session_id}/attendees")

    def complete(self, lesson_schedule_id: int) -> None:
        """Complete a lesson, as its trainee does in the app."""
        self.control("POST", f"/lesson_schedules/{lesson_schedule_id}/complete")

    def clock(self) -> Row:
        """Return the emulator's clock."""
        time: Row = self.control("GET", "/clock").json()
        return time

    def journal(self, method: str | None = None, path: str | None = None) -> list[Row]:
        """Return the requests so far, with the rows that they changed; all, or those that match."""
        filters = {name: text for name, text in (("method", method), ("path", path)) if text}
        entries: list[Row] = self.control("GET", f"/journal?{urlencode(filters)}").json()
        return entries

    def control(self, method: str, path: str, body: Row | None = None) -> requests.Response:
        """Send a request to the control API."""
        response = self._session.request(method, f"{self.url}/_emulator{path}", json=body, timeout=TIMEOUT)
        response.raise_for_status()
        return response

    def _list(self, path: str, **query: Any) -> Iterator[Row]:
        offset = 0
        while rows := self._results(path, startIndex=offset, maxResults=PAGE_SIZE, **query):
            yield from rows
            offset += len(rows)

    def _results(self, path: str, **query: Any) -> list[Row]:
        response = self._session.get(
            f"{self.url}/api/v2{path}",
            params=query,
            headers={"AccessKey": self._access_key},
            timeout=TIMEOUT,
        )
        response.raise_for_status()
        results: list[Row] = response.json()["results"]
        return results


class EmulatorInstance:
    """The emulator, with a random access key.

    :param root: folder for the log.
    :param name: name of the process and its log.
    :param options: command line options of the emulator; by default the seed ``demo``.
    :param port: the port to listen on; by default a free one.
    """

    conn_id = "damstra_default"

    def __init__(
        self,
        *,
        root: Path,
        name: str = "emulator",
        options: Sequence[str] = ("--seed", "demo"),
        port: int | None = None,
    ) -> None:
        port = port or free_port()
        self.access_key = secrets.token_hex(24)
        self.webhook_token = secrets.token_urlsafe(32)
        self.extra: dict[str, Any] = {"webhook_token": self.webhook_token}
        self.url = f"http://127.0.0.1:{port}"
        self.api = EmulatorApi(url=self.url, access_key=self.access_key)
        arguments = ["--port", str(port), *options]
        self.process = ManagedProcess(
            name,
            [sys.executable, "-m", "airflow_provider_damstra.emulator", *arguments],
            env={**os.environ, ACCESS_KEY_VARIABLE: self.access_key},
            cwd=root,
            log=root / "logs" / f"{name}.log",
        )

    @property
    def connection(self) -> dict[str, str]:
        """Return the environment variable with Airflow's connection to this emulator."""
        connection = {
            "conn_type": "damstra",
            "host": self.url,
            "password": self.access_key,
            "extra": self.extra,
        }
        return {f"AIRFLOW_CONN_{self.conn_id.upper()}": json.dumps(connection)}

    def subscribe(self, airflow_url: str) -> None:
        """Subscribe the webhook receiver of an Airflow to every event."""
        url = f"{airflow_url}/damstra/webhooks/{self.conn_id}/{self.webhook_token}"
        self.api.control("POST", "/webhooks", {"url": url})

    def wait_until_ready(self) -> None:
        """Wait until the emulator responds."""
        wait_until(self._is_ready, description=f"the emulator at {self.url}", timeout=STARTUP_TIMEOUT)

    def stop(self) -> None:
        """Stop the emulator."""
        stop_all([self.process])

    def _is_ready(self) -> bool:
        self.process.check()
        try:
            return bool(self.api.clock())
        except requests.ConnectionError:
            return False
