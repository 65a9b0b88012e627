"""Idempotent requests: the state that they change is looked up before or after they are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.text import escape_unprintable

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.services.intent_log import RecordingClient

Result = TypeVar("Result")
Found = TypeVar("Found")
UpdateRequest = TypeVar("UpdateRequest", bound="Endpoint[Any]")

_MAX_IDS_LOGGED = 100

log = logging.getLogger(__name__)


def call_and_verify(
    client: RecordingClient, request: Endpoint[Any], *, is_applied: Callable[[], bool]
) -> bool:
    """Send a request whose effect can be looked up, and return whether this task caused it.

    After a conflict, or when the outcome is unknown (no response), the effect is looked up. If it is
    missing without a conflict, the request is sent again: use this only for idempotent requests.

    :param is_applied: looks up whether the effect is present.
    :raises DamstraError: if the request failed and the effect is missing.
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
            log.info("%s: already in effect.", request.request())
            return not is_conflict or client.intents.was_sent(request)
        if is_conflict:
            raise
        log.warning("%s Its effect is missing; it is sent again.", error)
    try:
        with client.record(request) as sender:
            sender.call(request)
    except DamstraConflictError:
        # A slow server has carried out the first request after its effect was looked up.
        if not is_applied():
            raise
    return True


def get_or_create(
    client: RecordingClient, request: Endpoint[Result], *, find: Callable[[], Found | None]
) -> tuple[Result, bool] | tuple[Found, bool]:
    """Return an object, and whether this task created it, in this try or an earlier one.

    Look it up, create it, and look it up again if the outcome of the create is unknown (no response). If it
    is still missing, raise instead of sending the request again: a slow server may still be processing it,
    which would create a duplicate. The next try of the task begins with the look-up.

    :param request: creates the object.
    :param find: looks the object up.
    :raises DamstraError: if it could be neither found nor created.
    """
    existing = find()
    if existing is not None:
        return existing, client.intents.was_sent(request)
    try:
        with client.record(request) as sender:
            return sender.call(request), True
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
        existing = find()
        if existing is None:
            raise
        return existing, not is_conflict or client.intents.was_sent(request)


def log_or_raise_conflict(message: str, *, strict: bool) -> None:
    """Log a message about existing state, or raise it as a conflict.

    :raises DamstraConflictError: if ``strict``.
    """
    if strict:
        raise DamstraConflictError(message)
    # It may contain a name that the server sent.
    log.info("%s", escape_unprintable(message))


def parse_changes(
    update: type[Endpoint[Any]], changes: Mapping[str, Any], **placeholders: Any
) -> dict[str, Any]:
    """Return changes by their snake_case names, as the update request would send them.

    The API replaces an object as a whole. The changes are validated before its other fields are read.

    :param changes: by snake_case or API names, with the id of the object.
    :param placeholders: values for fields that the update requires but the changes do not contain.
    :raises pydantic.ValidationError: naming all invalid changes.
    """
    names = {field.serialization_alias: name for name, field in update.model_fields.items()}
    by_name = {names.get(member, member): value for member, value in changes.items()}
    request = update.model_validate({**placeholders, **by_name})
    return {name: getattr(request, name) for name in by_name}


def replace_fields(
    update: type[UpdateRequest], current: Mapping[str, Any], changes: Mapping[str, Any]
) -> UpdateRequest:
    """Return the request that replaces an object. Strings that do not change are sent exactly as they are.

    :param current: the fields of the object.
    :param changes: the result of ``parse_changes``.
    """
    unchanged = {name: value for name, value in current.items() if name not in changes}
    strings = {name: value for name, value in unchanged.items() if isinstance(value, str)}
    return update(**{**unchanged, **changes}).model_copy(update=strings)


def format_ids(ids: Collection[int]) -> str:
    """Return the first hundred ids and the number of the others, for a log line."""
    more = f" and {len(ids) - _MAX_IDS_LOGGED} more" if len(ids) > _MAX_IDS_LOGGED else ""
    return f"{list(islice(ids, _MAX_IDS_LOGGED))}{more}"
