"""The receiver as Airflow's API server serves it: mounted, by uvicorn, with its access log."""

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
from tests.clients.clock import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    import pytest

CONN_ID = "damstra_default"
HOST = "127.0.0.1"

USER_ID, OPEN_ID, COMPLETED_ID = 1011, 30040, 30001
"""A trainee with a schedule that is due, and one that is completed."""


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
    """A receiver that runs, and what is needed to talk to it."""

    port: int
    token: str = field(default_factory=generate_token)

    def address(self, conn_id: str = CONN_ID, token: str | None = None) -> str:
        return f"/damstra/webhooks/{conn_id}/{self.token if token is None else token}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Response(
                answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def post(self, event: Any, path: str | None = None, **headers: str) -> Response:
        """Send an event as Damstra does."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.ask("POST", path or self.address(), body, {"Content-Type": "application/json", **headers})

    def feed(self, query: str = "", conn_id: str = CONN_ID, token: str | None = None) -> Response:
        bearer = f"Bearer {self.token if token is None else token}"
        return self.ask("GET", f"/damstra/feed/{conn_id}{query}", headers={"Authorization": bearer})


def completed(schedule: int | str = 1233, user: int | str = 1023, **more: Any) -> dict[str, Any]:
    """Return the body of a completion, of now unless told otherwise."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ids = {"lessonScheduleId": str(schedule), "userId": str(user)}
    return {"name": "lesson.schedule.completed", **ids, "timeStamp": now, **more}


@contextmanager
def running(
    monkeypatch: pytest.MonkeyPatch,
    *,
    connection: Mapping[str, Any] | None = None,
    **options: str,
) -> Iterator[ReceiverServer]:
    """Run the receiver.

    :param connection: fields of the connection beside its token.
    :param options: of the section ``[damstra]``.
    """
    listener = listen(HOST, 0)
    served = ReceiverServer(listener.getsockname()[1])
    fields = {"conn_type": "damstra", "password": "no-key", **(connection or {})}
    extra = {"webhook_token": served.token, **fields.pop("extra", {})}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps({**fields, "extra": extra}))
    for name, value in {"webhooks_enabled": "True", **options}.items():
        monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{name.upper()}", value)
    access = logging.getLogger("uvicorn.access")
    level = access.level
    server = uvicorn.Server(
        uvicorn.Config(_api_server(), log_level="info", log_config=None, proxy_headers=False)
    )
    if http_access_log is None:
        # Other servers in this process have silenced it.
        monkeypatch.setattr(access, "propagate", True)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started, "the receiver runs")
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        access.setLevel(level)


def _api_server() -> FastAPI:
    """Return an app with what of Airflow's API server concerns a plugin's app."""
    apps = DamstraPlugin.fastapi_apps
    app = FastAPI(lifespan=_lifespan)
    for one in apps:
        app.mount(one["url_prefix"], one["app"])
    for one in DamstraPlugin.fastapi_root_middlewares:
        app.add_middleware(one["middleware"])
    if http_access_log is not None:
        app.add_middleware(http_access_log.HttpAccessLogMiddleware)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let mounted apps start and end with the server, as Airflow does."""
    async with AsyncExitStack() as stack:
        for route in app.routes:
            if isinstance(route, Mount) and isinstance(route.app, FastAPI):
                await stack.enter_async_context(route.app.router.lifespan_context(route.app))
        yield
