"""The receiver: the part of Airflow's API server that the open internet may talk to.

What is not known, whatever it is, is answered alike: the same 404, after the same work.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from airflow_provider_damstra.hooks.metrics import count_event, count_not_found
from airflow_provider_damstra.validation_errors import format_validation_error
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.auth import Door, TokenHider, hidden_token
from airflow_provider_damstra.webhooks.config import load_receiver_config
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError, UnstorableEventError
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.events import UnknownEvent
from airflow_provider_damstra.webhooks.parsing import event_in, read_body
from airflow_provider_damstra.webhooks.processor import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import TypeVar

    from airflow_provider_damstra.webhooks.config import ReceiverConfig

    Response = TypeVar("Response")

RETRY_AFTER_SECONDS = 30
STARTING_SECONDS = 5.0
DATABASE_SECONDS = 10.0
DATABASE_THREADS = 4

log = logging.getLogger(__name__)


def receiver_app() -> FastAPI:
    """Return the app, as Airflow's configuration says. What is wrong there leaves everything closed."""
    try:
        configuration = load_receiver_config()
    except ValueError as error:
        log.error("Damstra webhooks are not received until this is mended: %s", error)
        return Receiver(None).app()
    return Receiver(configuration if configuration.enabled else None).app()


class Receiver:
    """Receives webhooks and feeds them to those who wait.

    :param configuration: what Airflow's configuration says; without one, nobody is known.
    """

    def __init__(self, configuration: ReceiverConfig | None) -> None:
        self._door = Door(configuration.conn_ids, configuration.networks) if configuration else Door()
        self._worker = Worker(configuration) if configuration else None
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="damstra-inbox")

    def app(self) -> FastAPI:
        """Return the app to be mounted at ``/damstra``."""
        app = FastAPI(lifespan=self._lifespan, openapi_url=None, redirect_slashes=False)
        app.post("/webhooks/{address:path}")(self.receive)
        app.post("/missed/{conn_id:path}")(self.missed)
        app.get("/feed/{conn_id:path}")(self.feed)
        app.add_exception_handler(HTTPException, _refusal)
        app.add_middleware(TokenHider)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        if self._worker is None:
            yield
            return
        with suppress(TimeoutError):
            # A secrets backend that hangs does not keep Airflow from starting: until it answers, we say 503.
            async with asyncio.timeout(STARTING_SECONDS):
                await asyncio.to_thread(self._door.read)
        tasks = [asyncio.create_task(self._door.keep_current()), asyncio.create_task(self._worker.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def receive(self, request: Request, address: str) -> JSONResponse:
        """Keep an event, and answer when it is kept: ``POST /webhooks/<conn_id>/<token>``."""
        conn_id = address.rpartition("/")[0]
        self._let_in(request, conn_id, hidden_token(request.scope))
        return await self._take(conn_id, await read_body(request), source=WEBHOOK)

    async def missed(self, request: Request, conn_id: str) -> JSONResponse:
        """Keep an event that polling saw, unless a webhook brought it: ``POST /missed/<conn_id>``.

        The token comes as bearer, and the event as in a webhook.
        """
        self._let_in(request, conn_id, _bearer(request))
        return await self._take(conn_id, await read_body(request), source=POLLING)

    async def _take(self, conn_id: str, body: bytes, *, source: str) -> JSONResponse:
        """Keep an event, and wake the worker."""
        try:
            event, payload = event_in(body)
        except ValueError as error:
            raise _rejection(conn_id, error) from None
        keep = partial(insert_event, event, payload, conn_id=conn_id, source=source)
        try:
            delivery = await self._ask(keep, conn_id)
        except UnstorableEventError as error:
            raise _rejection(conn_id, error) from None
        if self._worker:
            self._worker.wake()
        count_event(delivery.value, conn_id=conn_id)
        if isinstance(event, UnknownEvent):
            count_event("unknown", conn_id=conn_id)
        return JSONResponse({"result": delivery.value})

    async def feed(self, request: Request, conn_id: str) -> JSONResponse:
        """Response what came after a cursor: ``GET /feed/<conn_id>?after=<cursor>``, the token as bearer."""
        self._let_in(request, conn_id, _bearer(request))
        after = request.query_params.get("after")
        if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 19):
            raise HTTPException(400, "after is no cursor.")
        cursor, rows = await self._ask(
            partial(inbox.read_feed, conn_id, after=None if after is None else int(after)), conn_id
        )
        return JSONResponse({"cursor": cursor, "events": [_hint(row) for row in rows]})

    def _let_in(self, request: Request, conn_id: str, token: str) -> None:
        host = request.client.host if request.client else None
        if self._door.admits(conn_id, token, host=host):
            return
        if not self._door.is_ready:
            raise _unavailable()
        count_not_found()
        raise HTTPException(404)

    async def _ask(self, query: Callable[[], Response], conn_id: str) -> Response:
        """Return the database's answer; it is asked in a thread, and not waited for without end."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, query)
        except (InboxUnavailableError, TimeoutError) as error:
            count_event("unavailable", conn_id=conn_id)
            log.error(
                "Damstra webhooks: answered 503. %s", str(error) or "The metadata database is too slow."
            )
            raise _unavailable() from None


def _rejection(conn_id: str, error: ValueError) -> HTTPException:
    count_event("rejected", conn_id=conn_id)
    log.warning("Damstra webhooks: what connection %r was sent is no event: %s", conn_id, _why(error))
    return HTTPException(400, "The body is no event.")


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _unavailable() -> HTTPException:
    return HTTPException(503, "Not now.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _refusal(_: Request, error: Exception) -> JSONResponse:
    """Response a refusal, and close the connection: what is left of a body is not read."""
    assert isinstance(error, HTTPException)  # noqa: S101 (what this handler is for)
    # A method that a path does not know is nobody's business either.
    status, detail = (404, "Not Found") if error.status_code == 405 else (error.status_code, error.detail)
    headers = {**(error.headers or {}), "Connection": "close"}
    headers.pop("Allow", None)
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)


def _why(error: ValueError) -> str:
    """Return what is wrong with a body, without what it holds."""
    return format_validation_error(error) if isinstance(error, ValidationError) else str(error)


def _hint(row: dict[str, Any]) -> dict[str, Any]:
    # In an event of an unknown name a stranger chooses what is called an id, and how long it is.
    ids = {name: row["payload"].get(name) for name in ("lesson_schedule_id", "user_id")}
    numbers = {name: value if isinstance(value, int) else None for name, value in ids.items()}
    return {"id": row["id"], "name": row["name"], **numbers}
