"""An emulator of Damstra Learning for tests, and the pytest fixture ``damstra_emulator``.

The fixture is there wherever this package is installed::

    from airflow_provider_damstra.endpoints import ListUsers
    from airflow_provider_damstra.hooks.damstra import DamstraHook


    def test_finds_the_import_user(damstra_emulator):
        found = list(DamstraHook().iterate(ListUsers(q="import")))
        assert [user.user_name for user in found] == ["d.import"]
        assert damstra_emulator.journal(method="POST") == []
"""

from __future__ import annotations

import http.client
import json
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from airflow_provider_damstra.emulator.settings import CONTROL, DEFAULT_ACCESS_KEY, DEFAULT_SEED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    import uvicorn

_HOST = "127.0.0.1"


class DamstraEmulator:
    """An emulator that runs in a thread of this process, on a free port, while the ``with`` block lasts.

    ::

        with DamstraEmulator() as emulator:
            emulator.add_fault("status", path="/user", status=429, headers={"Retry-After": "1"}, count=1)
            run(emulator.connection_uri)
            assert [entry["status"] for entry in emulator.journal(path="/user")] == [429, 200]

    :param seed: what the store holds at first: ``demo``, ``empty`` or ``large:N``.
    :param access_key: the key that requests must carry.
    :param page_cap: the most rows that one page of a listing holds.
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the emulator."""
        self.stop()

    def start(self) -> None:
        """Start the emulator; requests can be sent at once."""
        # The web framework takes half a second to import, and pytest imports this module in every project.
        from airflow_provider_damstra.emulator.server import listen, server
        from airflow_provider_damstra.emulator.settings import Settings

        settings = Settings(
            seed=self.seed,
            access_key=self.access_key,
            page_cap=self.page_cap,
            webhook_timeout=2.0,
            webhook_pause=0.02,
        )
        self._server = server(settings, log_level="warning")
        listener = listen(_HOST, 0)
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="damstra-emulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the emulator and close its connections."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None

    @property
    def url(self) -> str:
        """Return the address below which the API and the control plane are."""
        return f"http://{_HOST}:{self._port}"

    @property
    def connection_uri(self) -> str:
        """Return the connection as a URI, for ``AIRFLOW_CONN_...``."""
        extra = urlencode({"__extra__": json.dumps(self._extra)})
        return f"damstra://:{quote(self.access_key, safe='')}@{quote(self.url, safe='')}/?{extra}"

    @property
    def connection_json(self) -> str:
        """Return the connection as JSON, for ``AIRFLOW_CONN_...``."""
        connection = {
            "conn_type": "damstra",
            "host": self.url,
            "password": self.access_key,
            "extra": self._extra,
        }
        return json.dumps(connection)

    @property
    def _extra(self) -> dict[str, Any]:
        """Return the connection's extra: tests wait less long for this machine."""
        return {"timeout": 10, "max_retries": 2}

    def reset(self, *, seed: str | None = None) -> None:
        """Start again: the seed's data, the real time, no faults, journal or webhooks."""
        self._ask("POST", "/reset", {"seed": seed or self.seed})

    @property
    def now(self) -> datetime:
        """Return the present moment on the emulator's clock."""
        return datetime.fromisoformat(self._ask("GET", "/clock")["now"])

    def set_clock(self, moment: datetime) -> None:
        """Make a moment the present; the clock goes on from there."""
        self._ask("PUT", "/clock", {"now": moment.isoformat()})

    def advance_clock(self, seconds: float | timedelta) -> None:
        """Let time pass at once: schedules become due and overdue, sessions begin and end."""
        seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._ask("POST", "/clock/advance", {"seconds": seconds})

    def add_fault(
        self,
        kind: str,
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
        """Make requests go wrong: those that fit method and path, all or ``count``, certainly or by chance.

        ::

            emulator.add_fault("drop_after", method="POST", path="/user/*/lesson_schedule", count=1)

        :param kind: ``status``, ``delay``, ``drop_before``, ``drop_after``, ``truncate`` or ``html``.
        :param path: the path below ``/api/v2``; ``*`` and ``{anything}`` stand for one part, ``**`` for many.
        :param seed: makes the same requests go wrong each time.
        :param delay: seconds to wait before anything else.
        """
        rule = {
            "kind": kind,
            "method": method,
            "path": path,
            "count": count,
            "probability": probability,
            "seed": seed,
            "status": status,
            "headers": headers,
            "body": body,
            "delay": delay,
        }
        self._ask("POST", "/faults", {name: value for name, value in rule.items() if value is not None})

    def clear_faults(self) -> None:
        """Make requests succeed again."""
        self._ask("DELETE", "/faults")

    def journal(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the requests that fit: time, method, path, query, body, status, changed rows, fault.

        ::

            rows = [row for entry in emulator.journal(method="POST") for row in entry["rows"]]
            assert [row["table"] for row in rows if row["action"] == "insert"] == ["lesson_schedules"]
        """
        given = {"method": method, "path": path}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        entries: list[dict[str, Any]] = self._ask("GET", f"/journal?{query}")
        return entries

    def clear_journal(self) -> None:
        """Forget all requests so far."""
        self._ask("DELETE", "/journal")

    def complete_lesson_schedule(self, lesson_schedule_id: int, *, passed: bool = True) -> None:
        """Complete a lesson as its trainee does in the app."""
        self._ask("POST", f"/lesson_schedules/{lesson_schedule_id}/complete", {"passed": passed})

    def cancel_lesson_schedule(self, lesson_schedule_id: int) -> None:
        """Cancel a lesson schedule as an administrator does in the app."""
        self._ask("POST", f"/lesson_schedules/{lesson_schedule_id}/cancel")

    def start_lesson_schedule(self, lesson_schedule_id: int) -> None:
        """Begin with a lesson as its trainee does in the app."""
        self._ask("POST", f"/lesson_schedules/{lesson_schedule_id}/start")

    def move_lesson_schedule(self, lesson_schedule_id: int, start: datetime) -> None:
        """Give a lesson schedule another start, as an administrator does in the app."""
        self._ask(
            "POST", f"/lesson_schedules/{lesson_schedule_id}/reschedule", {"scheduleDate": start.isoformat()}
        )

    def add_webhook(self, url: str, *, event: str | None = None) -> int:
        """Send events to a URL, those of one kind or all; return the webhook's id."""
        webhook = {"url": url} if event is None else {"url": url, "event": event}
        return int(self._ask("POST", "/webhooks", webhook)["id"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Return what was sent to webhooks: event, body, attempts, and the state it is in."""
        found: list[dict[str, Any]] = self._ask("GET", "/webhooks/deliveries")
        return found

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=60)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, CONTROL + path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= 400:
            raise ValueError(f"The emulator refused {method} {path} (HTTP {response.status}): {text}")
        return json.loads(text) if text else None


@pytest.fixture(scope="session")
def _running_damstra_emulator() -> Iterator[DamstraEmulator]:
    with DamstraEmulator() as emulator:
        yield emulator


@pytest.fixture
def damstra_emulator(
    _running_damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> DamstraEmulator:
    """Return an emulator with the demo's data, to which the connection ``damstra_default`` leads.

    One emulator serves all tests; before each it starts again: data, clock, faults, journal and webhooks.
    """
    _running_damstra_emulator.reset()
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", _running_damstra_emulator.connection_json)
    return _running_damstra_emulator
