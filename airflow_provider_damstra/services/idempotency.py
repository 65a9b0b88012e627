"""Requests that are safe to repeat: what they change is looked up before or after they are sent."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.errors import DamstraConflictError, DamstraError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.services.intent_log import RecordingClient

Result = TypeVar("Result")

_MAX_IDS_LOGGED = 100

log = logging.getLogger(__name__)


def call_and_verify(
    client: RecordingClient, request: Endpoint[Any], *, is_applied: Callable[[], bool]
) -> bool:
    """Send a request whose effect can be looked up, and return whether this task brought it about.

    After a conflict, or when the outcome is unknown (no response), the effect is looked up. If it is not
    there although there was no conflict, the request is sent once more: use it only for what may be done
    twice.

    :param is_applied: looks the effect up.
    :raises DamstraError: if the request failed and the effect is not there.
    """
    try:
        with client.record(request) as sender:
            sender.call(request)
        return True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
        if is_applied():
            log.info("%s: it is so already.", request.request())
            return not is_conflict or client.intents.was_sent(request)
        if is_conflict:
            raise
        log.warning("%s Its effect is not there; it is sent once more.", error)
    try:
        with client.record(request) as sender:
            sender.call(request)
    except DamstraConflictError:
        # A slow server has carried out the first request after its effect was looked up.
        if not is_applied():
            raise
    return True


def get_or_create(
    client: RecordingClient, request: Endpoint[Result], *, find: Callable[[], Result | None]
) -> tuple[Result, bool]:
    """Return an object, and whether this task created it, in this try or an earlier one.

    Look it up, create it, and look it up again if the outcome of the create is unknown (no response). If it
    is still missing, raise instead of sending the request again: a slow server may still be processing it,
    and would create two. The next try of the task begins with the look-up.

    :param request: creates the object.
    :param find: looks the object up.
    :raises DamstraError: if it could be neither found nor created.
    """
    found = find()
    if found is not None:
        return found, client.intents.was_sent(request)
    try:
        with client.record(request) as sender:
            return sender.call(request), True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
        found = find()
        if found is None:
            raise
        return found, not is_conflict or client.intents.was_sent(request)


def log_or_raise_conflict(message: str, *, strict: bool) -> None:
    """Log that something is already so, or raise it if that is an error.

    :raises DamstraConflictError: if ``strict``.
    """
    if strict:
        raise DamstraConflictError(message)
    log.info(message)


def parse_changes(
    update: type[Endpoint[Any]], changes: Mapping[str, Any], **placeholders: Any
) -> dict[str, Any]:
    """Return changes by their snake_case names, as the update request would send them.

    The API replaces an object as a whole. The changes are validated before the rest of it is read.

    :param changes: by snake_case or API names, with the id of the object.
    :param placeholders: values for fields that the update requires and the changes lack.
    :raises pydantic.ValidationError: naming all that are wrong.
    """
    names = {field.alias: name for name, field in update.model_fields.items()}
    given = {names.get(member, member): value for member, value in changes.items()}
    request = update.model_validate({**placeholders, **given})
    return {name: getattr(request, name) for name in given}


def format_ids(ids: Collection[int]) -> str:
    """Return the first hundred ids and the number of the others, for a log line."""
    more = f" and {len(ids) - _MAX_IDS_LOGGED} more" if len(ids) > _MAX_IDS_LOGGED else ""
    return f"{list(islice(ids, _MAX_IDS_LOGGED))}{more}"
