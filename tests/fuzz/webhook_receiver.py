"""The webhook receiver without a server: requests as ASGI scopes, and the worker step by step."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow import settings
from airflow.models.asset import AssetEvent
from sqlalchemy import StaticPool, create_engine, delete
from sqlalchemy.orm import sessionmaker

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.auth import generate_token
from airflow_provider_damstra.webhooks.config import load_receiver_config
from airflow_provider_damstra.webhooks.database import inbox_table, transaction
from airflow_provider_damstra.webhooks.processor import AsyncThreadPool, EventProcessor, InboxWorker
from airflow_provider_damstra.webhooks.receiver import create_app
from tests.webhooks.metadata_db import create_dag
from tests.webhooks.receiver_server import CONN_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest
    from fastapi import FastAPI
    from starlette.types import Message


@dataclass
class FuzzedReceiver:
    """A receiver and its worker, in one event loop."""

    runner: asyncio.Runner
    app: FastAPI
    processor: EventProcessor
    token: str

    def post(self, body: bytes, headers: dict[str, str], *, is_polled: bool) -> tuple[int, Any]:
        """Send an event as a webhook or as reconciliation, and return status and content of the response."""
        if is_polled:
            path, headers = f"/missed/{CONN_ID}", {**headers, "authorization": f"Bearer {self.token}"}
        else:
            path = f"/damstra/webhooks/{CONN_ID}/{self.token}"
        return self.runner.run(self._request("POST", path, body, headers))

    def get_feed(self) -> tuple[int, Any]:
        """Return status and content of the feed of all events."""
        headers = {"authorization": f"Bearer {self.token}"}
        return self.runner.run(self._request("GET", f"/feed/{CONN_ID}", b"", headers, query=b"after=0"))

    def process(self) -> None:
        """Claim and process all events."""
        rows = inbox.claim(limit=10, lease=timedelta(minutes=1))
        self.runner.run(self.processor.process(CONN_ID, rows))

    def clear(self) -> None:
        """Delete all events and asset events."""
        with transaction() as connection:
            connection.execute(inbox_table.delete())
            connection.execute(delete(AssetEvent))

    async def _request(
        self, method: str, path: str, body: bytes, headers: dict[str, str], *, query: bytes = b""
    ) -> tuple[int, Any]:
        sent: list[Message] = []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "/damstra" if path.startswith("/damstra/") else "",
            "query_string": query,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


@contextmanager
def run_fuzzed_receiver(empty_metadata: Path, patch: pytest.MonkeyPatch) -> Iterator[FuzzedReceiver]:
    """Yield a receiver with an in-memory database; events are not verified, and start DAGs of all names."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with create_engine(f"sqlite:///{empty_metadata}").connect() as source, engine.connect() as target:
        source.connection.driver_connection.backup(target.connection.driver_connection)  # type: ignore[union-attr]
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    for name, value in (("engine", engine), ("Session", make_session), ("NonScopedSession", make_session)):
        patch.setattr(settings, name, value)
    token = generate_token()
    connection = {"conn_type": "damstra", "password": "none", "extra": {"webhook_token": token}}
    patch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    for option, text in {
        "webhooks_enabled": "True",
        "verify_events": "False",
        "allow_unknown_events": "True",
    }.items():
        patch.setenv(f"AIRFLOW__DAMSTRA__{option.upper()}", text)
    # The test processes events itself, in one thread.
    patch.setattr(InboxWorker, "run", _wait_until_cancelled)
    patch.setattr(AsyncThreadPool, "run", _run_inline)
    create_dag("all", "all")
    database = AsyncThreadPool(1)
    processor = EventProcessor(load_receiver_config(), database=database, secrets=database)
    app = create_app()
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        try:
            yield FuzzedReceiver(runner, app, processor, token)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
            database.shutdown()
            engine.dispose()


async def _wait_until_cancelled(_: InboxWorker) -> None:
    await asyncio.Event().wait()


async def _run_inline(_: AsyncThreadPool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)
