"""The receiver as Airflow's API server runs it: mounted, on uvicorn, with an access log."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount

from airflow_provider_damstra.emulator.server import listen
from airflow_provider_damstra.webhooks.auth import generate_token
from airflow_provider_damstra.webhooks.plugin import DamstraPlugin
from tests.airflow_compat import http_access_log
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    import pytest

CONN_ID = "damstra_default"
HOST = "127.0.0.1"

USER_ID = 1011
OPEN_ID, COMPLETED_ID = 30040, 30001
"""Lesson schedules of that user in the emulator's seed: one that is due, and one that is completed."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ReceiverServer:
    """A running receiver and its client."""

    port: int
    token: str = field(default_factory=generate_token)

    @property
    def webhook_url(self) -> str:
        return f"http://{HOST}:{self.port}{self.webhook_path()}"

    def webhook_path(self, conn_id: str = CONN_ID, token: str | None = None) -> str:
        return f"/damstra/webhooks/{conn_id}/{self.token if token is None else token}"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            response_headers = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, response_headers, response.read())
        finally:
            connection.close()

    def post(self, event: Any, path: str | None = None, **headers: str) -> Response:
        """Send an event, or bytes, as Damstra does."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {"Content-Type": "application/json", **headers}
        return self.request("POST", path or self.webhook_path(), body, headers)

    def post_missed(self, event: Any, token: str | None = None) -> Response:
        """Send an event as reconciliation does."""
        return self.post(event, f"/damstra/missed/{CONN_ID}", **self._bearer(token))

    def get_feed(self, query: str = "", conn_id: str = CONN_ID, token: str | None = None) -> Response:
        return self.request("GET", f"/damstra/feed/{conn_id}{query}", headers=self._bearer(token))

    def _bearer(self, token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token if token is None else token}"}


def completed_event(schedule: int | str = 1233, user: int | str = 1023, **fields: Any) -> dict[str, Any]:
    """Return the body of a ``lesson.schedule.completed`` event that occurs now, with more or other fields."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ids = {"lessonScheduleId": str(schedule), "userId": str(user)}
    return {"name": "lesson.schedule.completed", **ids, "timeStamp": now, **fields}


@contextmanager
def run_receiver(
    monkeypatch: pytest.MonkeyPatch,
    *,
    connection: Mapping[str, Any] | None = None,
    **options: str,
) -> Iterator[ReceiverServer]:
    """Run the receiver.

    :param connection: fields of the connection besides its token.
    :param options: options of the section ``[damstra]``.
    """
    listener = listen(HOST, 0)
    receiver = ReceiverServer(listener.getsockname()[1])
    fields = {"conn_type": "damstra", "password": "no-key", **(connection or {})}
    extra = {"webhook_token": receiver.token, **fields.pop("extra", {})}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps({**fields, "extra": extra}))
    for name, value in {"webhooks_enabled": "True", **options}.items():
        monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{name.upper()}", value)
    access_log = logging.getLogger("uvicorn.access")
    level = access_log.level
    server = uvicorn.Server(
        uvicorn.Config(_api_server(), log_level="info", log_config=None, proxy_headers=False)
    )
    if http_access_log is None:
        # Other servers in this process have disabled it.
        monkeypatch.setattr(access_log, "propagate", True)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the receiver to start")
    try:
        yield receiver
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        access_log.setLevel(level)


def _api_server() -> FastAPI:
    """Return an app with the parts of Airflow's API server that concern a plugin's app."""
    plugin_apps = DamstraPlugin.fastapi_apps
    app = FastAPI(lifespan=_lifespan)
    for plugin_app in plugin_apps:
        app.mount(plugin_app["url_prefix"], plugin_app["app"])
    for middleware in DamstraPlugin.fastapi_root_middlewares:
        app.add_middleware(middleware["middleware"])
    if http_access_log is not None:
        app.add_middleware(http_access_log.HttpAccessLogMiddleware)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start and stop mounted apps with the server, as Airflow does."""
    async with AsyncExitStack() as stack:
        for route in app.routes:
            if isinstance(route, Mount) and isinstance(route.app, FastAPI):
                await stack.enter_async_context(route.app.router.lifespan_context(route.app))
        yield
