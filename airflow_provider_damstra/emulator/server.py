"""Serves an emulator over HTTP."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HttpProtocol
except ImportError:
    # Airflow brings it along, but not on every platform; it takes half the time of the other.
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol  # type: ignore[assignment]

from airflow_provider_damstra.emulator.app import create_app
from airflow_provider_damstra.emulator.fault_middleware import TRANSPORT

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.settings import Settings


class KeepsTransport(asyncio.Protocol):
    """Makes a connection one that the application can close: its transport is in the state of the scope."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport where the application finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class Connection(KeepsTransport, HttpProtocol):
    """A connection of the emulator's server."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; whoever connects before it is served waits in its queue.

    :raises OSError: if the address cannot be listened on.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # asyncio sends small answers at once only where the socket says that it is TCP.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.listen(512)
    return listener


def server(settings: Settings, **options: Any) -> uvicorn.Server:
    """Return a server of a new emulator.

    :param options: further options of uvicorn.
    :raises ValueError: if the settings name a seed that there is not, or a file that is not a store.
    """
    config = uvicorn.Config(
        create_app(settings),
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        # The control plane believes the address a request comes from, not what a header says of it.
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    return uvicorn.Server(config)
