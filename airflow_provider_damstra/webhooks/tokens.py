"""The secrets in the addresses of the webhook receiver: made, rotated, recognised."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RANDOM_BYTES = 32
SHORTEST = 43
"""Characters of a token made of 32 random bytes: what is shorter is accepted by nobody."""

STAYS_VALID = timedelta(days=1)
"""How long a token is accepted after another one took its place."""

CURRENT = "webhook_token"
PREVIOUS = "webhook_tokens_previous"


def make_token() -> str:
    """Return a new token: 32 random bytes, fit for an address."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def rotate(extra: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return a connection's extra with a new token; the one it had stays valid for a day.

    :param extra: the connection's extra as it is, with whatever else it holds.
    """
    kept = list(_still_valid(extra.get(PREVIOUS), now))
    if current := extra.get(CURRENT):
        kept.append((current, now + STAYS_VALID))
    previous = " ".join(
        f"{token}:{until.astimezone(UTC).isoformat(timespec='seconds')}" for token, until in kept
    )
    others = {name: value for name, value in extra.items() if name != PREVIOUS}
    return {**others, CURRENT: make_token(), **({PREVIOUS: previous} if previous else {})}


def accepted_tokens(extra: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Return the tokens that a connection accepts now, the current one first. Too short ones are none.

    :param extra: ``webhook_token`` is the current one; ``webhook_tokens_previous`` holds others, each as
        ``<token>:<end of its validity>``, separated by spaces.
    """
    # The youngest first: who compares only some of them keeps those.
    previous = sorted(_still_valid(extra.get(PREVIOUS), now), key=lambda one: one[1], reverse=True)
    tokens = [str(extra.get(CURRENT) or ""), *(token for token, _ in previous)]
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
