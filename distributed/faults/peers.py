"""The process at the other end of a connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from distributed.faults.proxy import Exchange


def process_at(exchange: Exchange) -> psutil.Process | None:
    """Return the process that sent a request, or None if it has ended."""
    for connection in psutil.net_connections("tcp"):
        if not (connection.laddr and connection.raddr and connection.pid):
            continue
        if (connection.laddr.port, connection.raddr.port) == (exchange.client_port, exchange.proxy_port):
            with contextlib.suppress(psutil.NoSuchProcess):
                return psutil.Process(connection.pid)
    return None


def kill_sender(exchange: Exchange) -> bool:
    """Send SIGKILL to the process that sent a request; return whether it was alive."""
    process = process_at(exchange)
    if process is None:
        return False
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True
