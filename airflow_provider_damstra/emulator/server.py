"""The emulator as an ASGI application, and its HTTP server."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import Depends
from starlette.routing import BaseRoute, Route

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HttpProtocol
except ImportError:
    # Airflow installs httptools, but not on every platform; h11 takes twice the time.
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol  # type: ignore[assignment]

from airflow_provider_damstra import __version__
from airflow_provider_damstra.emulator import handlers as _handlers  # noqa: F401 (registers the operations)
from airflow_provider_damstra.emulator.access import (
    LocalAccessMiddleware,
    has_access_key,
    require_json,
)
from airflow_provider_damstra.emulator.api_errors import ApiError, bad_request
from airflow_provider_damstra.emulator.control import (
    add_exception_handlers,
    control_router,
    publish_changes,
)
from airflow_provider_damstra.emulator.control_documents import document_router
from airflow_provider_damstra.emulator.faults import TRANSPORT, FaultMiddleware
from airflow_provider_damstra.emulator.listings import listing_router
from airflow_provider_damstra.emulator.openapi import EmulatorApp
from airflow_provider_damstra.emulator.pages import page_router
from airflow_provider_damstra.emulator.parsing import parse_request
from airflow_provider_damstra.emulator.rendering import json_response, render, render_error
from airflow_provider_damstra.emulator.routing import OPERATIONS, Operation
from airflow_provider_damstra.emulator.settings import API_PREFIX, Settings
from airflow_provider_damstra.emulator.state import EmulatorState

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

CONTROL_ROUTERS = (control_router, listing_router, document_router)
CONTROL_DEPENDENCIES = [Depends(require_json), Depends(publish_changes)]


def create_app(settings: Settings) -> EmulatorApp:
    """Return an emulator.

    :raises ValueError: if the settings name an unknown seed, or a file that is not an emulator's store.
    """
    state = EmulatorState(settings)

    @asynccontextmanager
    async def lifespan(_: EmulatorApp) -> AsyncIterator[None]:
        state.start_scenario()
        yield
        state.scenario.stop()
        await state.webhooks.close()
        state.store.close()

    api_routes: list[BaseRoute] = [
        Route(API_PREFIX + operation.endpoint.path, partial(_handle, operation), methods=[method])
        for operation in OPERATIONS
        for method in (operation.endpoint.method, operation.endpoint.fallback_method)
        if method
    ]
    app = EmulatorApp(
        title="Damstra Learning emulator",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=api_routes,
    )
    app.state.emulator = state
    app.add_middleware(FaultMiddleware, state=state)
    app.add_middleware(LocalAccessMiddleware, settings=settings)
    for router in CONTROL_ROUTERS:
        app.include_router(router, dependencies=CONTROL_DEPENDENCIES)
    app.include_router(page_router)
    add_exception_handlers(app)
    return app


async def _handle(operation: Operation, request: Request) -> Response:
    try:
        return _execute(operation, request, await request.body())
    except ApiError as error:
        return render_error(error)
    except OverflowError as error:
        return render_error(bad_request(f"a number or a date is out of range: {error}"))
    except Exception:
        log.exception("The emulator has a bug: %s %s", request.method, request.url.path)
        # An older edition of the API page documents 503 for internal errors.
        return json_response({"internalCode": 500, "error": "Internal Server Error"}, status=503)


def _execute(operation: Operation, request: Request, body: bytes) -> Response:
    state: EmulatorState = request.app.state.emulator
    if not has_access_key(request, state.settings):
        raise ApiError(403, operation.invalid_key_body)
    call, page_params = parse_request(operation.endpoint, request, body, page_cap=state.settings.page_cap)
    base_url = str(request.base_url).rstrip("/")
    with state.unit_of_work(base_url=base_url, page_params=page_params) as uow:
        response = render(operation.handler(call, uow))
    request.state.journal_entry.rows = uow.changes
    return response


class TransportInScopeMixin(asyncio.Protocol):
    """Puts the connection's transport into the state of the scope, so that faults can close it."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class EmulatorProtocol(TransportInScopeMixin, HttpProtocol):
    """A connection of the emulator's server."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; connections queue in its backlog until the server runs.

    :raises OSError: if the address cannot be bound; the message contains the reason.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise OSError(f"the host {host!r} cannot be resolved: name another one with --host") from None
    # asyncio disables Nagle's algorithm only for sockets that are explicitly TCP.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = "is in use: name another port with --port, or 0 for a free one"
        else:
            reason = f"cannot be used: {os.strerror(error.errno or 0).lower()}"
        raise OSError(f"port {port} of {host} {reason}") from None
    return listener


class EmulatorServer(uvicorn.Server):
    """A server that ends the streams of events when it stops, instead of waiting for the browsers."""

    def __init__(self, config: uvicorn.Config, state: EmulatorState) -> None:
        super().__init__(config)
        self._state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections and stop."""
        self._state.broadcaster.close()
        await super().shutdown(sockets)


def create_server(settings: Settings, **options: Any) -> uvicorn.Server:
    """Return a server of a new emulator.

    :param options: further options of uvicorn.
    :raises ValueError: if the settings name an unknown seed, or a file that is not an emulator's store.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=EmulatorProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        # The control plane checks the client's address, which a header must not override.
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    return EmulatorServer(config, app.state.emulator)
