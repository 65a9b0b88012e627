"""Who may come in: the tokens and the networks that are accepted, known before anybody asks."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.hooks.connection import extra_of
from airflow_provider_damstra.webhooks.connections import find_connection
from airflow_provider_damstra.webhooks.tokens import accepted_tokens, fingerprint, is_among, make_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.webhooks.configuration import Network

REFRESH_SECONDS = 10.0
"""How soon a token that was rotated, or taken away, is known."""

COMPARED = 4
"""Fingerprints that every request is compared with, however many tokens its connection has."""

log = logging.getLogger(__name__)


class Door:
    """Tells who may come in, in the same time whoever asks: connections are read in the background.

    :param conn_ids: the connections with a webhook.
    :param networks: where webhooks may come from; everywhere if there are none.
    """

    def __init__(self, conn_ids: Sequence[str] = (), networks: Sequence[Network] = ()) -> None:
        self._conn_ids = tuple(conn_ids)
        self._networks = tuple(networks)
        nobody = fingerprint(make_token())
        self._nobody = (nobody,) * COMPARED
        self._accepted: dict[str, tuple[bytes, ...]] = {}
        self._unread = set(conn_ids)
        self._complaints: dict[str, str] = {}

    def admits(self, conn_id: str, token: str, *, host: str | None) -> bool:
        """Return whether a token opens a connection's door to somebody at an address."""
        is_known = is_among(fingerprint(token), self._accepted.get(conn_id, self._nobody))
        return is_known & self._is_near(host)

    @property
    def is_ready(self) -> bool:
        """Return whether every connection could be read: until then nobody can be called unknown."""
        return not self._unread

    async def keep_current(self) -> None:
        """Read the connections again and again, after they have been read once."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS if self.is_ready else 1.0)
            await asyncio.to_thread(self.read)

    def read(self) -> None:
        """Read the tokens of all connections. What cannot be read now stays as it was."""
        for conn_id in self._conn_ids:
            try:
                tokens = _tokens_of(conn_id)
            except Exception as error:
                self._complain(conn_id, f"cannot be read, and is tried again: {type(error).__name__}")
                continue
            self._unread.discard(conn_id)
            self._complain(conn_id, "" if tokens else "has no webhook_token: nothing is received for it")
            self.accept(conn_id, tokens)

    def accept(self, conn_id: str, tokens: Sequence[str]) -> None:
        """Let these tokens, and no others, open a connection's door."""
        marks = tuple(map(fingerprint, tokens[:COMPARED]))
        self._accepted[conn_id] = (*marks, *self._nobody[len(marks) :])

    def _complain(self, conn_id: str, why: str) -> None:
        if why and self._complaints.get(conn_id) != why:
            log.warning("Damstra webhooks: connection %r %s.", conn_id, why)
        self._complaints[conn_id] = why

    def _is_near(self, host: str | None) -> bool:
        if not self._networks:
            return True
        try:
            address: Any = ipaddress.ip_address(host or "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _tokens_of(conn_id: str) -> list[str]:
    """Return the tokens that a connection accepts; none if there is no such connection, or it is malformed.

    :raises Exception: whatever a secrets backend raises: a token must not be unknown because one fails.
    """
    connection = find_connection(conn_id)
    try:
        extra = extra_of(connection) if connection else {}
    except ValueError:
        return []
    return accepted_tokens(extra, now=datetime.now(UTC))
