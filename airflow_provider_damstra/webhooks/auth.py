"""Who may come in: the tokens and the networks that are accepted, known before anybody asks."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.hooks.connection import find_connection, parse_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from airflow_provider_damstra.webhooks.config import Network

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
        nobody = fingerprint(generate_token())
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
    found = find_connection(conn_id)
    try:
        extra = parse_extra(found[0]) if found else {}
    except ValueError:
        return []
    return accepted_tokens(extra, now=datetime.now(UTC))


RANDOM_BYTES = 32

SHORTEST = 43
"""Characters of a token made of 32 random bytes: what is shorter is accepted by nobody."""

ROTATION_GRACE_PERIOD = timedelta(days=1)
"""How long a token is accepted after another one took its place."""

TOKEN_EXTRA = "webhook_token"  # noqa: S105 (the name of a field)

PREVIOUS_TOKENS_EXTRA = "webhook_tokens_previous"


def generate_token() -> str:
    """Return a new token: 32 random bytes, fit for an address."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def rotate_token(extra: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return a connection's extra with a new token; the one it had stays valid for a day.

    :param extra: the connection's extra as it is, with whatever else it holds.
    """
    kept = list(_still_valid(extra.get(PREVIOUS_TOKENS_EXTRA), now))
    if current := extra.get(TOKEN_EXTRA):
        kept.append((current, now + ROTATION_GRACE_PERIOD))
    previous = " ".join(
        f"{token}:{until.astimezone(UTC).isoformat(timespec='seconds')}" for token, until in kept
    )
    others = {name: value for name, value in extra.items() if name != PREVIOUS_TOKENS_EXTRA}
    return {
        **others,
        TOKEN_EXTRA: generate_token(),
        **({PREVIOUS_TOKENS_EXTRA: previous} if previous else {}),
    }


def accepted_tokens(extra: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Return the tokens that a connection accepts now, the current one first. Too short ones are none.

    :param extra: ``webhook_token`` is the current one; ``webhook_tokens_previous`` holds others, each as
        ``<token>:<end of its validity>``, separated by spaces.
    """
    # The youngest first: who compares only some of them keeps those.
    previous = sorted(
        _still_valid(extra.get(PREVIOUS_TOKENS_EXTRA), now), key=lambda one: one[1], reverse=True
    )
    tokens = [str(extra.get(TOKEN_EXTRA) or ""), *(token for token, _ in previous)]
    return [token for token in tokens if len(token) >= SHORTEST]


def fingerprint(token: str) -> bytes:
    """Return what stands for a token where it is kept and compared: of one length, whatever was sent."""
    return sha256(token.encode(errors="surrogatepass")).digest()


def is_among(given: bytes, accepted: Iterable[bytes]) -> bool:
    """Return whether a fingerprint is one of those accepted, looking at all of them in constant time."""
    found = False
    for one in accepted:
        found |= secrets.compare_digest(given, one)
    return found


def _still_valid(previous: Any, now: datetime) -> Iterable[tuple[str, datetime]]:
    for entry in str(previous or "").split():
        token, _, until = entry.partition(":")
        try:
            end = datetime.fromisoformat(until)
        except ValueError:
            continue
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
        if token and end > now:
            yield token, end


HIDDEN = "***"

_ADDRESS = re.compile(r"(?P<shown>.*/damstra/+webhooks/+(?:[^/]+/+)?)(?P<token>.+)", re.I | re.S)

_KEY = "damstra.webhook_token"


class TokenHider:
    """ASGI middleware that takes the token out of a request's path before anything is done with the request.

    Access logs (Airflow's and uvicorn's) read the path from the same scope when the answer is there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            hide_token(scope)
        await self.app(scope, receive, send)


def hide_token(scope: Scope) -> None:
    """Move the token from the path to where only :func:`hidden_token` finds it."""
    address = _ADDRESS.fullmatch(scope["path"])
    if address and address["token"] != HIDDEN:
        scope[_KEY] = address["token"]
        scope["path"] = address["shown"] + HIDDEN
        scope["raw_path"] = scope["path"].encode(errors="surrogateescape")


def hidden_token(scope: Scope) -> str:
    """Return the token that a request's path had, or nothing."""
    return str(scope.get(_KEY, ""))
