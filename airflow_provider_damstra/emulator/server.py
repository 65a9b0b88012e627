"""HTTP server of the emulator."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HttpProtocol
except ImportError:
    # Airflow installs httptools, but not on every platform; h11 takes twice the time.
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol  # type: ignore[assignment]

from airflow_provider_damstra.emulator.app import create_app
from airflow_provider_damstra.emulator.faults import TRANSPORT

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.settings import Settings


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

    :raises OSError: if the address cannot be bound.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # asyncio disables Nagle's algorithm only for sockets that are explicitly TCP.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.listen(512)
    return listener


def create_server(settings: Settings, **options: Any) -> uvicorn.Server:
    """Return a server of a new emulator.

    :param options: further options of uvicorn.
    :raises ValueError: if the settings name an unknown seed, or a file that is not an emulator's store.
    """
    config = uvicorn.Config(
        create_app(settings),
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
    return uvicorn.Server(config)
