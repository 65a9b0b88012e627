"""Servers of the tests' own: run in a thread, and stopped afterwards."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Iterator

Server = TypeVar("Server", bound="socketserver.BaseServer")


@contextmanager
def serve_in_thread(server: Server) -> Iterator[Server]:
    """Yield a server that runs, and close it afterwards."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
