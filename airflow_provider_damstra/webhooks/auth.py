"""Authentication of requests to the receiver: constant-time comparison of tokens, and source networks."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.connection import find_connection, parse_extra

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.config import Network

TOKEN_EXTRA = "webhook_token"  # noqa: S105 (the name of a field)
PREVIOUS_TOKENS_EXTRA = "webhook_tokens_previous"
TOKEN_BYTES = 32
MIN_TOKEN_LENGTH = 43
"""Characters of a URL-safe token of 32 random bytes; shorter tokens are not accepted."""

ROTATION_GRACE_PERIOD = timedelta(days=1)
"""Time during which a token stays accepted after its rotation."""

REFRESH_INTERVAL = timedelta(seconds=10)
"""Maximum delay until a rotated or removed token takes effect."""

RETRY_INTERVAL = timedelta(seconds=1)
MAX_ACCEPTED_TOKENS = 4
"""Hashes that each request is compared with, regardless of the number of its connection's tokens."""

log = logging.getLogger(__name__)

_known_hashes: set[bytes] = set()
"""Hashes of the tokens that this process has accepted; rotated ones, too, must not be logged."""


class TokenAuthenticator:
    """Compare request tokens with the accepted tokens of each connection, in constant time.

    Tokens are cached and refreshed in the background, so that a request never waits for a secrets backend and
    the response time does not reveal whether a connection exists.

    :param conn_ids: ids of the connections whose webhooks are received.
    :param networks: networks that requests may come from; all if empty.
    """

    def __init__(self, conn_ids: Sequence[str], networks: Sequence[Network] = ()) -> None:
        self._conn_ids = tuple(conn_ids)
        self._networks = tuple(networks)
        # Unknown connections are compared with the hash of a random token.
        self._padding = (hash_token(generate_token()),) * MAX_ACCEPTED_TOKENS
        self._hashes: dict[str, tuple[bytes, ...]] = {}
        self._task_hashes: dict[str, tuple[bytes, ...]] = {}
        self._logged: dict[str, str] = {}

    def is_authorized(self, conn_id: str, token: str, *, client_host: str | None) -> bool:
        """Return whether the connection accepts the token, and the client's network is allowed."""
        is_known = matches_any(hash_token(token), self._hashes.get(conn_id, self._padding))
        return is_known & self._is_allowed_host(client_host)

    def is_authorized_task(self, conn_id: str, token: str, *, client_host: str | None) -> bool:
        """Return whether a task sends the token of the connection's access key from an allowed network."""
        is_known = matches_any(hash_token(token), self._task_hashes.get(conn_id, self._padding))
        return is_known & self._is_allowed_host(client_host)

    @property
    def is_ready(self) -> bool:
        """Return whether all connections were loaded; before that, no token is known to be wrong."""
        return all(conn_id in self._hashes for conn_id in self._conn_ids)

    async def refresh_forever(self) -> None:
        """Reload the tokens of all connections periodically; connections are read in a thread."""
        while True:
            interval = REFRESH_INTERVAL if self.is_ready else RETRY_INTERVAL
            await asyncio.sleep(interval.total_seconds())
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Load the tokens of all connections; a connection that cannot be read keeps its tokens."""
        for conn_id in self._conn_ids:
            try:
                tokens, access_key = _load_secrets(conn_id)
            except Exception as error:
                # Only the type of another library's error: its text may contain a secret.
                reason = str(error) if isinstance(error, DamstraError) else type(error).__name__
                self._log_once(conn_id, f"cannot be read, and will be tried again: {reason.rstrip('.')}")
                continue
            self._log_once(conn_id, "" if tokens else "has no webhook_token: its webhooks are not received")
            self._task_hashes[conn_id] = self._hash_all([task_token(access_key)] if access_key else [])
            self.set_tokens(conn_id, tokens)

    def set_tokens(self, conn_id: str, tokens: Sequence[str]) -> None:
        """Replace the accepted tokens of a connection."""
        self._hashes[conn_id] = self._hash_all(tokens)
        _known_hashes.update(self._hashes[conn_id])

    def _hash_all(self, tokens: Sequence[str]) -> tuple[bytes, ...]:
        """Return hashes of tokens, always of the same number."""
        hashes = tuple(map(hash_token, tokens[:MAX_ACCEPTED_TOKENS]))
        return (*hashes, *self._padding[len(hashes) :])

    def _log_once(self, conn_id: str, problem: str) -> None:
        """Log a connection's problem when it differs from the last one; an empty string is no problem."""
        if problem and self._logged.get(conn_id) != problem:
            log.warning("Damstra webhooks: connection %r %s.", conn_id, problem)
        self._logged[conn_id] = problem

    def _is_allowed_host(self, host: str | None) -> bool:
        if not self._networks:
            return True
        try:
            address: Any = ipaddress.ip_address(host or "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _load_secrets(conn_id: str) -> tuple[list[str], str]:
    """Return a connection's accepted tokens and its access key; none if it does not exist or is malformed.

    :raises DamstraTransportError: if a secrets backend fails, which must not revoke tokens.
    """
    stored = find_connection(conn_id)
    if stored is None:
        return [], ""
    access_key = (stored[0].password or "").strip()
    try:
        extra = parse_extra(stored[0])
    except ValueError:
        return [], access_key
    return accepted_tokens(extra, now=datetime.now(UTC)), access_key


def task_token(access_key: str) -> str:
    """Return the token with which a task proves that it has the connection's access key.

    It is not a webhook token: those are in a URL that Damstra has.
    """
    return hmac.digest(access_key.encode(), b"airflow-provider-damstra task", "sha256").hex()


def generate_token() -> str:
    """Return a new URL-safe token of 32 random bytes."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def rotate_token(extra: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return a connection's extra with a new token; its present token stays accepted for a day.

    :param extra: the connection's extra; other fields are kept.
    :param now: the time of the rotation, with a time zone.
    """
    tokens = _previous_tokens(extra, now=now)
    if current := extra.get(TOKEN_EXTRA):
        tokens.append((current, now + ROTATION_GRACE_PERIOD))
    previous = " ".join(
        f"{token}:{end.astimezone(UTC).isoformat(timespec='seconds')}" for token, end in tokens
    )
    rotated = {name: value for name, value in extra.items() if name != PREVIOUS_TOKENS_EXTRA}
    rotated[TOKEN_EXTRA] = generate_token()
    return {**rotated, PREVIOUS_TOKENS_EXTRA: previous} if previous else rotated


def accepted_tokens(extra: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Return the tokens that a connection accepts now, the newest first, without those that are too short.

    :param extra: ``webhook_token`` is the current token; ``webhook_tokens_previous`` holds earlier ones as
        ``<token>:<end of validity in ISO 8601>``, separated by spaces.
    :param now: the present time, with a time zone.
    """
    # The newest first, because the authenticator compares a limited number.
    previous = sorted(_previous_tokens(extra, now=now), key=itemgetter(1), reverse=True)
    tokens = [str(extra.get(TOKEN_EXTRA) or ""), *(token for token, _ in previous)]
    return [token for token in tokens if len(token) >= MIN_TOKEN_LENGTH]


def _previous_tokens(extra: Mapping[str, Any], *, now: datetime) -> list[tuple[str, datetime]]:
    """Return the unexpired tokens of earlier rotations, each with the end of its validity."""
    tokens = []
    for entry in str(extra.get(PREVIOUS_TOKENS_EXTRA) or "").split():
        token, _, until = entry.partition(":")
        try:
            end = datetime.fromisoformat(until)
        except ValueError:
            continue
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
        if token and end > now:
            tokens.append((token, end))
    return tokens


def hash_token(token: str) -> bytes:
    """Return the SHA-256 hash of a token, of the same length for every input."""
    return sha256(token.encode(errors="surrogatepass")).digest()


def is_known_token(text: str) -> bool:
    """Return whether a text is a token that any connection has accepted since the process started."""
    return hash_token(text) in _known_hashes


def matches_any(token_hash: bytes, accepted: Iterable[bytes]) -> bool:
    """Return whether a hash is among the accepted ones; compare it with all of them, in constant time."""
    is_match = False
    for accepted_hash in accepted:
        is_match |= secrets.compare_digest(token_hash, accepted_hash)
    return is_match
