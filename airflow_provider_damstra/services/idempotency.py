"""What actions need of a client or hook, and how they ask many questions at once."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models.base import Model
from airflow_provider_damstra.services.intent_log import send, was_sent_before

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)
_SHOWN = 100

log = logging.getLogger(__name__)


class SupportsCalls(Protocol):
    """A ``Client`` or a ``DamstraHook``."""

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call."""

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""


def call_and_verify(client: SupportsCalls, endpoint: Endpoint[Any], *, is_done: Callable[[], bool]) -> bool:
    """Make a call whose effect can be looked up, and return whether this call brought it about.

    When the server says it conflicts, or nobody knows whether it was carried out, the effect is looked up: if
    it is there, all is well; if it is not, and only the answer was lost, the call is made once more. So it is
    only for what does no harm when it is done twice.

    :raises DamstraError: if the call failed and the effect is not there.
    """
    try:
        send(client, endpoint)
        return True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
        if is_done():
            log.info("%s: it is so already.", endpoint.request())
            return not is_conflict
        if is_conflict:
            raise
        log.warning("%s Its effect is not there; it is sent once more.", error)
    send(client, endpoint)
    return True


def get_or_create(
    client: SupportsCalls, wanted: Endpoint[Answer], *, find: Callable[[], Answer | None]
) -> tuple[Answer, bool]:
    """Return what is wanted and whether this task created it, now or in an earlier attempt.

    It is looked for before it is created, and again when nobody knows whether it was. If it is not there
    then, it is not sent again at once: a slow server may still be at it, and would do it twice. A later try
    looks first.

    :raises DamstraError: if it could be neither found nor created.
    """
    found = find()
    if found is not None:
        return found, was_sent_before(client, wanted)
    try:
        return send(client, wanted), True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
        found = find()
        if found is None:
            raise
        return found, not is_conflict


def changed_by_earlier_try(
    client: SupportsCalls, change: Endpoint[Any], message: str, *, strict: bool
) -> bool:
    """Return whether what is so already was brought about by an earlier attempt of the task.

    :param message: what is said, in the log or as an error, if it was not.
    :raises DamstraConflictError: if it was not, and ``strict``.
    """
    if was_sent_before(client, change):
        log.info("%s: an earlier attempt of this task has done it.", change.request())
        return True
    refuse_if_strict(message, strict=strict)
    return False


def refuse_if_strict(message: str, *, strict: bool) -> None:
    """Say that something is so already: in the log, or as an error if nothing was to be so.

    :raises DamstraConflictError: if ``strict``.
    """
    if strict:
        raise DamstraConflictError(message)
    log.info(message)


def format_ids(ids: Collection[int]) -> str:
    """Return ids as a log shows them: the first hundred, and how many there are."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{list(islice(ids, _SHOWN))}{more}"
