"""Servers for tests, run in a thread."""

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
    """Run a server in a thread during the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
