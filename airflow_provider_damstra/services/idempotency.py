"""What actions need of a client or hook, and how they ask many questions at once."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models.base import Model
from airflow_provider_damstra.services.intent_log import send, was_sent_before

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = 16
"""Threads of a fan-out; how many of them send at once is the connection's ``max_concurrency``."""

PROGRESS_EVERY = 5.0
"""Seconds between two progress lines in the log."""

_SHOWN = 100

log = logging.getLogger(__name__)


class Caller(Protocol):
    """A ``Client`` or a ``DamstraHook``."""

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call."""

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""


def call_and_verify(caller: Caller, endpoint: Endpoint[Any], *, is_done: Callable[[], bool]) -> bool:
    """Make a call whose effect can be looked up, and return whether this call brought it about.

    When the server says it conflicts, or nobody knows whether it was carried out, the effect is looked up: if
    it is there, all is well; if it is not, and only the answer was lost, the call is made once more. So it is
    only for what does no harm when it is done twice.

    :raises DamstraError: if the call failed and the effect is not there.
    """
    try:
        send(caller, endpoint)
        return True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.may_have_been_carried_out):
            raise
        if is_done():
            log.info("%s: it is so already.", endpoint.request())
            return not is_conflict
        if is_conflict:
            raise
        log.warning("%s Its effect is not there; it is sent once more.", error)
    send(caller, endpoint)
    return True


def get_or_create(
    caller: Caller, wanted: Endpoint[Answer], *, find: Callable[[], Answer | None]
) -> tuple[Answer, bool]:
    """Return what is wanted and whether this task created it, now or in an earlier attempt.

    It is looked for before it is created, and again when nobody knows whether it was. If it is not there
    then, it is not sent again at once: a slow server may still be at it, and would do it twice. A later try
    looks first.

    :raises DamstraError: if it could be neither found nor created.
    """
    found = find()
    if found is not None:
        return found, was_sent_before(caller, wanted)
    try:
        return send(caller, wanted), True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.may_have_been_carried_out):
            raise
        found = find()
        if found is None:
            raise
        return found, not is_conflict


def changed_by_earlier_try(caller: Caller, change: Endpoint[Any], message: str, *, strict: bool) -> bool:
    """Return whether what is so already was brought about by an earlier attempt of the task.

    :param message: what is said, in the log or as an error, if it was not.
    :raises DamstraConflictError: if it was not, and ``strict``.
    """
    if was_sent_before(caller, change):
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


def shown(ids: Collection[int]) -> str:
    """Return ids as a log shows them: the first hundred, and how many there are."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{list(islice(ids, _SHOWN))}{more}"


def fan_out(
    function: Callable[[Item], Result], items: Sequence[Item], *, what: str
) -> list[tuple[Item, Result | DamstraError]]:
    """Return each item with its result or the error it met, in order, working on several at once.

    :param what: what is done, for the progress line, such as ``"users scheduled"``.
    """
    return list(zip(items, gather(lambda item: _caught(function, item), items, what=what), strict=True))


def gather(function: Callable[[Item], Result], items: Sequence[Item], *, what: str) -> list[Result]:
    """Return each item's result, in order, working on several at once. The first error ends it.

    :param what: what is done, for the progress line, such as ``"people read"``.
    :raises DamstraError: if one item failed; those that had not begun then are not begun.
    """
    results: dict[int, Result] = {}
    pool = ThreadPoolExecutor(max_workers=min(WORKERS, len(items)) or 1, thread_name_prefix="damstra")
    try:
        places = {pool.submit(function, item): place for place, item in enumerate(items)}
        for done in _with_progress(as_completed(places), total=len(items), what=what):
            results[places[done]] = done.result()
    finally:
        # When the task is killed or an item failed, what has not begun does not begin any more.
        pool.shutdown(cancel_futures=True)
    return [results[place] for place in range(len(items))]


def _caught(function: Callable[[Item], Result], item: Item) -> Result | DamstraError:
    try:
        return function(item)
    except DamstraError as error:
        return error


def _with_progress(items: Iterable[Item], *, total: int, what: str) -> Iterator[Item]:
    said = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - said >= PROGRESS_EVERY:
            said = time.monotonic()
            log.info("%d of %d %s", count, total, what)
