"""Webhook receiver: the part of Airflow's API server that is reachable from the internet.

Requests with an unknown connection, token, method or path all receive the same 404 after the same work, so
that a sender cannot distinguish them. An event is acknowledged when it is committed to the inbox.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from airflow_provider_damstra.hooks.metrics import count_event, count_not_found
from airflow_provider_damstra.validation_errors import format_value_error
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.auth import TokenAuthenticator
from airflow_provider_damstra.webhooks.config import load_receiver_config
from airflow_provider_damstra.webhooks.database import InboxUnavailableError, UnstorableEventError
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.evaluated_trainings import EvaluatedTrainings
from airflow_provider_damstra.webhooks.events import EVENT_TYPES, event_ids, parse_body
from airflow_provider_damstra.webhooks.processor import AsyncThreadPool, InboxWorker
from airflow_provider_damstra.webhooks.redaction import RedactTokenMiddleware, token_from_scope
from airflow_provider_damstra.webhooks.training_history import record_evaluation

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.config import ReceiverConfig

    T = TypeVar("T")

RETRY_AFTER_SECONDS = 30
STARTUP_TIMEOUT_SECONDS = 5.0
DATABASE_TIMEOUT_SECONDS = 10.0
DATABASE_THREADS = 4

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_SECONDS = 10.0
GRACE_ITERATIONS = 20
"""Iterations of the event loop after the timeout: if the loop was busy, what has arrived is not read yet."""

COMPRESSIONS = frozenset(("br", "compress", "deflate", "gzip", "x-compress", "x-gzip", "zstd"))
"""Values of Content-Encoding that are rejected. Senders also put ``identity`` or a character set there."""

log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Return the receiver's app. If disabled or misconfigured, it responds with 404 to all requests."""
    receiver = None
    try:
        config = load_receiver_config()
        _warn_about_forwarded_addresses(config)
        receiver = WebhookReceiver(config) if config.webhooks_enabled else None
    except ValueError as error:
        log.error("Damstra webhooks are not received until this is fixed: %s", error)
    lifespan = receiver.lifespan if receiver else None
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_middleware(RedactTokenMiddleware)
    if receiver:
        app.post("/webhooks/{path:path}")(receiver.receive_webhook)
        app.post("/missed/{conn_id:path}")(receiver.receive_missed_event)
        app.post("/evaluations/{conn_id:path}")(receiver.receive_evaluation)
        app.get("/feed/{conn_id:path}")(receiver.read_feed)
    return app


def _warn_about_forwarded_addresses(config: ReceiverConfig) -> None:
    """Log a warning if uvicorn lets senders choose the address that is compared with the networks."""
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "").split(",")
    if config.webhooks_enabled and config.webhook_networks and "*" in map(str.strip, trusted):
        log.warning(
            "Damstra webhooks: [damstra] webhook_networks protects nothing with FORWARDED_ALLOW_IPS=* and "
            "--proxy-headers, because senders choose their address: set it to the addresses of your proxies."
        )


class WebhookReceiver:
    """Handlers of the receiver's four endpoints, and the background tasks.

    :param config: options of the receiver.
    """

    def __init__(self, config: ReceiverConfig) -> None:
        self._authenticator = TokenAuthenticator(config.webhook_conn_ids, config.webhook_networks)
        self._worker = InboxWorker(config)
        self._database = AsyncThreadPool(DATABASE_THREADS, thread_name_prefix="damstra-inbox")

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Refresh tokens and process the inbox while the app runs."""
        with suppress(TimeoutError):
            # A secrets backend that hangs must not block Airflow's start; until then requests get 503.
            async with asyncio.timeout(STARTUP_TIMEOUT_SECONDS):
                await asyncio.to_thread(self._authenticator.refresh)
        tasks = [
            asyncio.create_task(self._authenticator.refresh_forever()),
            asyncio.create_task(self._worker.run()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._database.shutdown(wait=False, cancel_futures=True)

    async def receive_webhook(self, request: Request, path: str) -> JSONResponse:
        """Store an event and acknowledge it: ``POST /webhooks/<conn_id>/<token>``."""
        conn_id = path.rpartition("/")[0]
        self._authorize(request, conn_id, token_from_scope(request.scope))
        return await self._store(conn_id, await read_body(request), source=WEBHOOK)

    async def receive_missed_event(self, request: Request, conn_id: str) -> JSONResponse:
        """Store an event that polling found, unless a webhook delivered it: ``POST /missed/<conn_id>``.

        The body is that of a webhook; the token is a bearer token.
        """
        self._authorize(request, conn_id, _bearer_token(request))
        return await self._store(conn_id, await read_body(request), source=POLLING)

    async def receive_evaluation(self, request: Request, conn_id: str) -> JSONResponse:
        """Register the events of training statuses: ``POST /evaluations/<conn_id>``.

        The bearer token is that of a task, because no request to the API confirms the statuses.
        """
        self._authorize(request, conn_id, _bearer_token(request), is_task=True)
        try:
            evaluation = EvaluatedTrainings.model_validate_json(await read_body(request))
            counts = await self._query(partial(record_evaluation, evaluation, conn_id=conn_id), conn_id)
        except ValueError as error:
            raise _rejection(conn_id, error) from None
        return JSONResponse({"events": counts})

    async def read_feed(self, request: Request, conn_id: str) -> JSONResponse:
        """Return the events after a cursor: ``GET /feed/<conn_id>?after=<cursor>``, with a bearer token."""
        self._authorize(request, conn_id, _bearer_token(request))
        after = request.query_params.get("after")
        if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 19):
            raise HTTPException(400, "after is not a cursor.")
        query = partial(inbox.read_feed, conn_id, after=None if after is None else int(after))
        cursor, rows = await self._query(query, conn_id)
        events = [{"id": row["id"], "name": row["name"], **event_ids(row["payload"])} for row in rows]
        return JSONResponse({"cursor": cursor, "events": events})

    async def _store(self, conn_id: str, body: bytes, *, source: str) -> JSONResponse:
        """Store an event in the inbox and wake the worker."""
        try:
            event, payload = parse_body(body)
        except ValueError as error:
            raise _rejection(conn_id, error) from None
        insert = partial(insert_event, event, payload, conn_id=conn_id, source=source)
        try:
            result = await self._query(insert, conn_id)
        except UnstorableEventError as error:
            raise _rejection(conn_id, error) from None
        self._worker.wake()
        count_event(result.value, conn_id=conn_id)
        if event.name not in EVENT_TYPES:
            count_event("unknown", conn_id=conn_id)
        return JSONResponse({"result": result.value})

    def _authorize(self, request: Request, conn_id: str, token: str, *, is_task: bool = False) -> None:
        client_host = request.client.host if request.client else None
        authenticator = self._authenticator
        is_authorized = authenticator.is_authorized_task if is_task else authenticator.is_authorized
        if is_authorized(conn_id, token, client_host=client_host):
            return
        if not self._authenticator.is_ready:
            raise _unavailable()
        raise HTTPException(404)

    async def _query(self, query: Callable[[], T], conn_id: str) -> T:
        """Run a database query in a thread, with a time limit."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                return await self._database.run(query)
        except (InboxUnavailableError, TimeoutError) as error:
            count_event("unavailable", conn_id=conn_id)
            log.error(
                "Damstra webhooks: responded with 503. %s", str(error) or "The metadata database is too slow."
            )
            raise _unavailable() from None


async def read_body(request: Request) -> bytes:
    """Read a request's body.

    :raises HTTPException: 415 if its headers declare compression or another format than JSON, 413 if it is
        too large, 408 if it takes too long, 400 if it is incomplete.
    """
    headers = request.headers
    media_type = (headers.get("content-type") or "application/json").partition(";")[0].strip().lower()
    codings = {coding.strip().lower() for coding in ",".join(headers.getlist("content-encoding")).split(",")}
    if not media_type.endswith(("/json", "+json")) or codings & COMPRESSIONS:
        raise HTTPException(415, "Send JSON, not compressed.")
    body = bytearray()
    async for chunk in _stream(request):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return bytes(body)


async def _stream(request: Request) -> AsyncIterator[bytes]:
    """Yield a body as it arrives.

    :raises HTTPException: 408 if it is not complete in time, 400 if the sender disconnects before the end.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + BODY_TIMEOUT_SECONDS
    more_body = True
    while more_body:
        receiving = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait({receiving}, timeout=end - loop.time())
            for _ in range(GRACE_ITERATIONS):
                if not receiving.done():
                    await asyncio.sleep(0)
            if not receiving.done():
                raise HTTPException(408, f"The body took longer than {BODY_TIMEOUT_SECONDS:.0f} s.")
        finally:
            receiving.cancel()
        message = receiving.result()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The body is not complete.")
        yield message.get("body", b"")
        more_body = message.get("more_body", False)


def _rejection(conn_id: str, error: ValueError) -> HTTPException:
    count_event("rejected", conn_id=conn_id)
    # The values in the body are not logged.
    reason = format_value_error(error)
    log.warning("Damstra webhooks: connection %r received an invalid event: %s", conn_id, reason)
    return HTTPException(400, "The body is not a valid event.")


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _unavailable() -> HTTPException:
    return HTTPException(503, "Not now.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _handle_http_exception(_: Request, error: Exception) -> JSONResponse:
    """Return the error's response and close the connection, so that the rest of a body is not read."""
    assert isinstance(error, HTTPException)  # noqa: S101 (the only class that is registered)
    status, detail = error.status_code, error.detail
    if status in (404, 405):
        # 405 would reveal which paths exist.
        status, detail = 404, "Not Found"
        count_not_found()
    headers = {**(error.headers or {}), "Connection": "close"}
    headers.pop("Allow", None)
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)
