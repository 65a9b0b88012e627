"""Test DAGs against an emulator: class ``DamstraEmulator`` and pytest fixture ``damstra_emulator``.

The fixture is available wherever this package is installed::

    from airflow_provider_damstra.endpoints import ListUsers
    from airflow_provider_damstra.hooks.damstra import DamstraHook


    def test_finds_import_user(damstra_emulator):
        users = list(DamstraHook().iterate(ListUsers(q="import")))
        assert [user.user_name for user in users] == ["d.import"]
        assert damstra_emulator.journal(method="POST") == []

Pytest imports this module in every project that has the package installed, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode

import pytest

from airflow_provider_damstra.emulator.settings import CONTROL_PREFIX, DEFAULT_ACCESS_KEY, DEFAULT_SEED

if TYPE_CHECKING:
    import uvicorn

    from airflow_provider_damstra.assets import EventName

_HOST = "127.0.0.1"
_TIMEOUT_SECONDS = 60
# Extras of the connection, shorter than the defaults: a failing test should not wait.
_EXTRA = {"timeout": 10, "max_retries": 2}

Fault: TypeAlias = Literal["status", "delay", "drop_before", "drop_after", "truncate", "html"]
"""Kind of a fault."""


class DamstraEmulator:
    """An emulator of Damstra Learning that runs in a thread of this process, on a free port of 127.0.0.1.

    It serves all operations of the API with the data of a seed, records every request in a journal, and
    injects faults on demand. Use it as a context manager, or call ``start()`` and ``stop()``::

        with DamstraEmulator() as emulator:
            emulator.add_fault("status", path="/user", status=429, headers={"Retry-After": "1"}, count=1)
            run(emulator.connection_uri)
            assert [entry["status"] for entry in emulator.journal(path="/user")] == [429, 200]

    Every method that talks to the emulator raises ``ValueError`` if it rejects the request, with its reason.

    :param seed: the initial data: ``demo`` (40 users, lessons, schedules in every status, ILT sessions in
        every state), ``empty`` (only the owner of the account), ``large:N`` (N users), or the path of a seed
        file.
    :param access_key: the accepted access key; other keys get a 403.
    :param page_cap: the most rows of one page of a listing.
    """

    def __init__(
        self, *, seed: str = DEFAULT_SEED, access_key: str = DEFAULT_ACCESS_KEY, page_cap: int = 100
    ) -> None:
        self.seed = seed
        self.access_key = access_key
        self.page_cap = page_cap
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start the emulator."""
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop the emulator."""
        self.stop()

    def start(self) -> None:
        """Start the emulator; it accepts requests when this returns.

        :raises ValueError: if there is no such seed.
        """
        # Importing the web framework takes half a second.
        from airflow_provider_damstra.emulator.server import create_server, listen
        from airflow_provider_damstra.emulator.settings import Settings

        settings = Settings(
            seed=self.seed,
            access_key=self.access_key,
            page_cap=self.page_cap,
            webhook_timeout=2.0,
            webhook_backoff=0.02,
        )
        self._server = create_server(settings, log_level="warning")
        listener = listen(_HOST, 0)
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="damstra-emulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the emulator and wait until its connections are closed. Its data is lost."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:40123``; the API is below ``/api/v2``."""
        return f"http://{_HOST}:{self._port}"

    @property
    def connection_uri(self) -> str:
        """The Airflow connection to the emulator as a URI, for a variable ``AIRFLOW_CONN_...``."""
        extra = urlencode({"__extra__": json.dumps(_EXTRA)})
        return f"damstra://:{quote(self.access_key, safe='')}@{quote(self.url, safe='')}/?{extra}"

    @property
    def connection_json(self) -> str:
        """The Airflow connection to the emulator as JSON, for a variable ``AIRFLOW_CONN_...``."""
        connection = {"conn_type": "damstra", "host": self.url, "password": self.access_key, "extra": _EXTRA}
        return json.dumps(connection)

    def reset(self, *, seed: str | None = None) -> None:
        """Restore the initial state: the seed's data, the real time, no faults, journal entries or webhooks.

        :param seed: load another seed than the one the emulator was created with, until the next reset:
            a name, or the path of a seed file.
        """
        seed = seed or self.seed
        if Path(seed).suffix:
            self._request("POST", "/reset", document=Path(seed).read_text(encoding="utf-8"), source=seed)
        else:
            self._request("POST", "/reset", seed=seed)

    def start_scenario(self, file: str | Path) -> None:
        """Carry out the steps of a scenario file at times of the emulator's clock, until the next reset.

        :param file: the file, in YAML or JSON; offsets are relative to the clock now.
        """
        self._request("POST", "/scenario", document=Path(file).read_text("utf-8"), source=str(file))

    def scenario(self) -> list[dict[str, Any]]:
        """Return the scenario's steps in the order of their times.

        :return: per step a dict with ``position`` (file and line), ``at``, ``do``, ``state`` (``pending``,
            ``done`` or ``failed``) and ``problem`` (why it failed, or None).
        """
        steps: list[dict[str, Any]] = self._request("GET", "/scenario")
        return steps

    @property
    def now(self) -> datetime:
        """The time of the emulator's clock, in UTC."""
        return datetime.fromisoformat(self._request("GET", "/clock")["now"])

    def set_clock(self, timestamp: datetime) -> None:
        """Set the emulator's clock, which continues from there.

        :param timestamp: the new time, with a time zone.
        """
        self._request("PUT", "/clock", now=timestamp.isoformat())

    def advance_clock(self, seconds: float | timedelta) -> None:
        """Move the clock forward, so that schedules become due or overdue, and ILT sessions start or end.

        :param seconds: a number of seconds, or a ``timedelta``; not negative.
        """
        seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._request("POST", "/clock/advance", seconds=seconds)

    def add_fault(
        self,
        kind: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        count: int | None = None,
        probability: float | None = None,
        seed: int | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        delay: float | None = None,
    ) -> None:
        """Make API requests fail. Rules apply in the order in which they were added.

        ::

            emulator.add_fault("drop_after", method="POST", path="/user/*/lesson_schedule", count=1)

        :param kind: ``status`` (respond with ``status``, ``headers`` and ``body`` instead of handling the
            request), ``delay`` (handle it after ``delay`` seconds), ``drop_before`` (close the connection
            without handling it), ``drop_after`` (handle it, then close the connection without a response),
            ``truncate`` (handle it and send half of the response) or ``html`` (respond with a web page
            instead, as a proxy does).
        :param method: the HTTP method of the requests that fail; by default all.
        :param path: the path of the requests that fail, relative to ``/api/v2``; ``*`` and ``{anything}``
            match one segment, ``**`` any number of them; by default all.
        :param count: the number of requests that fail; by default all until ``clear_faults()``.
        :param probability: the chance from 0 to 1 that a matching request fails; by default 1.
        :param seed: seed of the random numbers for ``probability``; equal seeds hit the same requests.
        :param status: HTTP status for ``status`` (required) and ``html`` (default 502).
        :param headers: response headers for ``status`` and ``html``.
        :param body: response body for ``status``: a string, or a JSON value.
        :param delay: seconds to wait first, with any kind; required for ``delay``.
        """
        self._request(
            "POST",
            "/faults",
            kind=kind,
            method=method,
            path=path,
            count=count,
            probability=probability,
            seed=seed,
            status=status,
            headers=headers,
            body=body,
            delay=delay,
        )

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._request("DELETE", "/faults")

    def journal(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the API requests since the last reset, in the order in which they ended.

        ::

            rows = [row for entry in emulator.journal(method="POST") for row in entry["rows"]]
            assert [row["table"] for row in rows if row["action"] == "insert"] == ["lesson_schedules"]

        :param method: return only requests with this HTTP method.
        :param path: return only requests with this path, relative to ``/api/v2``, with the wildcards of
            ``add_fault()``.
        :return: per request a dict with ``time`` (ISO 8601), ``method``, ``path``, ``query`` (dict), ``body``
            (JSON value; passwords masked), ``status`` (None if it was not handled), ``rows`` (the changed
            rows, each a dict with ``table``, ``id`` and ``action``: ``insert``, ``update`` or ``delete``)
            and ``fault`` (the injected kind or None).
        """
        filters = {"method": method, "path": path}
        query = urlencode({name: value for name, value in filters.items() if value is not None})
        entries: list[dict[str, Any]] = self._request("GET", f"/journal?{query}")
        return entries

    def clear_journal(self) -> None:
        """Remove all journal entries."""
        self._request("DELETE", "/journal")

    def complete_lesson_schedule(self, lesson_schedule_id: int, *, passed: bool = True) -> None:
        """Complete an open lesson schedule, as its trainee does in the app.

        :param lesson_schedule_id: the id of the schedule.
        :param passed: whether the trainee passed; only then there is a certificate.
        """
        self._request("POST", f"/lesson_schedules/{lesson_schedule_id}/complete", passed=passed)

    def cancel_lesson_schedule(self, lesson_schedule_id: int) -> None:
        """Cancel an open lesson schedule, as an administrator does in the app.

        :param lesson_schedule_id: the id of the schedule.
        """
        self._request("POST", f"/lesson_schedules/{lesson_schedule_id}/cancel")

    def start_lesson_schedule(self, lesson_schedule_id: int) -> None:
        """Start the lesson of an open schedule, as its trainee does in the app; not before its start date.

        :param lesson_schedule_id: the id of the schedule.
        """
        self._request("POST", f"/lesson_schedules/{lesson_schedule_id}/start")

    def move_lesson_schedule(self, lesson_schedule_id: int, start: datetime) -> None:
        """Reschedule an open lesson schedule, as an administrator does in the app; its duration stays.

        :param lesson_schedule_id: the id of the schedule.
        :param start: the new start date, with a time zone.
        """
        path = f"/lesson_schedules/{lesson_schedule_id}/reschedule"
        self._request("POST", path, scheduleDate=start.isoformat())

    def add_webhook(self, url: str, *, event: EventName | None = None) -> int:
        """Send webhook events to a URL until the next reset, in order, with up to three attempts each.

        :param url: an ``http://`` or ``https://`` URL that accepts POST requests with JSON.
        :param event: the name of an event, such as ``lesson.schedule.completed``; by default all events.
        :return: the id of the webhook.
        """
        return int(self._request("POST", "/webhooks", url=url, event=event)["id"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the deliveries to webhooks since the last reset, in the order of their events.

        :return: per delivery a dict with ``id``, ``webhookId``, ``url`` (tokens masked), ``event`` (name),
            ``body``, ``attempts``, ``state`` (``pending``, ``delivered`` or ``failed``) and ``last`` (the
            result of the last attempt as text, or None).
        """
        deliveries: list[dict[str, Any]] = self._request("GET", "/webhooks/deliveries")
        return deliveries

    def _request(self, method: str, path: str, /, **body: Any) -> Any:
        """Send a request to the control plane; fields of the body that are None are left out."""
        # With urllib, because tests may mock requests; without the proxies of the environment.
        from urllib.error import HTTPError
        from urllib.request import ProxyHandler, Request, build_opener

        fields = {name: value for name, value in body.items() if value is not None}
        request = Request(  # noqa: S310 (a URL of this class)
            self.url + CONTROL_PREFIX + path,
            data=json.dumps(fields).encode() if fields else None,
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT_SECONDS) as response:
                text = response.read().decode()
        except HTTPError as error:
            with error:
                message = f"The emulator refused {method} {path} (HTTP {error.code}): {error.read().decode()}"
            raise ValueError(message) from None
        return json.loads(text) if text else None


@pytest.fixture(scope="session")
def _running_damstra_emulator() -> Iterator[DamstraEmulator]:
    with DamstraEmulator() as emulator:
        yield emulator


@pytest.fixture
def damstra_emulator(
    _running_damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> DamstraEmulator:
    """Return an emulator with the seed ``demo``, and point the connection ``damstra_default`` to it.

    The emulator runs for the whole test session and is reset before each test: data, clock, faults, journal
    and webhooks. The connection is set with the environment variable ``AIRFLOW_CONN_DAMSTRA_DEFAULT``.
    """
    _running_damstra_emulator.reset()
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", _running_damstra_emulator.connection_json)
    return _running_damstra_emulator
