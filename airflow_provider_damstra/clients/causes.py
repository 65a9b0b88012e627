"""Why no answer came, in plain words: the libraries wrap the reason deep, and each in its own way."""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Cause = TypeVar("Cause", bound=BaseException)

_NO_TUNNEL = "Tunnel connection failed: "
"""How ``http.client`` begins what a proxy said."""

HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What the ssl module raises where the other end has only hung up."""

BROKE = "the connection broke before an answer came"


def in_plain_words(error: BaseException) -> str:
    """Return the reason why a connection could not be made, or why it broke."""
    if find_cause(error, socket.gaierror):
        return "its name cannot be resolved"
    refused = find_cause(error, ssl.SSLError)
    if refused and not isinstance(refused, HUNG_UP):
        return (
            getattr(refused, "verify_message", "")
            or (refused.reason or "TLS error").replace("_", " ").lower()
        )
    failed = find_cause(error, OSError)
    if failed and failed.errno and not isinstance(failed, (ConnectionResetError, BrokenPipeError, *HUNG_UP)):
        return os.strerror(failed.errno).lower()
    if failed and str(failed).startswith(_NO_TUNNEL):
        return refused_by_proxy(str(failed).removeprefix(_NO_TUNNEL))
    return BROKE


def refused_by_proxy(answer: str) -> str:
    """Return that a proxy did not lead to the server.

    :param answer: status and reason that it gave.
    """
    return f"the proxy before it refused to connect: {answer}"


def find_cause(error: BaseException, kind: type[Cause]) -> Cause | None:
    """Return the innermost exception of a kind among an error and what is wrapped in it."""
    return next((one for one in _wrapped(error, set()) if isinstance(one, kind)), None)


def _wrapped(error: object, seen: set[int]) -> Iterator[BaseException]:
    if not isinstance(error, BaseException) or id(error) in seen:
        return
    seen.add(id(error))
    inner = [*error.args, getattr(error, "reason", None), getattr(error, "os_error", None)]
    inner += [getattr(error, "certificate_error", None), error.__cause__, error.__context__]
    for one in inner:
        yield from _wrapped(one, seen)
    yield error
