"""A TCP proxy in front of the emulator, which observes each request and the beginning of its response.

It passes bytes on unchanged, so that dropped connections and truncated responses reach the client as such.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536


@dataclass(kw_only=True)
class Exchange:
    """A request and the status of its response.

    :param client_port: the client's end of the connection.
    :param proxy_port: the port that the proxy listens on.
    :param path: the path without the query.
    :param status: None until the response begins.
    """

    client_port: int
    proxy_port: int
    method: str
    path: str
    status: int | None = None


class Proxy:
    """A proxy that runs in a thread.

    ``observers`` are called with each exchange when its response begins, before the client receives it; in
    the meantime the proxy does nothing else. ``errors`` has the exceptions that observers have raised.

    :param upstream: URL of the emulator.
    """

    def __init__(self, *, upstream: str) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname, address.port)
        self.observers: list[Callable[[Exchange], None]] = []
        self.errors: list[Exception] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._port = 0

    @property
    def url(self) -> str:
        """Return the URL of the proxy, when it has been started."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start to listen on a free port."""
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)

    def stop(self) -> None:
        """Close all connections."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _observe(self, exchange: Exchange) -> None:
        for observer in self.observers:
            try:
                observer(exchange)
            except Exception as error:
                self.errors.append(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        except OSError:  # the emulator is being restarted
            writer.transport.abort()
            return
        connection = _Connection(writer.get_extra_info("peername")[1], self._port, self._observe)
        pumps = (
            asyncio.ensure_future(_pump(reader, upstream_writer, connection.on_request)),
            asyncio.ensure_future(_pump(upstream_reader, writer, connection.on_response)),
        )
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            upstream_writer.close()
            writer.close()


class _Connection:
    """The exchanges of one connection, one after the other."""

    def __init__(self, client_port: int, proxy_port: int, observe: Callable[[Exchange], None]) -> None:
        self._client_port = client_port
        self._proxy_port = proxy_port
        self._observe = observe
        self._exchange: Exchange | None = None

    def on_request(self, data: bytes) -> None:
        if self._exchange is None or self._exchange.status is not None:
            method, target, _ = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            path = urlsplit(target).path
            self._exchange = Exchange(
                client_port=self._client_port, proxy_port=self._proxy_port, method=method, path=path
            )

    def on_response(self, data: bytes) -> None:
        if self._exchange is not None and self._exchange.status is None:
            self._exchange.status = int(data.split(b" ", 2)[1])
            self._observe(self._exchange)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, observe: Callable[[bytes], None]
) -> None:
    """Pass bytes on until the sender closes the connection."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            observe(data)
            writer.write(data)
            await writer.drain()
        return
    # A reset is passed on as a reset.
    writer.transport.abort()
